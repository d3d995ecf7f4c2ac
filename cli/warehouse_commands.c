/* cli/warehouse_commands.c - the sub-commands on the warehouse as a whole, and `run`.
 *
 * Like those of commands.c, each is one command document (doc/commands.md). Where a table would
 * hide what one came for, such as the path of a file, its columns are as wide as they need to be.
 */
#define _XOPEN_SOURCE 700

#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "replies.h"
#include "text_table.h"

/* ---- the warehouse ---- */

int cli_run_flush(cli_session *s, char **words, int word_count) {
  int status;
  (void)words;
  (void)word_count;
  cli_text_str(&s->request, "{\"flush\":1");
  status = cli_execute(s, PQDB_WRITE, NULL, NULL);
  if (status != CLI_DONE) return status;
  if (cli_wants_json(s)) {
    cli_print_summary(s);
  } else if (cli_summary_u64(s, "entry") == 0) {
    printf("nothing to flush\n");
  } else {
    printf("flushed %llu events into %llu files, %llu bytes (entry %llu)\n",
           (unsigned long long)cli_summary_u64(s, "events"),
           (unsigned long long)cli_summary_u64(s, "files"),
           (unsigned long long)cli_summary_u64(s, "bytes"),
           (unsigned long long)cli_summary_u64(s, "entry"));
  }
  return CLI_DONE;
}

typedef struct file_list {
  cli_table table;
  uint64_t count, rows, bytes;
} file_list;

static void add_file(void *ud, const cli_screen *screen, const char *json, size_t len) {
  file_list *list = ud;
  cli_value file = cli_json_value(json, len);
  (void)screen;
  list->count++;
  list->rows += cli_json_u64(cli_json_field(file, "rows"));
  list->bytes += cli_json_u64(cli_json_field(file, "bytes"));
  cli_table_add(&list->table, json, len);
}

static int list_files(cli_session *s) {
  static const char *const columns[] = {"path", "kind", "rows", "bytes", NULL};
  cli_screen wide = s->screen; /* a path that is cut is of no use */
  char total[128];
  int status, len;
  file_list list = {0};
  wide.width = 0;
  cli_table_init(&list.table, &wide, columns);
  list.table.is_whole = true;
  status = cli_execute(s, PQDB_READ, add_file, &list);
  len = snprintf(total, sizeof total,
                 "{\"path\":\"total of %llu files\",\"rows\":%llu,\"bytes\":%llu}",
                 (unsigned long long)list.count, (unsigned long long)list.rows,
                 (unsigned long long)list.bytes);
  if (status == CLI_DONE) cli_table_add(&list.table, total, (size_t)len);
  cli_table_end(&list.table);
  return status;
}

static void show_sql(void *ud, const cli_screen *screen, const char *json, size_t len) {
  cli_text text = {0};
  (void)ud;
  cli_json_decode(cli_json_field(cli_json_value(json, len), "sql"), &text);
  cli_print_line(screen, cli_text_c(&text), text.len);
  cli_text_release(&text);
}

/* Ask for the SELECT, with absolute paths so that it runs from anywhere. */
static void add_sql(cli_session *s) {
  char *root = realpath(cli_warehouse(s), NULL);
  cli_add_true(s, "sql");
  if (root != NULL) cli_add_text(s, "root", root);
  free(root);
}

int cli_run_files(cli_session *s, char **words, int word_count) {
  static const struct {
    uint32_t bit;
    const char *kind;
  } kinds[] = {{CLI_OPT_EDGES, "edges"},
               {CLI_OPT_EDGES_REVERSE, "edges-reverse"},
               {CLI_OPT_EVENTS, "events"}};
  const char *kind = NULL;
  int chosen = word_count, status;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (!cli_has(s->options, kinds[i].bit)) continue;
    kind = kinds[i].kind;
    chosen++;
  }
  if (chosen != 1) {
    return cli_usage_error(s->name, "give one of COLL, --edges, --edges-reverse, --events");
  }
  cli_begin(s, "files", word_count == 1 ? words[0] : "");
  if (kind != NULL) cli_add_text(s, "kind", kind);
  if (cli_has(s->options, CLI_OPT_SQL)) add_sql(s);
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  if (cli_wants_json(s)) return cli_execute(s, PQDB_READ, cli_show_line, NULL);
  if (cli_has(s->options, CLI_OPT_EXPLAIN)) return cli_execute(s, PQDB_READ, cli_show_report, NULL);
  if (cli_has(s->options, CLI_OPT_SQL)) return cli_execute(s, PQDB_READ, show_sql, NULL);
  return list_files(s);
}

/* The report without its collections, then these as a table. */
static void show_stats(void *ud, const cli_screen *screen, const char *json, size_t len) {
  static const char *const columns[] = {"name", "rows", "files", "bytes", "indexColumns", NULL};
  cli_value list = cli_json_field(cli_json_value(json, len), "collections"), key, collection;
  cli_json_walk w = cli_json_enter(list);
  cli_table table;
  (void)ud;
  cli_print_report(screen, json, len, "collections");
  cli_table_init(&table, screen, columns);
  table.is_whole = true;
  while (cli_json_next(&w, &key, &collection)) {
    if (table.row_count == 0) fputc('\n', screen->file);
    cli_table_add(&table, collection.text, collection.len);
  }
  cli_table_end(&table);
}

/* The paths of a collection. */
static int path_stats(cli_session *s, const char *collection) {
  static const char *const columns[] = {"path",  "column", "type", "values",
                                        "nulls", "others", "why",  NULL};
  cli_screen wide = s->screen; /* the reason is what one came for */
  cli_table table;
  int status;
  cli_begin(s, "stats", collection);
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  if (cli_wants_json(s)) return cli_execute(s, PQDB_READ, cli_show_line, NULL);
  wide.width = 0;
  cli_table_init(&table, &wide, columns);
  table.is_whole = true;
  status = cli_execute(s, PQDB_READ, cli_show_table, &table);
  cli_table_end(&table);
  return status;
}

int cli_run_stats(cli_session *s, char **words, int word_count) {
  bool is_explained = cli_has(s->options, CLI_OPT_EXPLAIN);
  int status;
  if (word_count == 1) return path_stats(s, words[0]);
  cli_text_str(&s->request, "{\"stats\":1");
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  if (is_explained)
    return cli_execute(s, PQDB_READ, cli_wants_json(s) ? cli_show_line : cli_show_report, NULL);
  return cli_execute(s, PQDB_READ, cli_wants_json(s) ? cli_show_line : show_stats, NULL);
}

int cli_run_collections(cli_session *s, char **words, int word_count) {
  static const char *const columns[] = {"name", "count", NULL};
  cli_table table;
  int status;
  (void)words;
  (void)word_count;
  cli_text_str(&s->request, "{\"collections\":1");
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  if (cli_wants_json(s)) return cli_execute(s, PQDB_READ, cli_show_line, NULL);
  if (cli_has(s->options, CLI_OPT_EXPLAIN)) return cli_execute(s, PQDB_READ, cli_show_report, NULL);
  cli_table_init(&table, &s->screen, columns);
  table.is_whole = true;
  status = cli_execute(s, PQDB_READ, cli_show_table, &table);
  cli_table_end(&table);
  return status;
}

int cli_report_summary(const cli_session *s) {
  if (cli_wants_json(s)) {
    cli_print_summary(s);
  } else {
    cli_print_report(&s->screen, cli_text_c(&s->summary), s->summary.len, "ok");
  }
  return CLI_DONE;
}

int cli_run_compact(cli_session *s, char **words, int word_count) {
  int status;
  cli_begin(s, "compact", word_count == 1 ? words[0] : "");
  status = cli_execute(s, PQDB_WRITE, NULL, NULL);
  return status != CLI_DONE ? status : cli_report_summary(s);
}

int cli_run_maintain(cli_session *s, char **words, int word_count) {
  const char *steps = word_count == 1 ? words[0] : "0";
  size_t digits = strspn(steps, "0123456789");
  int status;
  if (digits == 0 || digits > 9 || steps[digits] != '\0') {
    return cli_usage_error(s->name, "'%s' is no number of steps", steps);
  }
  cli_text_str(&s->request, "{\"maintain\":");
  cli_text_u64(&s->request, strtoull(steps, NULL, 10));
  status = cli_execute(s, PQDB_WRITE, NULL, NULL);
  return status != CLI_DONE ? status : cli_report_summary(s);
}

int cli_run_checkpoint(cli_session *s, char **words, int word_count) {
  int status;
  (void)words;
  (void)word_count;
  cli_text_str(&s->request, "{\"checkpoint\":1");
  status = cli_execute(s, PQDB_WRITE, NULL, NULL);
  return status != CLI_DONE ? status : cli_report_summary(s);
}

/* ---- any command ---- */

/* The first field of a command document says what it is. */
static pqdb_mode mode_of(cli_value command, cli_value name) {
  static const char *const reads[] = {
      "get",     "find",         "findOne", "count",  "exists",     "distinct",    "estimatedCount",
      "related", "traverse",     "history", "files",  "stats",      "collections", "events",
      "verify",  "getAtVersion", "diff",    "backup", "reconstruct"};
  static const char *const wholes[] = {"degree",      "pageRank",     "components", "triangles",
                                       "communities", "kCore",        "subgraph",   "path",
                                       "connected",   "neighbourhood"};
  cli_text text = {0};
  pqdb_mode mode = PQDB_WRITE;
  cli_json_decode(name, &text);
  if (strcmp(cli_text_c(&text), "insert") == 0) mode = PQDB_CREATE;
  if (strcmp(cli_text_c(&text), "schema") == 0)
    mode = cli_json_field(command, "set").len > 0 ? PQDB_CREATE : PQDB_READ;
  if (strcmp(cli_text_c(&text), "aggregate") == 0)
    mode = cli_pipeline_mode(cli_json_field(command, "pipeline"));
  for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
    if (strcmp(cli_text_c(&text), reads[i]) == 0) mode = PQDB_READ;
  }
  for (size_t i = 0; i < sizeof wholes / sizeof wholes[0]; i++) {
    bool is_written = cli_json_field(command, "writeAs").len > 0;
    if (strcmp(cli_text_c(&text), wholes[i]) == 0 && !is_written) mode = PQDB_READ;
  }
  cli_text_release(&text);
  return mode;
}

int cli_run_run(cli_session *s, char **words, int word_count) {
  cli_value command = cli_json_value(words[0], strlen(words[0])), name, value;
  cli_json_walk w = cli_json_enter(command);
  int status = cli_check_json("COMMAND", words[0]);
  (void)word_count;
  if (status != CLI_DONE) return status;
  if (!w.is_object || !cli_json_next(&w, &name, &value)) {
    return cli_error(pqdb_status_name(PQDB_VALIDATION_FAILED),
                     "COMMAND is no command: it must be an object such as {\"stats\": 1}");
  }
  cli_text_put(&s->request, command.text, command.len - 1); /* cli_execute adds the '}' */
  status = cli_execute(s, mode_of(command, name), cli_show_line, NULL);
  if (status == CLI_DONE) cli_print_summary(s);
  return status;
}
