/* copy_commands.c - backup, restore --into, verify: copies of a warehouse, and whether it is
 * whole.
 *
 *   backup DIR               this warehouse ──► DIR, what is missing there
 *   restore --into DIR       the same as of --as-of, into an empty folder; then DIR is verified
 *   verify [--quick]         a line for each problem, then what was looked at
 */
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "commands.h"
#include "print.h"
#include "progress.h"
#include "replies.h"
#include "text_table.h"

/* ---- verify ---- */

/* One problem of a file: "file: what". */
static void show_problem(void *ud, const cli_screen *screen, const char *json, size_t len) {
  cli_value item = cli_json_value(json, len);
  cli_text line = {0};
  (void)ud;
  cli_plain(cli_json_field(item, "file"), &line);
  cli_text_str(&line, ": ");
  cli_plain(cli_json_field(item, "problem"), &line);
  cli_print_line(screen, cli_text_c(&line), line.len);
  cli_text_release(&line);
}

/* What was looked at, by kind, and all of it. */
static void show_kinds(const cli_session *s) {
  static const char *const columns[] = {"kind", "files", "?pages", "bytes", NULL};
  cli_value summary = cli_json_value(cli_text_c(&s->summary), s->summary.len), key, kind;
  cli_json_walk kinds = cli_json_enter(cli_json_field(summary, "kinds"));
  cli_table table;
  if (cli_summary_u64(s, "filesChecked") == 0) return; /* nothing was flushed yet */
  cli_table_init(&table, &s->screen, columns);
  table.is_whole = true;
  while (cli_json_next(&kinds, &key, &kind))
    cli_table_add(&table, kind.text, kind.len);
  cli_table_end(&table);
}

static double seconds_since(const struct timespec *begun) {
  struct timespec now;
  double passed;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  passed = (double)(now.tv_sec - begun->tv_sec) + (double)(now.tv_nsec - begun->tv_nsec) / 1e9;
  return passed > 1e-6 ? passed : 1e-6;
}

/* "2 files", "1 file". */
static void print_count(const char *before, uint64_t n, const char *one, const char *many) {
  printf("%s%llu %s", before, (unsigned long long)n, n == 1 ? one : many);
}

static void tell_verified(const cli_session *s, double seconds) {
  uint64_t bytes = cli_summary_u64(s, "bytesChecked");
  show_kinds(s);
  print_count("checked ", cli_summary_u64(s, "filesChecked"), "file", "files");
  print_count(", ", bytes, "byte", "bytes");
  if (!cli_has(s->options, CLI_OPT_QUICK)) {
    print_count(", ", cli_summary_u64(s, "events"), "event", "events");
    print_count(", ", cli_summary_u64(s, "entities"), "entity", "entities");
    print_count(", ", cli_summary_u64(s, "edges"), "edge", "edges");
    print_count(", ", cli_summary_u64(s, "links"), "link", "links");
    printf(" of the hash chain");
  }
  printf(" in %.2f s (%.1f MB/s)", seconds, (double)bytes / seconds / 1e6);
  print_count(": ", cli_summary_u64(s, "problems"), "problem\n", "problems\n");
}

int cli_run_verify(cli_session *s, char **words, int word_count) {
  struct timespec begun;
  cli_bar bar;
  int status;
  (void)words;
  (void)word_count;
  cli_text_str(&s->request, "{\"verify\":1");
  if (cli_has(s->options, CLI_OPT_QUICK)) cli_add_true(s, "quick");
  cli_bar_begin(&bar, s, "verify");
  (void)clock_gettime(CLOCK_MONOTONIC, &begun);
  s->bar = &bar;
  status = cli_execute(s, PQDB_READ, cli_wants_json(s) ? cli_show_line : show_problem, NULL);
  s->bar = NULL;
  if (status != CLI_DONE) return status;
  if (cli_wants_json(s))
    cli_print_summary(s);
  else
    tell_verified(s, seconds_since(&begun));
  return cli_summary_u64(s, "problems") > 0 ? CLI_REFUSED : CLI_DONE;
}

/* ---- copies ---- */

typedef struct copy_view {
  cli_session *s;
  cli_bar bar;
} copy_view;

/* A line for each object, in either form; where the bar is seen it says enough. */
static void on_copied(void *ud, const char *object, uint64_t len) {
  copy_view *v = ud; /* keys have no quotes: they are percent-encoded */
  bool is_json = cli_wants_json(v->s);
  if (v->bar.is_on && v->s->screen.is_terminal && !is_json) return;
  cli_bar_clear(&v->bar);
  printf(is_json ? "{\"object\":\"%s\",\"bytes\":%llu}\n" : "%s  %llu bytes\n", object,
         (unsigned long long)len);
}

static void on_progress(void *ud, uint64_t done, uint64_t total) {
  copy_view *v = ud;
  cli_bar_draw(&v->bar, done, total, NULL, 0);
}

int cli_copy(cli_session *s, const char *to, pqdb_backup_options *options,
             pqdb_backup_report *report) {
  copy_view view = {.s = s};
  int rc;
  cli_bar_begin(&view.bar, s, s->name);
  options->size = sizeof *options;
  options->progress = on_progress;
  options->ud = &view;
  rc = pqdb_backup(cli_warehouse(s), to, options, report);
  cli_bar_clear(&view.bar);
  return rc;
}

static void tell_copied(const cli_session *s, const pqdb_backup_report *r) {
  if (cli_wants_json(s)) {
    printf("{\"namespaces\":%llu,\"copied\":%llu,\"bytes\":%llu,\"kept\":%llu,\"events\":%llu}\n",
           (unsigned long long)r->namespaces, (unsigned long long)r->objects,
           (unsigned long long)r->bytes, (unsigned long long)r->kept,
           (unsigned long long)r->events);
    return;
  }
  print_count("", r->namespaces, "namespace", "namespaces");
  print_count(": copied ", r->objects, "object", "objects");
  print_count(", ", r->bytes, "byte", "bytes");
  print_count("; ", r->kept, "was there", "were there");
  print_count("; ", r->events, "event in the log\n", "events in the log\n");
}

static int copy_warehouse(cli_session *s, const char *to, const char *as_of,
                          pqdb_backup_report *r) {
  pqdb_backup_options options = {.as_of = as_of, .copied = on_copied};
  int rc;
  if (cli_has(s->options, CLI_OPT_NS)) options.ns = s->options->ns;
  rc = cli_copy(s, to, &options, r);
  if (rc != PQDB_OK) return cli_error(pqdb_status_name(rc), "%s", r->message);
  tell_copied(s, r);
  return CLI_DONE;
}

int cli_run_backup(cli_session *s, char **words, int word_count) {
  pqdb_backup_report r;
  (void)word_count;
  return copy_warehouse(s, words[0], NULL, &r);
}

/* Verify a namespace of a warehouse; NULL: the default one. */
static int verify_there(const cli_session *s, const char *dir, const char *ns) {
  cli_options there = *s->options;
  cli_session copy;
  int status;
  there.given = (s->options->given & CLI_OPT_JSON) | CLI_OPT_WAREHOUSE;
  if (ns != NULL) there.given |= CLI_OPT_NS;
  there.warehouse = dir;
  there.ns = ns;
  cli_session_init(&copy, s->name, &there);
  status = cli_run_verify(&copy, NULL, 0);
  cli_session_release(&copy);
  return status;
}

/* The folders of a warehouse, each of which is a namespace, in the order of their names: the one
 * behind `ns`; false: there is none. */
static bool next_namespace(const char *dir, cli_text *ns) {
  DIR *folder = opendir(dir);
  struct dirent *entry;
  cli_text best = {0}, path = {0};
  struct stat is;
  while (folder != NULL && (entry = readdir(folder)) != NULL) {
    const char *name = entry->d_name;
    cli_text_clear(&path);
    cli_text_str(&path, dir);
    cli_text_byte(&path, '/');
    cli_text_str(&path, name);
    if (name[0] == '.' || stat(cli_text_c(&path), &is) != 0 || !S_ISDIR(is.st_mode)) continue;
    if (strcmp(name, cli_text_c(ns)) <= 0) continue;
    if (best.len > 0 && strcmp(name, cli_text_c(&best)) >= 0) continue;
    cli_text_clear(&best);
    cli_text_str(&best, name);
  }
  if (folder != NULL) (void)closedir(folder);
  cli_text_release(&path);
  cli_text_release(ns);
  *ns = best;
  return best.len > 0;
}

/* All namespaces of a copy, each under its name where there are several. */
static int verify_all(const cli_session *s, const char *dir, uint64_t count) {
  cli_text ns = {0};
  int status, worst = CLI_DONE;
  while (next_namespace(dir, &ns)) {
    if (count > 1 && !cli_wants_json(s)) printf("namespace %s\n", cli_text_c(&ns));
    status = verify_there(s, dir, cli_text_c(&ns));
    if (status > worst) worst = status;
  }
  cli_text_release(&ns);
  return worst;
}

int cli_restore_into(cli_session *s) {
  const cli_options *o = s->options;
  pqdb_backup_report r;
  int status = copy_warehouse(s, o->into, cli_has(o, CLI_OPT_AS_OF) ? o->as_of : NULL, &r);
  if (status != CLI_DONE) return status;
  if (cli_has(o, CLI_OPT_NS)) return verify_there(s, o->into, o->ns);
  return verify_all(s, o->into, r.namespaces);
}
