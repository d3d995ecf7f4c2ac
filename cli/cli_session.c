/* cli/cli_session.c - see cli_session.h. */
#include "cli_session.h"

#include <stdlib.h>
#include <string.h>

#include "progress.h"

enum { MEGABYTES_MAX = 1 << 30 };

void cli_session_init(cli_session *s, const char *name, const cli_options *options) {
  *s = (cli_session){0};
  s->name = name;
  s->options = options;
  cli_screen_init(&s->screen, stdout);
}

void cli_session_next(cli_session *s, const char *name, const cli_options *options) {
  s->name = name;
  s->options = options;
  cli_text_clear(&s->id);
  cli_text_clear(&s->request);
  cli_text_clear(&s->summary);
}

void cli_session_release(cli_session *s) {
  /* This process does not come back to what it has made due; a step after each write would be lost
   * with it. What fails is tried again by the next one. */
  if (s->db != NULL && s->mode != PQDB_READ) (void)pqdb_maintain(s->db, 0);
  pqdb_close(s->db);
  cli_text_release(&s->id);
  cli_text_release(&s->request);
  cli_text_release(&s->summary);
  s->db = NULL;
}

pqdb_mode cli_pipeline_mode(cli_value pipeline) {
  cli_json_walk stages = cli_json_enter(pipeline);
  cli_value key, stage;
  pqdb_mode mode = PQDB_READ;
  while (cli_json_next(&stages, &key, &stage)) {
    bool is_store = cli_json_field(stage, "$out").kind != CLI_JSON_NONE ||
                    cli_json_field(stage, "$merge").kind != CLI_JSON_NONE;
    mode = is_store ? PQDB_WRITE : PQDB_READ;
  }
  return mode;
}

const char *cli_warehouse(const cli_session *s) {
  const char *environment = getenv("PARQUEDB_WAREHOUSE");
  if (s->options->warehouse != NULL) return s->options->warehouse;
  return environment != NULL && *environment != '\0' ? environment : "./warehouse";
}

int cli_open(cli_session *s, pqdb_mode mode) {
  const char *dir = cli_warehouse(s);
  pqdb_options options = {0};
  int rc;
  if (s->db != NULL && !s->must_reopen && (mode == PQDB_READ || s->mode != PQDB_READ)) {
    return CLI_DONE;
  }
  if (mode != PQDB_READ && s->is_read_only) {
    return cli_error(pqdb_status_name(PQDB_PERMISSION_DENIED),
                     "the shell was started with --read: nothing can be changed");
  }
  if (s->db != NULL && pqdb_in_transaction(s->db) == 1) {
    (void)pqdb_abort(s->db);
    return cli_error(pqdb_status_name(PQDB_STORAGE_ERROR),
                     "the warehouse must be opened again: the transaction is aborted");
  }
  pqdb_close(s->db);
  s->db = NULL;
  s->must_reopen = false;
  options.size = sizeof options;
  options.mode = mode;
  options.ns = s->is_shell ? NULL : s->options->ns;
  options.actor = s->is_shell ? NULL : s->options->actor;
  options.memory = s->options->memory <= MEGABYTES_MAX ? s->options->memory << 20 : UINT64_MAX;
  options.snapshot_events = s->options->snapshot_events;
  options.cached_entities = s->options->cached_entities;
  rc = pqdb_open(dir, &options, &s->db);
  s->mode = mode;
  if (rc == PQDB_OK) return CLI_DONE;
  rc = cli_error(pqdb_status_name(rc), "%s", s->db == NULL ? "out of memory" : pqdb_message(s->db));
  pqdb_close(s->db);
  s->db = NULL;
  return rc;
}

bool cli_wants_json(const cli_session *s) {
  return cli_has(s->options, CLI_OPT_JSON) || s->look == CLI_LOOK_JSON;
}

bool cli_wants_lines(const cli_session *s) {
  return cli_wants_json(s) || (s->look == CLI_LOOK_AUTO && !s->screen.is_terminal);
}

/* ---- building the command document ---- */

void cli_begin(cli_session *s, const char *verb, const char *target) {
  cli_text_clear(&s->request);
  cli_text_byte(&s->request, '{');
  cli_text_json(&s->request, verb, strlen(verb));
  cli_text_byte(&s->request, ':');
  cli_text_json(&s->request, target, strlen(target));
}

static void add_key(cli_session *s, const char *key) {
  cli_text_byte(&s->request, ',');
  cli_text_json(&s->request, key, strlen(key));
  cli_text_byte(&s->request, ':');
}

void cli_add_text(cli_session *s, const char *key, const char *text) {
  add_key(s, key);
  cli_text_json(&s->request, text, strlen(text));
}

void cli_add_u64(cli_session *s, const char *key, uint64_t number) {
  add_key(s, key);
  cli_text_u64(&s->request, number);
}

void cli_add_true(cli_session *s, const char *key) {
  add_key(s, key);
  cli_text_str(&s->request, "true");
}

void cli_add_false(cli_session *s, const char *key) {
  add_key(s, key);
  cli_text_str(&s->request, "false");
}

void cli_add_fields(cli_session *s, const char *object) {
  cli_json_walk fields = cli_json_enter(cli_json_value(object, strlen(object)));
  cli_value key, value;
  while (cli_json_next(&fields, &key, &value)) {
    cli_text_byte(&s->request, ',');
    cli_text_put(&s->request, key.text, key.len);
    cli_text_byte(&s->request, ':');
    cli_text_put(&s->request, value.text, value.len);
  }
}

int cli_check_json(const char *label, const char *json) {
  cli_json_error error;
  if (cli_json_check(json, strlen(json), &error)) return CLI_DONE;
  return cli_error(pqdb_status_name(PQDB_VALIDATION_FAILED),
                   "%s is not JSON: line %llu, column %llu: %s", label,
                   (unsigned long long)error.line, (unsigned long long)error.column, error.what);
}

int cli_add_json(cli_session *s, const char *key, const char *label, const char *json) {
  int status = cli_check_json(label, json);
  if (status != CLI_DONE) return status;
  add_key(s, key);
  cli_text_str(&s->request, json);
  return CLI_DONE;
}

/* A list such as "a,-b": {"a": 1, "b": <minus>}. */
static int add_list(cli_session *s, const char *key, const char *list, const char *minus) {
  const char *p = list;
  add_key(s, key);
  cli_text_byte(&s->request, '{');
  for (;;) {
    bool has_minus = *p == '-';
    size_t len;
    if (*p == '-' || *p == '+') p++;
    len = strcspn(p, ",");
    if (len == 0) return cli_usage_error(s->name, "'%s' in --%s has an empty name", list, key);
    cli_text_json(&s->request, p, len);
    cli_text_str(&s->request, has_minus ? minus : ":1");
    p += len;
    if (*p == '\0') break;
    p++;
    cli_text_byte(&s->request, ',');
  }
  cli_text_byte(&s->request, '}');
  return CLI_DONE;
}

static bool is_json_object(const char *text) {
  return text[strspn(text, " \t\r\n")] == '{';
}

static int add_fields(cli_session *s, const char *key, const char *text, const char *minus) {
  if (is_json_object(text)) return cli_add_json(s, key, key, text);
  return add_list(s, key, text, minus);
}

static int add_reading(cli_session *s) {
  const cli_options *o = s->options;
  int status = CLI_DONE;
  if (cli_has(o, CLI_OPT_FILTER)) status = cli_add_json(s, "filter", "--filter", o->filter);
  if (status != CLI_DONE) return status;
  if (cli_has(o, CLI_OPT_CURSOR)) cli_add_text(s, "cursor", o->cursor);
  if (cli_has(o, CLI_OPT_TOTAL)) cli_add_true(s, "total");
  if (cli_has(o, CLI_OPT_PLAIN)) cli_add_true(s, "plain");
  if (cli_has(o, CLI_OPT_HINT)) cli_add_text(s, "hint", o->hint);
  if (cli_has(o, CLI_OPT_MAX_TIME)) cli_add_u64(s, "maxTimeMs", o->max_time);
  if (cli_has(o, CLI_OPT_COLLATION))
    status = cli_add_json(s, "collation", "--collation", o->collation);
  if (status == CLI_DONE && cli_has(o, CLI_OPT_POPULATE))
    status = add_fields(s, "populate", o->populate, ":0");
  return status;
}

/* "1MB" and the like; false when it is none. */
static bool read_amount(const char *text, size_t len, uint64_t *out) {
  static const struct {
    const char *name;
    uint64_t factor;
  } units[] = {{"", 1},          {"kB", 1000},       {"KB", 1000},
               {"MB", 1000000},  {"GB", 1000000000}, {"KiB", 1 << 10},
               {"MiB", 1 << 20}, {"GiB", 1 << 30}};
  size_t digits = strspn(text, "0123456789"), rest;
  if (digits == 0 || digits > 9 || digits > len) return false;
  *out = strtoull(text, NULL, 10);
  rest = len - digits;
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    if (strlen(units[i].name) != rest || memcmp(units[i].name, text + digits, rest) != 0) continue;
    *out *= units[i].factor;
    return true;
  }
  return false;
}

/* requests=100,bytes=1MB */
static int add_budget(cli_session *s, const char *list) {
  const char *p = list;
  if (is_json_object(list)) return cli_add_json(s, "budget", "--budget", list);
  add_key(s, "budget");
  cli_text_byte(&s->request, '{');
  for (;;) {
    size_t len = strcspn(p, ","), name = strcspn(p, "=");
    uint64_t amount;
    if (name == 0 || name >= len || !read_amount(p + name + 1, len - name - 1, &amount)) {
      return cli_usage_error(s->name, "--budget '%s': write requests=100,bytes=1MB, or one of them",
                             list);
    }
    cli_text_json(&s->request, p, name);
    cli_text_byte(&s->request, ':');
    cli_text_u64(&s->request, amount);
    p += len;
    if (*p == '\0') break;
    p++;
    cli_text_byte(&s->request, ',');
  }
  cli_text_byte(&s->request, '}');
  return CLI_DONE;
}

/* --plan, --price, --budget */
static int add_costs(cli_session *s) {
  const cli_options *o = s->options;
  if (cli_has(o, CLI_OPT_PLAN)) {
    cli_add_text(s, "explain", "plan");
  } else if (cli_has(o, CLI_OPT_EXPLAIN)) {
    cli_add_true(s, "explain");
  }
  if (cli_has(o, CLI_OPT_PRICE)) {
    if (!cli_has(o, CLI_OPT_TELLS)) {
      return cli_usage_error(s->name, "--price goes with --plan or --explain");
    }
    if (is_json_object(o->price)) {
      int status = cli_add_json(s, "price", "--price", o->price);
      if (status != CLI_DONE) return status;
    } else {
      cli_add_text(s, "price", o->price);
    }
  }
  return cli_has(o, CLI_OPT_BUDGET) ? add_budget(s, o->budget) : CLI_DONE;
}

/* a,b */
static void add_names(cli_session *s, const char *key, const char *list) {
  add_key(s, key);
  cli_text_byte(&s->request, '[');
  for (const char *p = list;; p++) {
    size_t len = strcspn(p, ",");
    cli_text_json(&s->request, p, len);
    p += len;
    if (*p == '\0') break;
    cli_text_byte(&s->request, ',');
  }
  cli_text_byte(&s->request, ']');
}

static int add_own(cli_session *s, const cli_own_option *own) {
  char label[64], *end = NULL;
  switch (own->form) {
    case CLI_OWN_TRUE: cli_add_true(s, own->field); return CLI_DONE;
    case CLI_OWN_TEXT: cli_add_text(s, own->field, own->text); return CLI_DONE;
    case CLI_OWN_NAMES: /* `related` has had one predicate, and then several, by one name */
      add_names(s, strcmp(s->name, "related") == 0 ? "predicate" : own->field, own->text);
      return CLI_DONE;
    case CLI_OWN_NUMBER:
      (void)strtod(own->text, &end);
      if (strspn(own->text, "+-.0123456789eE") != strlen(own->text) || end == own->text)
        return cli_usage_error(s->name, "--%s needs a number, not '%s'", own->name, own->text);
      break;
    case CLI_OWN_JSON: break;
    case CLI_OWN_NOWHERE: return CLI_DONE;
  }
  (void)snprintf(label, sizeof label, "--%s", own->name);
  return cli_add_json(s, own->field, label, own->text);
}

int cli_add_options(cli_session *s) {
  const cli_options *o = s->options;
  cli_own_option own;
  int status = CLI_DONE;
  if (cli_has(o, CLI_OPT_AS_OF)) {
    size_t digits = strspn(o->as_of, "0123456789");
    bool is_number = digits > 0 && digits < 19 && o->as_of[digits] == '\0';
    if (is_number) {
      cli_add_u64(s, "asOf", strtoull(o->as_of, NULL, 10));
    } else {
      cli_add_text(s, "asOf", o->as_of);
    }
  }
  if (cli_has(o, CLI_OPT_FLUSHED)) cli_add_true(s, "flushed");
  if (cli_has(o, CLI_OPT_LIMIT)) cli_add_u64(s, "limit", o->limit);
  if (cli_has(o, CLI_OPT_SKIP)) cli_add_u64(s, "skip", o->skip);
  if (cli_has(o, CLI_OPT_INCLUDE_DELETED)) cli_add_true(s, "includeDeleted");
  status = add_reading(s);
  if (status != CLI_DONE) return status;
  if (cli_has(o, CLI_OPT_EXPECTED_VERSION)) {
    cli_add_u64(s, "expectedVersion", o->expected_version);
  }
  status = add_costs(s);
  if (status != CLI_DONE) return status;
  if (cli_has(o, CLI_OPT_SORT)) status = add_fields(s, "sort", o->sort, ":-1");
  if (status != CLI_DONE) return status;
  if (cli_has(o, CLI_OPT_PROJECT)) status = add_fields(s, "project", o->project, ":0");
  for (size_t i = 0; status == CLI_DONE && cli_own_given(o, i, &own); i++)
    status = add_own(s, &own);
  if (o->more != NULL) cli_add_fields(s, o->more);
  return status;
}

/* ---- running it ---- */

void cli_end_line(cli_session *s) {
  if (s->has_open_line) fputc('\n', stderr);
  s->has_open_line = false;
}

static int report(cli_session *s, int rc) {
  cli_end_line(s);
  if (rc == PQDB_STORAGE_ERROR || rc == PQDB_FENCED) s->must_reopen = true;
  return cli_error(pqdb_status_name(rc), "%s", pqdb_message(s->db));
}

/* Say so when the answer is that of the files alone. */
static void tell_missing_tail(cli_session *s) {
  cli_value summary = cli_json_value(cli_text_c(&s->summary), s->summary.len);
  if (cli_json_field(summary, "tailMissing").kind != CLI_JSON_BOOL) return;
  cli_end_line(s);
  fprintf(
      stderr,
      "parquedb: the unflushed tail (hot.sqlite) cannot be opened here: this is the state of the "
      "files, as of event %llu\n",
      (unsigned long long)cli_json_u64(cli_json_field(summary, "seq")));
}

/* With a bar, which is drawn until there is something to show. */
static int next_reply(cli_session *s, pqdb_replies *replies, const char **json, size_t *len) {
  uint64_t done, total;
  while (s->bar != NULL && !pqdb_is_ready(replies)) {
    (void)pqdb_poll(s->db);
    if (!cli_bar_is_due(s->bar)) continue;
    pqdb_progress(replies, &done, &total);
    if (total > 0) cli_bar_draw(s->bar, done, total, NULL, 0);
  }
  if (s->bar != NULL) cli_bar_clear(s->bar);
  return pqdb_next(replies, json, len);
}

/* Show all items, keep the summary. PQDB_ROW: stopped early, because standard output fails or the
 * user has seen enough. */
static int read_replies(cli_session *s, pqdb_replies *replies, cli_show show, void *ud) {
  const char *json;
  size_t len;
  int rc = next_reply(s, replies, &json, &len);
  for (; rc == PQDB_ROW; rc = next_reply(s, replies, &json, &len)) {
    if (show != NULL) show(ud, &s->screen, json, len);
    if (ferror(stdout) || (s->interrupt != NULL && *s->interrupt != 0)) return PQDB_ROW;
  }
  if (rc != PQDB_DONE) return rc;
  cli_text_put(&s->summary, json, len);
  tell_missing_tail(s);
  return rc;
}

static int run(cli_session *s, const char *payload, size_t payload_len, pqdb_replies **out) {
  const char *ns = s->is_shell ? s->options->ns : NULL;
  if (s->is_shell && cli_has(s->options, CLI_OPT_ACTOR)) {
    cli_add_text(s, "actor", s->options->actor);
  }
  cli_text_byte(&s->request, '}');
  cli_text_clear(&s->summary);
  if (s->bar != NULL)
    return pqdb_submit(s->db, ns, s->request.p, s->request.len, payload, payload_len, out);
  return pqdb_run(s->db, ns, s->request.p, s->request.len, payload, payload_len, out);
}

/* What every write may have. */
static int add_metadata(cli_session *s) {
  if (!cli_has(s->options, CLI_OPT_METADATA)) return CLI_DONE;
  return cli_add_json(s, "metadata", "--metadata", s->options->metadata);
}

int cli_execute(cli_session *s, pqdb_mode mode, cli_show show, void *ud) {
  pqdb_replies *replies = NULL;
  int rc, status = add_metadata(s);
  if (status == CLI_DONE) status = cli_open(s, mode);
  if (status != CLI_DONE) return status;
  rc = run(s, NULL, 0, &replies);
  if (rc != PQDB_OK) return report(s, rc);
  rc = read_replies(s, replies, show, ud);
  status = rc == PQDB_DONE ? CLI_DONE : CLI_REFUSED;
  if (rc < 0) (void)report(s, rc);
  pqdb_replies_close(replies);
  return status;
}

int cli_execute_payload(cli_session *s, const char *payload, size_t len, int *code) {
  pqdb_replies *replies = NULL;
  int rc, status = add_metadata(s);
  *code = PQDB_VALIDATION_FAILED;
  if (status != CLI_DONE) return status;
  rc = run(s, payload, len, &replies);
  if (rc == PQDB_OK) rc = read_replies(s, replies, NULL, NULL);
  if (rc == PQDB_DONE) rc = PQDB_OK;
  if (rc < 0) (void)report(s, rc);
  pqdb_replies_close(replies);
  *code = rc;
  return rc == PQDB_OK ? CLI_DONE : CLI_REFUSED;
}

uint64_t cli_summary_u64(const cli_session *s, const char *name) {
  cli_value summary = cli_json_value(cli_text_c(&s->summary), s->summary.len);
  return cli_json_u64(cli_json_field(summary, name));
}

void cli_print_summary(const cli_session *s) {
  cli_print_line(&s->screen, cli_text_c(&s->summary), s->summary.len);
}
