/* cli/export.c - what find shows, as an NDJSON, CSV or Parquet file.
 *
 *   {"find":"posts",…  ─► items ─► pqdb_writer ─► --output FILE, or standard output
 *
 * The columns are those of --project, in its order, when it says what to show; else all fields
 * that the items have. Before the query runs the output is opened, so that a wrong name costs
 * nothing; the file appears when it is whole.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"

/* ---- the columns of --project ---- */

typedef struct columns {
  cli_text names; /* each ends with a NUL */
  size_t count;
  bool has_id;     /* $id among them */
  bool hides_id;   /* "$id": 0 */
  bool leaves_out; /* a projection that says what not to show */
  bool includes;   /* something that it does show */
} columns;

static bool is_named(const columns *c, const char *name, size_t len) {
  const char *p = cli_text_c(&c->names);
  for (size_t i = 0; i < c->count; i++, p += strlen(p) + 1)
    if (strlen(p) == len && memcmp(p, name, len) == 0) return true;
  return false;
}

/* The top-level name of a path, once. */
static void add_path(columns *c, const char *path, size_t len) {
  const char *dot = memchr(path, '.', len);
  if (dot != NULL) len = (size_t)(dot - path);
  if (is_named(c, path, len)) return;
  cli_text_put(&c->names, path, len);
  cli_text_put(&c->names, "", 1);
  c->count++;
}

static void add_entry(columns *c, const char *path, size_t len, bool is_shown) {
  bool is_id = len == 3 && memcmp(path, "$id", 3) == 0;
  if (!is_shown && is_id) c->hides_id = true;
  if (!is_shown && !is_id) c->leaves_out = true;
  if (!is_shown) return;
  c->includes = c->includes || !is_id;
  c->has_id = c->has_id || is_id;
  add_path(c, path, len);
}

/* Does the value of a projection show its field? *is_plain false: neither 0 nor 1. */
static bool is_shown(cli_value v, bool *is_plain) {
  *is_plain = v.kind == CLI_JSON_NUMBER || v.kind == CLI_JSON_BOOL;
  if (v.kind == CLI_JSON_BOOL) return v.text[0] == 't';
  return v.kind != CLI_JSON_NUMBER || strtod(v.text, NULL) != 0;
}

static void read_object(columns *c, const char *text) {
  cli_json_walk w = cli_json_enter(cli_json_value(text, strlen(text)));
  cli_value key, value;
  bool has_plain = false;
  while (w.is_object && cli_json_next(&w, &key, &value)) {
    cli_text name = {0};
    bool is_plain, shows = is_shown(value, &is_plain);
    cli_json_decode(key, &name);
    has_plain = has_plain || (is_plain && shows);
    add_entry(c, cli_text_c(&name), name.len, shows);
    cli_text_release(&name);
  }
  if (!has_plain) c->leaves_out = true; /* such as {"tags": {"$slice": 2}}: all fields are shown */
}

static void read_list(columns *c, const char *p) {
  while (*p != '\0') {
    bool has_minus = *p == '-';
    size_t len;
    if (*p == '-' || *p == '+') p++;
    len = strcspn(p, ",");
    add_entry(c, p, len, !has_minus);
    p += len;
    if (*p == ',') p++;
  }
}

/* Pointers to the names; NULL: all fields. Freed by the caller. */
static const char **project_columns(const cli_session *s, columns *c, size_t *count) {
  const char *text = s->options->project, *p;
  const char **list;
  size_t n = 0;
  *count = 0;
  if (!cli_has(s->options, CLI_OPT_PROJECT)) return NULL;
  if (text[strspn(text, " \t\r\n")] == '{') {
    read_object(c, text);
  } else {
    read_list(c, text);
  }
  if (c->leaves_out || !c->includes) return NULL;
  list = calloc(c->count + 1, sizeof *list);
  if (list == NULL) return NULL; /* then the writer takes all fields, which is not wrong */
  if (!c->has_id && !c->hides_id) list[n++] = "$id";
  p = cli_text_c(&c->names);
  for (size_t i = 0; i < c->count; i++, p += strlen(p) + 1)
    list[n++] = p;
  *count = n;
  return list;
}

/* ---- formats ---- */

int cli_choose_format(const cli_session *s, const char *name, pqdb_format *out) {
  static const char *const names[] = {"ndjson", "csv", "parquet"};
  static const pqdb_format formats[] = {PQDB_FORMAT_NDJSON, PQDB_FORMAT_CSV, PQDB_FORMAT_PARQUET};
  *out = pqdb_format_of(name);
  if (*out == PQDB_FORMAT_GUESS) *out = PQDB_FORMAT_NDJSON;
  if (!cli_has(s->options, CLI_OPT_FORMAT)) return CLI_DONE;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(s->options->format, names[i]) != 0) continue;
    *out = formats[i];
    return CLI_DONE;
  }
  return cli_usage_error(s->name, "'%s' is no format: write ndjson, csv or parquet",
                         s->options->format);
}

bool cli_wants_export(const cli_session *s) {
  return cli_has(s->options, CLI_OPT_FORMAT) || cli_has(s->options, CLI_OPT_OUTPUT);
}

/* ---- export ---- */

typedef struct export_run {
  pqdb_writer *writer;
  const char *path; /* NULL: standard output */
  uint64_t count;
} export_run;

static void write_item(void *ud, const cli_screen *screen, const char *json, size_t len) {
  export_run *e = ud;
  (void)screen;
  if (pqdb_writer_add(e->writer, json, len) == PQDB_OK) e->count++; /* a failure is kept */
}

static int check_options(const cli_session *s, const export_run *e, pqdb_format format) {
  if (cli_has(s->options, CLI_OPT_TELLS)) {
    return cli_usage_error(s->name, "--explain shows no results: leave out --format and --output");
  }
  if (e->path == NULL && cli_has(s->options, CLI_OPT_JSON) && format != PQDB_FORMAT_NDJSON) {
    return cli_usage_error(s->name, "--json and --format %s are two formats", s->options->format);
  }
  if (e->path == NULL && format == PQDB_FORMAT_PARQUET && isatty(STDOUT_FILENO) == 1) {
    return cli_usage_error(s->name, "Parquet is not for a terminal: give --output FILE");
  }
  return CLI_DONE;
}

static int open_writer(const cli_session *s, export_run *e, pqdb_format format) {
  pqdb_writer_options options = {0};
  columns c = {0};
  const char **list = project_columns(s, &c, &options.column_count);
  int rc;
  options.size = sizeof options;
  options.format = format;
  options.columns = list;
  rc = e->path != NULL
           ? pqdb_writer_open(e->path, &options, &e->writer)
           : pqdb_writer_open_fd(STDOUT_FILENO, "standard output", &options, &e->writer);
  free(list);
  cli_text_release(&c.names);
  if (rc == PQDB_OK) return CLI_DONE;
  return cli_error(pqdb_status_name(rc), "%s", pqdb_writer_message(e->writer));
}

static int run_export(cli_session *s, export_run *e) {
  int rc, status = cli_execute(s, PQDB_READ, write_item, e);
  if (status != CLI_DONE) return status;
  rc = pqdb_writer_finish(e->writer);
  if (rc != PQDB_OK) return cli_error(pqdb_status_name(rc), "%s", pqdb_writer_message(e->writer));
  if (e->path == NULL) return CLI_DONE;
  if (cli_has(s->options, CLI_OPT_JSON)) {
    printf("{\"n\":%llu}\n", (unsigned long long)e->count);
  } else {
    printf("exported %llu\n", (unsigned long long)e->count);
  }
  return CLI_DONE;
}

int cli_export(cli_session *s) {
  export_run e = {0};
  pqdb_format format;
  int status;
  if (cli_has(s->options, CLI_OPT_OUTPUT) && strcmp(s->options->output, "-") != 0) {
    e.path = s->options->output;
  }
  status = cli_choose_format(s, e.path, &format);
  if (status == CLI_DONE) status = check_options(s, &e, format);
  if (status == CLI_DONE) status = cli_add_options(s);
  if (status == CLI_DONE) status = cli_open(s, PQDB_READ);
  if (status == CLI_DONE) status = open_writer(s, &e, format);
  if (status == CLI_DONE) status = run_export(s, &e);
  pqdb_writer_close(e.writer);
  return status;
}
