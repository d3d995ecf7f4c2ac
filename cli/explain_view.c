/* cli/explain_view.c - what `--explain` and `--plan` show: people look before they read.
 *
 *   command: find                      the report without costs and files
 *   bound:   exact
 *
 *   part        requests   bytes   rounds
 *   load               6    4123        4      bringing the namespace up to date
 *   planning           2     913        1      footers, blooms, page indexes
 *   execution         11    8421        2      data pages
 *   predicted         19   13457        7
 *   actual            19   13457        7      --explain only
 *
 *   step            of      for       times  bound  requests  …      a pipeline, a graph, populate
 *   scan            posts                 1  exact        12
 *   look up values  users   $lookup       1  upper        44
 *
 *   operator                                estimate   rows     a match, in the order they run
 *   scan a: from the store, filtered there          1      1
 *   exists                                          1      1
 *     └ bind b: a -[:knows]->                       2      2     what runs for each row of it
 *
 *   file                what                     rows   rowsLeft   …
 *   data/posts/1.pq     excluded by statistics    300          0
 */
#include <string.h>

#include "replies.h"
#include "text_table.h"

static bool is_named(cli_value key, const char *name) {
  return key.len == strlen(name) + 2 && memcmp(key.text + 1, name, key.len - 2) == 0;
}

static void put_number(cli_text *row, const char *name, cli_value cost) {
  cli_value number = cli_json_field(cost, name);
  cli_text_str(row, ",\"");
  cli_text_str(row, name);
  cli_text_str(row, "\":");
  cli_text_put(row, number.text, number.len);
}

/* A row of the table of costs from an object with requests, bytes and rounds. */
static void add_cost(cli_table *table, const char *part, cli_value cost) {
  cli_text row = {0};
  if (cost.kind != CLI_JSON_OBJECT || cli_json_field(cost, "rounds").text == NULL) return;
  cli_text_str(&row, "{\"part\":\"");
  cli_text_str(&row, part);
  cli_text_byte(&row, '"');
  put_number(&row, "requests", cost);
  put_number(&row, "bytes", cost);
  put_number(&row, "rounds", cost);
  cli_text_byte(&row, '}');
  cli_table_add(table, cli_text_c(&row), row.len);
  cli_text_release(&row);
}

static void show_costs(const cli_screen *screen, cli_value item) {
  static const char *const columns[] = {"part", "requests", "bytes", "rounds", NULL};
  static const char *const parts[] = {"load", "planning", "execution"};
  cli_value predicted = cli_json_field(item, "predicted");
  cli_table table;
  fputc('\n', screen->file);
  cli_table_init(&table, screen, columns);
  table.is_whole = true;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    add_cost(&table, parts[i], cli_json_field(predicted, parts[i]));
  add_cost(&table, "predicted", predicted);
  add_cost(&table, "actual", item);
  cli_table_end(&table);
}

/* A list of objects as a table. */
static void show_list(const cli_screen *screen, cli_value list, const char *const *columns) {
  cli_json_walk w = cli_json_enter(list);
  cli_value key, file;
  cli_table table;
  cli_table_init(&table, screen, columns);
  table.is_whole = true;
  while (cli_json_next(&w, &key, &file)) {
    if (table.row_count == 0) fputc('\n', screen->file);
    cli_table_add(&table, file.text, file.len);
  }
  cli_table_end(&table);
}

static void show_steps(const cli_screen *screen, cli_value steps) {
  static const char *const columns[] = {"step",     "of",    "for",    "times", "bound",
                                        "requests", "bytes", "rounds", NULL};
  if (steps.kind == CLI_JSON_ARRAY) show_list(screen, steps, columns);
}

static void show_files(const cli_screen *screen, cli_value files) {
  static const char *const columns[] = {"file",      "what",         "rows",         "rowsLeft",
                                        "rowGroups", "byStatistics", "byBloom",      "byIndex",
                                        "byDeletes", "pages",        "pagesSkipped", NULL};
  if (files.kind == CLI_JSON_ARRAY) show_list(screen, files, columns);
}

enum { DEPTH_MAX = 32 };

/* The operators of a list as rows, those within them indented below. */
static void add_operators(cli_table *table, cli_value list, int depth) {
  cli_json_walk w = cli_json_enter(list);
  cli_value key, item;
  while (depth < DEPTH_MAX && cli_json_next(&w, &key, &item)) {
    cli_value name = cli_json_field(item, "operator"), inner = cli_json_field(item, "inner");
    cli_text row = {0};
    if (name.kind != CLI_JSON_STRING) continue;
    cli_text_str(&row, "{\"operator\":\"");
    for (int i = 0; i < depth; i++)
      cli_text_str(&row, i + 1 < depth ? "  " : "└ ");
    cli_text_put(&row, name.text + 1, name.len - 1);
    put_number(&row, "estimate", item);
    if (cli_json_field(item, "rows").text != NULL) put_number(&row, "rows", item);
    cli_text_byte(&row, '}');
    cli_table_add(table, cli_text_c(&row), row.len);
    cli_text_release(&row);
    if (inner.kind == CLI_JSON_ARRAY) add_operators(table, inner, depth + 1);
  }
}

static void show_operators(const cli_screen *screen, cli_value operators) {
  static const char *const columns[] = {"operator", "estimate", "rows", NULL};
  cli_table table;
  if (operators.kind != CLI_JSON_ARRAY) return;
  fputc('\n', screen->file);
  cli_table_init(&table, screen, columns);
  table.is_whole = true;
  add_operators(&table, operators, 0);
  cli_table_end(&table);
}

void cli_show_explain(void *ud, const cli_screen *screen, const char *json, size_t len) {
  static const char *const apart[] = {"predicted", "files",  "requests", /* 1: a list */
                                      "bytes",     "rounds", "steps",    "operators"};
  cli_value item = cli_json_value(json, len), key, value;
  cli_json_walk w = cli_json_enter(item);
  cli_text rest = {0};
  if (cli_json_field(item, "predicted").kind != CLI_JSON_OBJECT) {
    cli_show_report(ud, screen, json, len);
    return;
  }
  while (cli_json_next(&w, &key, &value)) {
    bool is_apart = false;
    for (size_t i = 0; i < sizeof apart / sizeof apart[0]; i++)
      is_apart |= is_named(key, apart[i]) && (i != 1 || value.kind == CLI_JSON_ARRAY);
    if (is_apart) continue;
    cli_text_byte(&rest, rest.len == 0 ? '{' : ',');
    cli_text_put(&rest, key.text, key.len);
    cli_text_byte(&rest, ':');
    cli_text_put(&rest, value.text, value.len);
  }
  cli_text_byte(&rest, '}');
  cli_print_report(screen, cli_text_c(&rest), rest.len, NULL);
  cli_text_release(&rest);
  show_costs(screen, item);
  show_operators(screen, cli_json_field(item, "operators"));
  show_steps(screen, cli_json_field(item, "steps"));
  show_files(screen, cli_json_field(item, "files"));
}
