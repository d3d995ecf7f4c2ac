/* cli/graph_export.c - `subgraph`: what is around some entities, as items, files or a picture.
 *
 *   {"subgraph":["people/1"],…  ─► items ─┬─ JSON lines, a table
 *                                         └─ cli_graph ─► --graphml, --dot, --json-graph, --svg
 *
 * A file appears when it is whole: it is written beside its place and renamed. Several may be asked
 * for at once; one of them may be `-`, standard output.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "graph_items.h"
#include "path_rows.h"
#include "replies.h"

enum { DRAWN_MAX = 1500 };

typedef struct graph_form {
  uint64_t own;
  const char *name; /* of the option */
  void (*write)(const cli_graph *g, cli_text *out);
} graph_form;

static const graph_form forms[] = {{CLI_OWN_GRAPHML, "graphml", cli_graphml},
                                   {CLI_OWN_DOT, "dot", cli_graph_dot},
                                   {CLI_OWN_JSON_GRAPH, "json-graph", cli_graph_json},
                                   {CLI_OWN_SVG, "svg", cli_graph_svg}};

enum { FORM_COUNT = sizeof forms / sizeof forms[0] };

/* The file of a form, or NULL. */
static const char *file_of(const cli_session *s, const graph_form *f) {
  cli_own_option own;
  for (size_t i = 0; cli_own_given(s->options, i, &own); i++)
    if (strcmp(own.name, f->name) == 0) return own.text;
  return NULL;
}

static int check_forms(const cli_session *s, bool *wants) {
  size_t count = 0, printed = 0;
  for (size_t i = 0; i < FORM_COUNT; i++) {
    const char *path = file_of(s, &forms[i]);
    if (path == NULL) continue;
    if (path[0] == '\0') return cli_usage_error(s->name, "--%s needs a file", forms[i].name);
    count++;
    printed += strcmp(path, "-") == 0;
  }
  *wants = count > 0;
  if (printed > 1) return cli_usage_error(s->name, "only one form can go to standard output");
  if (count > 0 && cli_has(s->options, CLI_OPT_TELLS))
    return cli_usage_error(s->name, "--explain and --plan show no graph: leave out the files");
  return CLI_DONE;
}

/* ---- files ---- */

static int fail(const char *path) {
  return cli_error("STORAGE_ERROR", "%s: %s", path, strerror(errno));
}

static bool write_all(const char *path, const cli_text *text) {
  FILE *f = fopen(path, "wb");
  bool is_done;
  if (f == NULL) return false;
  is_done = fwrite(cli_text_c(text), 1, text->len, f) == text->len;
  return fclose(f) == 0 && is_done;
}

static int write_file(const char *path, const cli_text *text) {
  cli_text part = {0};
  int status = CLI_DONE;
  if (strcmp(path, "-") == 0) { /* main.c looks after failures of standard output */
    (void)fwrite(cli_text_c(text), 1, text->len, stdout);
    return CLI_DONE;
  }
  cli_text_str(&part, path);
  cli_text_str(&part, ".part-");
  cli_text_u64(&part, (uint64_t)getpid());
  if (!write_all(part.p, text) || rename(part.p, path) != 0) {
    status = fail(path);
    (void)unlink(part.p);
  }
  cli_text_release(&part);
  return status;
}

/* ---- the command ---- */

static void take_item(void *ud, const cli_screen *screen, const char *json, size_t len) {
  (void)screen;
  cli_graph_add(ud, json, len);
}

static int write_forms(const cli_session *s, const cli_graph *g) {
  int status = CLI_DONE;
  for (size_t i = 0; i < FORM_COUNT && status == CLI_DONE; i++) {
    const char *path = file_of(s, &forms[i]);
    cli_text text = {0};
    if (path == NULL) continue;
    if (forms[i].own == CLI_OWN_SVG && g->node_count > DRAWN_MAX)
      return cli_error(pqdb_status_name(PQDB_LIMIT_EXCEEDED),
                       "a picture shows at most %d nodes, these are %zu: ask for fewer with "
                       "--max-nodes, or for another form",
                       DRAWN_MAX, g->node_count);
    forms[i].write(g, &text);
    status = write_file(path, &text);
    cli_text_release(&text);
  }
  return status;
}

static int export_graph(cli_session *s) {
  cli_value more, summary;
  cli_graph g = {0};
  int status = cli_add_options(s);
  if (status == CLI_DONE) status = cli_execute(s, PQDB_READ, take_item, &g);
  if (status == CLI_DONE) status = write_forms(s, &g);
  cli_graph_release(&g);
  if (status != CLI_DONE) return status;
  summary = cli_json_value(cli_text_c(&s->summary), s->summary.len);
  more = cli_json_field(summary, "hasMore");
  if (more.kind == CLI_JSON_BOOL && more.text[0] == 't') {
    (void)fflush(stdout);
    fprintf(stderr, "parquedb: note: there are more; ask with a larger --max-nodes\n");
  }
  return CLI_DONE;
}

int cli_run_subgraph(cli_session *s, char **words, int word_count) {
  bool wants_files = false;
  int status = check_forms(s, &wants_files);
  for (int i = 0; i < word_count && status == CLI_DONE; i++)
    status = cli_check_id(s, "ID", words[i]);
  if (status != CLI_DONE) return status;
  cli_text_str(&s->request, "{\"subgraph\":[");
  for (int i = 0; i < word_count; i++) {
    if (i > 0) cli_text_byte(&s->request, ',');
    cli_text_json(&s->request, words[i], strlen(words[i]));
  }
  cli_text_byte(&s->request, ']');
  return wants_files ? export_graph(s) : cli_list_rows(s, cli_graph_columns, cli_show_graph);
}
