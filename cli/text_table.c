/* cli/text_table.c - see text_table.h. */
#include "text_table.h"

#include <string.h>

enum { GAP = 2, CELL_WIDTH_MAX = 60, LAST_WIDTH_MIN = 12 };

static const char *const system_names[] = {"$type",     "createdAt", "createdBy",
                                           "updatedAt", "updatedBy", "version"};

static void add_column(cli_table *t, const char *name, size_t len) {
  cli_column *c;
  if (t->column_count == CLI_COLUMN_MAX) return;
  c = &t->columns[t->column_count++];
  cli_text_put(&c->name, name, len);
  c->width = len == 0 ? 1 : cli_code_points(name, len);
  c->is_number = true;
}

void cli_table_init(cli_table *t, const cli_screen *screen, const char *const *names) {
  *t = (cli_table){0};
  t->screen = screen;
  t->is_fixed = names != NULL;
  for (; names != NULL && *names != NULL; names++) {
    bool is_optional = **names == '?';
    const char *name = *names + is_optional;
    add_column(t, name, strlen(name));
    t->columns[t->column_count - 1].is_optional = is_optional;
  }
}

static size_t find_column(const cli_table *t, cli_value key) {
  size_t i = 0;
  for (; i < t->column_count; i++) {
    const cli_text *name = &t->columns[i].name;
    if (name->len + 2 == key.len && memcmp(name->p, key.text + 1, name->len) == 0) break;
  }
  return i;
}

static bool is_system_name(cli_value key) {
  for (size_t i = 0; i < sizeof system_names / sizeof system_names[0]; i++) {
    size_t len = strlen(system_names[i]);
    if (key.len == len + 2 && memcmp(key.text + 1, system_names[i], len) == 0) return true;
  }
  return false;
}

/* Make t->cell the text of a value. */
static void make_cell(cli_table *t, cli_value v) {
  cli_text_clear(&t->cell);
  cli_plain(v, &t->cell);
}

/* Let one row widen the columns, and add columns when they are ours to choose. */
static void measure(cli_table *t, cli_value row) {
  cli_json_walk w = cli_json_enter(row);
  cli_value key, value;
  while (w.is_object && cli_json_next(&w, &key, &value)) {
    size_t i = find_column(t, key), width;
    bool is_wanted =
        !t->is_fixed && cli_json_is_scalar(value) && (t->shows_system || !is_system_name(key));
    if (i == t->column_count && is_wanted) add_column(t, key.text + 1, key.len - 2);
    if (i == t->column_count) continue;
    if (value.kind != CLI_JSON_NULL) t->columns[i].has_value = true;
    make_cell(t, value);
    width = cli_code_points(cli_text_c(&t->cell), t->cell.len);
    if (width > CELL_WIDTH_MAX && t->screen->width > 0) width = CELL_WIDTH_MAX;
    if (width > t->columns[i].width) t->columns[i].width = width;
    if (value.kind != CLI_JSON_NUMBER) t->columns[i].is_number = false;
  }
}

/* The name that the database made from the local id says nothing new. */
static bool is_name_made(cli_value row) {
  cli_value id = cli_json_field(row, "$id"), name = cli_json_field(row, "name");
  const char *slash = id.kind == CLI_JSON_STRING ? memchr(id.text, '/', id.len) : NULL;
  size_t len;
  if (slash == NULL || name.kind != CLI_JSON_STRING) return name.kind == CLI_JSON_NONE;
  len = (size_t)(id.text + id.len - slash) - 1;
  return len + 1 == name.len && memcmp(slash + 1, name.text + 1, len) == 0;
}

static void drop_column(cli_table *t, size_t i) {
  cli_text_release(&t->columns[i].name);
  t->column_count--;
  memmove(&t->columns[i], &t->columns[i + 1], (t->column_count - i) * sizeof t->columns[0]);
  t->columns[t->column_count] = (cli_column){0};
}

/* Keep the columns that fit into the width of the screen; the last may be cut. */
static void fit(cli_table *t) {
  size_t used = 0, kept = 0, width = t->screen->width;
  if (width == 0) return;
  for (; kept < t->column_count; kept++) {
    size_t gap = kept == 0 ? 0 : GAP;
    size_t left = width > used + gap ? width - used - gap : 0;
    if (t->columns[kept].width > left) {
      if (left < LAST_WIDTH_MIN) break;
      t->columns[kept].width = left;
    }
    used += gap + t->columns[kept].width;
  }
  while (t->column_count > kept)
    drop_column(t, t->column_count - 1);
}

static void print_cell(const cli_table *t, size_t i, const char *text, size_t len) {
  FILE *file = t->screen->file;
  const cli_column *c = &t->columns[i];
  size_t columns = cli_code_points(text, len), shown = len, pad;
  bool is_cut = columns > c->width && t->screen->width > 0;
  if (is_cut) {
    shown = cli_code_point_prefix(text, len, c->width - 1);
    columns = c->width;
  }
  pad = columns < c->width ? c->width - columns : 0;
  if (i > 0) fprintf(file, "%*s", GAP, "");
  if (c->is_number) fprintf(file, "%*s", (int)pad, "");
  cli_print_text(t->screen, text, shown);
  if (is_cut) fputs("…", file);
  if (!c->is_number && i + 1 < t->column_count) fprintf(file, "%*s", (int)pad, "");
}

static void print_row(cli_table *t, const char *json, size_t len) {
  cli_value values[CLI_COLUMN_MAX] = {{0}};
  cli_value key, value;
  cli_json_walk w = cli_json_enter(cli_json_value(json, len));
  while (w.is_object && cli_json_next(&w, &key, &value)) {
    size_t i = find_column(t, key);
    if (i < t->column_count) values[i] = value;
  }
  for (size_t i = 0; i < t->column_count; i++) {
    make_cell(t, values[i]);
    if (t->columns[i].is_optional && values[i].kind == CLI_JSON_NULL) cli_text_clear(&t->cell);
    print_cell(t, i, cli_text_c(&t->cell), t->cell.len);
  }
  fputc('\n', t->screen->file);
}

static void begin(cli_table *t) {
  const char *const end = cli_text_c(&t->sample) + t->sample.len;
  bool has_made_names = true;
  size_t name_idx;
  t->has_begun = true;
  if (t->sample.len == 0) return;
  for (const char *row = t->sample.p; row < end; row += strlen(row) + 1) {
    cli_value object = cli_json_value(row, strlen(row));
    measure(t, object);
    if (!is_name_made(object)) has_made_names = false;
  }
  name_idx = find_column(t, cli_json_value("\"name\"", 6));
  if (!t->is_fixed && !t->shows_system && has_made_names && name_idx < t->column_count) {
    drop_column(t, name_idx);
  }
  for (size_t i = t->column_count; i-- > 0;)
    if (t->columns[i].is_optional && !t->columns[i].has_value) drop_column(t, i);
  fit(t);
  if (t->screen->has_colour) fputs("\033[1m", t->screen->file);
  for (size_t i = 0; i < t->column_count; i++) {
    print_cell(t, i, cli_text_c(&t->columns[i].name), t->columns[i].name.len);
  }
  if (t->screen->has_colour) fputs("\033[0m", t->screen->file);
  fputc('\n', t->screen->file);
  for (const char *row = t->sample.p; row < end; row += strlen(row) + 1) {
    print_row(t, row, strlen(row));
  }
  cli_text_clear(&t->sample);
}

void cli_table_add(cli_table *t, const char *json, size_t len) {
  t->row_count++;
  if (t->has_begun) {
    print_row(t, json, len);
    return;
  }
  cli_text_put(&t->sample, json, len);
  cli_text_put(&t->sample, "", 1);
  if (!t->is_whole && t->row_count >= CLI_TABLE_SAMPLE) begin(t);
}

void cli_table_end(cli_table *t) {
  if (!t->has_begun) begin(t);
  for (size_t i = 0; i < t->column_count; i++)
    cli_text_release(&t->columns[i].name);
  cli_text_release(&t->sample);
  cli_text_release(&t->cell);
  *t = (cli_table){0};
}
