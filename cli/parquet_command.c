/* cli/parquet_command.c - `parquedb parquet`: look into any Parquet file, without a warehouse.
 *
 *   schema    port/parquet_tool.h ─► message text
 *   inspect                       ─► JSON objects ─► report and table, or lines
 *   verify                        ─► a line for each problem, exit status 1 if there is any
 *   cat       parquedb/convert.h  ─► blocks of JSON lines
 *
 * The only sub-command that looks past the public headers: page headers and checks are no business
 * of a program that stores documents.
 */
#define _POSIX_C_SOURCE 200809L
#include <string.h>

#include "commands.h"
#include "port/parquet_tool.h"
#include "progress.h"
#include "text_table.h"

enum { VALUE_SHOWN_LEN = 60 };

static int tool_failure(pq_tool *t, int rc) {
  return rc == PQDB_OK ? CLI_DONE : cli_error(pqdb_status_name(rc), "%s", pq_tool_message(t));
}

/* ---- schema ---- */

static int show_schema(cli_session *s, pq_tool *t) {
  const char *text;
  size_t len;
  int rc = pq_tool_schema(t, cli_has(s->options, CLI_OPT_LEVELS), &text, &len);
  if (rc != PQDB_OK) return tool_failure(t, rc);
  cli_print_text(&s->screen, text, len);
  return CLI_DONE;
}

/* ---- inspect ---- */

static void show_line(void *ud, const char *json, size_t len) {
  cli_session *s = ud;
  cli_print_line(&s->screen, json, len);
}

static void add_row(void *ud, const char *json, size_t len) {
  cli_table *table = ud;
  cli_table_add(table, json, len);
}

static int inspect_file(cli_session *s, pq_tool *t) {
  static const char *const names[] = {"rowGroup", "column", "type",  "codec", "encodings",
                                      "pages",    "values", "nulls", "bytes", "unpacked",
                                      "ratio",    "has",    NULL};
  static const char *const encoding_names[] = {"encoding", "pages", "values", "bytes",
                                               "unpacked", "ratio", NULL};
  bool has_groups = cli_has(s->options, CLI_OPT_ROW_GROUPS), is_json = cli_wants_json(s);
  cli_screen wide = s->screen; /* numbers that are cut are of no use */
  pq_tool_listener to = {.ud = s, .line = show_line};
  cli_table table;
  const char *json;
  size_t len;
  int rc = pq_tool_describe(t, is_json ? 0 : VALUE_SHOWN_LEN, &json, &len);
  if (rc != PQDB_OK) return tool_failure(t, rc);
  if (is_json) {
    cli_print_line(&s->screen, json, len);
    rc = pq_tool_columns(t, has_groups, to);
    if (rc == PQDB_OK) rc = pq_tool_encodings(t, to);
    return tool_failure(t, rc);
  }
  cli_print_report(&s->screen, json, len, NULL);
  printf("\n");
  wide.width = 0;
  cli_table_init(&table, &wide, has_groups ? names : names + 1);
  table.is_whole = true;
  to = (pq_tool_listener){.ud = &table, .line = add_row};
  rc = pq_tool_columns(t, has_groups, to);
  cli_table_end(&table);
  if (rc != PQDB_OK) return tool_failure(t, rc);
  printf("\n");
  cli_table_init(&table, &wide, encoding_names);
  table.is_whole = true;
  rc = pq_tool_encodings(t, to);
  cli_table_end(&table);
  return tool_failure(t, rc);
}

/* ---- verify ---- */

typedef struct verify_view {
  cli_session *s;
  const char *path;
  cli_bar bar;
} verify_view;

static void show_problem(void *ud, const char *text, size_t len) {
  verify_view *v = ud;
  cli_text line = {0};
  cli_bar_clear(&v->bar);
  if (cli_wants_json(v->s)) {
    cli_text_str(&line, "{\"problem\":");
    cli_text_json(&line, text, len);
    cli_text_byte(&line, '}');
    cli_print_line(&v->s->screen, cli_text_c(&line), line.len);
  } else {
    cli_print_text(&v->s->screen, text, len);
    printf("\n");
  }
  cli_text_release(&line);
}

static void show_progress(void *ud, uint64_t done, uint64_t total) {
  verify_view *v = ud;
  cli_bar_draw(&v->bar, done, total, NULL, 0);
}

static int verify_file(cli_session *s, pq_tool *t) {
  verify_view view = {.s = s};
  pq_tool_listener to = {.ud = &view, .line = show_problem, .progress = show_progress};
  pq_tool_verdict v;
  int rc;
  cli_bar_begin(&view.bar, s, "verify");
  rc = pq_tool_verify(t, to, &v);
  cli_bar_clear(&view.bar);
  if (rc != PQDB_OK) return tool_failure(t, rc);
  printf(
      cli_wants_json(s) ? "{\"rowGroups\":%llu,\"chunks\":%llu,\"pages\":%llu,\"values\":%llu,"
                          "\"bytes\":%llu,\"problems\":%llu}\n"
                        : "checked %llu row groups, %llu column chunks, %llu pages, %llu values, "
                          "%llu bytes: %llu problems\n",
      (unsigned long long)v.row_groups, (unsigned long long)v.chunks, (unsigned long long)v.pages,
      (unsigned long long)v.values, (unsigned long long)v.bytes, (unsigned long long)v.problems);
  return v.problems == 0 ? CLI_DONE : CLI_REFUSED;
}

static int with_tool(cli_session *s, const char *path, int (*run)(cli_session *, pq_tool *)) {
  pq_tool *t;
  int rc = pq_tool_open(path, &t);
  int status = rc == PQDB_OK ? run(s, t) : tool_failure(t, rc);
  pq_tool_close(t);
  return status;
}

/* ---- cat ---- */

/* Print the lines of a block, at most *left of them. */
static void show_rows(const cli_session *s, const char *text, size_t len, uint64_t *left) {
  while (len > 0 && *left > 0) {
    const char *end = memchr(text, '\n', len);
    size_t line_len = end == NULL ? len : (size_t)(end - text);
    cli_print_line(&s->screen, text, line_len);
    --*left;
    if (end == NULL) return;
    text += line_len + 1;
    len -= line_len + 1;
  }
}

static int cat_rows(cli_session *s, pqdb_reader *r, uint64_t left) {
  const char *text;
  size_t len;
  uint64_t rows;
  int rc = PQDB_ROW;
  while (left > 0 && (s->interrupt == NULL || !*s->interrupt)) {
    rc = pqdb_reader_next(r, &text, &len, &rows);
    if (rc != PQDB_ROW) break;
    show_rows(s, text, len, &left);
  }
  if (rc == PQDB_ROW || rc == PQDB_DONE) return CLI_DONE;
  return cli_error(pqdb_status_name(rc), "%s", pqdb_reader_message(r));
}

static int cat_file(cli_session *s, const char *path) {
  const cli_options *o = s->options;
  uint64_t limit = cli_has(o, CLI_OPT_LIMIT) && o->limit > 0 ? o->limit : UINT64_MAX;
  pqdb_reader_options options = {.size = sizeof options,
                                 .format = PQDB_FORMAT_PARQUET,
                                 .columns = cli_has(o, CLI_OPT_COLUMNS) ? o->columns : NULL,
                                 .skip = cli_has(o, CLI_OPT_SKIP) ? o->skip : 0,
                                 .is_raw = 1,
                                 .is_forgiving = cli_has(o, CLI_OPT_FORGIVE)};
  pqdb_reader *r;
  int rc, status;
  if (limit < UINT32_MAX) options.block_row_max = limit;
  if (options.block_row_max > 5000) options.block_row_max = 0;
  rc = pqdb_reader_open(path, &options, &r);
  status = rc == PQDB_OK ? cat_rows(s, r, limit)
                         : cli_error(pqdb_status_name(rc), "%s", pqdb_reader_message(r));
  pqdb_reader_close(r);
  return status;
}

/* ---- which of them ---- */

int cli_run_parquet(cli_session *s, char **words, int word_count) {
  static const struct {
    const char *name;
    uint64_t options;
    int (*run)(cli_session *, pq_tool *);
  } verbs[] = {{"inspect", CLI_OPT_ROW_GROUPS, inspect_file},
               {"cat", CLI_OPT_LIMIT | CLI_OPT_SKIP | CLI_OPT_COLUMNS | CLI_OPT_FORGIVE, NULL},
               {"schema", CLI_OPT_LEVELS, show_schema},
               {"verify", 0, verify_file}};
  cli_nearest nearest = {words[0], NULL, 0};
  (void)word_count;
  for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
    char name[32];
    int status;
    cli_nearest_offer(&nearest, verbs[i].name);
    if (strcmp(words[0], verbs[i].name) != 0) continue;
    (void)snprintf(name, sizeof name, "parquet %s", verbs[i].name);
    status = cli_options_allow(s->options, verbs[i].options | CLI_OPT_COMMON, 0, name);
    if (status != CLI_DONE) return status;
    return verbs[i].run == NULL ? cat_file(s, words[1]) : with_tool(s, words[1], verbs[i].run);
  }
  if (nearest.name != NULL) {
    return cli_usage_error("parquet",
                           "'%s' is none of inspect, cat, schema, verify; "
                           "did you mean '%s'?",
                           words[0], nearest.name);
  }
  return cli_usage_error("parquet", "'%s' is none of inspect, cat, schema, verify", words[0]);
}
