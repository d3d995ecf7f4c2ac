/* cli/diff_view.c - what `diff` shows on a terminal: a row for each path that differs.
 *
 *   {"$id": "p/a", "change": "changed",      $id  change   path  before  after
 *    "values": {"n": {"before": 1,       ─►  p/a  changed  n     1       2
 *                     "after": 2}, …}}       p/a  changed  tags          1, 2
 */
#include "diff_view.h"

#include "text_table.h"

static void put_field(cli_text *row, const char *name, cli_value v) {
  if (v.kind == CLI_JSON_NONE) return;
  cli_text_str(row, row->len == 0 ? "{\"" : ",\"");
  cli_text_str(row, name);
  cli_text_str(row, "\":");
  cli_text_put(row, v.text, v.len);
}

void cli_show_diff(void *ud, const cli_screen *screen, const char *json, size_t len) {
  cli_value item = cli_json_value(json, len), path, both;
  cli_json_walk values = cli_json_enter(cli_json_field(item, "values"));
  cli_text row = {0};
  bool has_path = cli_json_next(&values, &path, &both);
  (void)screen;
  do {
    cli_text_clear(&row);
    put_field(&row, "$id", cli_json_field(item, "$id"));
    put_field(&row, "change", cli_json_field(item, "change"));
    if (has_path) {
      put_field(&row, "path", path);
      put_field(&row, "before", cli_json_field(both, "before"));
      put_field(&row, "after", cli_json_field(both, "after"));
    }
    cli_text_byte(&row, '}');
    cli_table_add(ud, cli_text_c(&row), row.len);
  } while (has_path && cli_json_next(&values, &path, &both));
  cli_text_release(&row);
}
