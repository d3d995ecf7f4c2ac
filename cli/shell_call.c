/* cli/shell_call.c - calls as in mongosh: db.posts.find({n: 3}, {title: 1}).sort({n: -1})
 *
 *   collection ── call ─────────────── changes of it ──────────
 *   posts         find(filter, fields) .sort(…) .limit(…)
 *                 ▲ rows of shell_call_table.c ▲
 *
 * Each call is one sub-command: `shape` says which arguments become which of its words. Each change
 * is one of its options. Ids are local ("p1") or whole ("posts/p1"), or {$id: …}, {_id: …}.
 */
#include <stdlib.h>
#include <string.h>

#include "json_view.h"
#include "shell_call_table.h"

/* ---- reading one call ---- */

/* name(argument, …) */
typedef struct call {
  const char *at; /* of the name, for messages */
  cli_text name;
  cli_text args[CLI_ARGS_MAX]; /* JSON */
  size_t arg_count;
} call;

static void release_call(call *c) {
  cli_text_release(&c->name);
  for (size_t i = 0; i < c->arg_count; i++)
    cli_text_release(&c->args[i]);
  *c = (call){0};
}

static cli_value value_of(const cli_text *text) {
  return cli_json_value(cli_text_c(text), text->len);
}

/* r->p is behind the '('. */
static bool read_arguments(cli_relaxed *r, call *c) {
  for (;;) {
    cli_relaxed_space(r);
    if (r->p < r->end && *r->p == ')') break;
    if (c->arg_count == CLI_ARGS_MAX) return cli_relaxed_fail(r, r->p, "too many arguments");
    if (!cli_relaxed_value(r, &c->args[c->arg_count++])) return false;
    cli_relaxed_space(r);
    if (r->p < r->end && *r->p == ',') {
      r->p++;
    } else if (r->p == r->end || *r->p != ')') {
      return cli_relaxed_fail(r, r->p, "expected ',' or ')'");
    }
  }
  r->p++;
  return true;
}

static bool is_path_byte(char c) {
  return cli_is_name_byte(c) || c == '-';
}

static void read_name(cli_relaxed *r, call *c) {
  c->at = r->p;
  while (r->p < r->end && is_path_byte(*r->p))
    cli_text_byte(&c->name, *r->p++);
}

/* ["my posts"] or .getCollection("my posts"): the name in it, onto the collection. */
static bool read_bracketed(cli_relaxed *r, char closing, cli_text *collection) {
  const char *start = ++r->p;
  cli_text json = {0};
  bool is_done = cli_relaxed_value(r, &json);
  if (is_done && value_of(&json).kind != CLI_JSON_STRING) {
    is_done = cli_relaxed_fail(r, start, "expected the name of a collection in quotes");
  }
  if (is_done) cli_json_decode(value_of(&json), collection);
  cli_text_release(&json);
  if (!is_done) return false;
  cli_relaxed_space(r);
  if (r->p == r->end || *r->p != closing) {
    return cli_relaxed_fail(r, r->p, "expected '%c'", closing);
  }
  r->p++;
  return true;
}

static void add_part(cli_text *collection, const cli_text *name) {
  if (collection->len > 0) cli_text_byte(collection, '.');
  cli_text_put(collection, cli_text_c(name), name->len);
}

/* The collection and its first call: [db.]a.b.call(…). *is_database: the call is on db itself. */
static bool read_first(cli_relaxed *r, cli_text *collection, call *c, bool *is_database) {
  *is_database = false;
  for (;;) {
    bool is_first = !*is_database && collection->len == 0;
    release_call(c);
    cli_relaxed_space(r);
    read_name(r, c);
    cli_relaxed_space(r);
    if (r->p < r->end && *r->p == '(' && strcmp(cli_text_c(&c->name), "getCollection") == 0 &&
        *is_database && collection->len == 0) {
      if (!read_bracketed(r, ')', collection)) return false;
    } else if (r->p < r->end && *r->p == '(') {
      break;
    } else if (is_first && strcmp(cli_text_c(&c->name), "db") == 0) {
      *is_database = true;
    } else {
      if (c->name.len == 0) return cli_relaxed_fail(r, r->p, "expected a name");
      add_part(collection, &c->name);
    }
    cli_relaxed_space(r);
    if (r->p < r->end && *r->p == '[' && !read_bracketed(r, ']', collection)) return false;
    cli_relaxed_space(r);
    if (r->p == r->end || *r->p != '.') return cli_relaxed_fail(r, r->p, "expected '.' or '('");
    r->p++;
  }
  if (collection->len > 0) *is_database = false;
  r->p++;
  return read_arguments(r, c);
}

/* ---- what it stands for ---- */

/* Keep a text of the line; the words of the command among them go to `sorted` in order. */
static char *keep(cli_shell_line *line, cli_text *text) {
  cli_text_str(text, "");
  line->words[line->word_count++] = text->p;
  return text->p;
}

static void add_word(cli_shell_line *line, cli_text *text) {
  line->sorted[line->options.word_count++] = keep(line, text);
}

/* A text argument; numbers as they stand. False: neither. */
static bool decode(cli_value v, cli_text *out) {
  v = cli_json_inner(v);
  if (v.kind == CLI_JSON_STRING) {
    cli_json_decode(v, out);
  } else if (v.kind == CLI_JSON_NUMBER) {
    cli_text_put(out, v.text, v.len);
  } else {
    return false;
  }
  return true;
}

/* COLL/ID of a local or whole id. */
static void whole_id(const cli_text *collection, const cli_text *local, cli_text *id) {
  cli_text_put(id, cli_text_c(collection), collection->len);
  cli_text_byte(id, '/');
  if (strncmp(cli_text_c(local), cli_text_c(id), id->len) == 0) {
    cli_text_str(id, cli_text_c(local) + id->len);
    return;
  }
  for (const char *p = cli_text_c(local); *p != '\0'; p++) {
    bool is_plain = *p != '/' && *p != '%';
    cli_text_put(id, is_plain ? p : *p == '/' ? "%2F" : "%25", is_plain ? 1 : 3);
  }
}

/* The value of {$id: …}, and with `or_key` of {_id: …}, if that is all there is; else `v`. */
static cli_value only_id(cli_value v, bool or_key) {
  cli_json_walk w = cli_json_enter(v);
  cli_value key, inner, rest;
  bool is_id =
      w.is_object && cli_json_next(&w, &key, &inner) &&
      (memcmp(key.text, "\"$id\"", 5) == 0 || (or_key && memcmp(key.text, "\"_id\"", 5) == 0));
  return is_id && !cli_json_next(&w, &key, &rest) ? inner : v;
}

/* "p1", "posts/p1", {$id: "p1"} or {_id: "p1"} as COLL/ID. */
static bool add_id(cli_relaxed *r, cli_shell_line *line, const cli_text *collection,
                   const call *c) {
  cli_text local = {0}, id = {0};
  if (!decode(only_id(value_of(&c->args[0]), true), &local) || local.len == 0) {
    cli_text_release(&local);
    return cli_relaxed_fail(r, c->at, "%s goes by id: \"p1\" or {$id: \"p1\"}",
                            cli_text_c(&c->name));
  }
  whole_id(collection, &local, &id);
  cli_text_release(&local);
  add_word(line, &id);
  return true;
}

static bool add_text(cli_relaxed *r, cli_shell_line *line, const call *c, size_t i) {
  cli_text text = {0};
  if (!decode(value_of(&c->args[i]), &text)) {
    cli_text_release(&text);
    return cli_relaxed_fail(r, c->at, "argument %zu of %s must be a text", i + 1,
                            cli_text_c(&c->name));
  }
  add_word(line, &text);
  return true;
}

/* Give an argument away: it belongs to the line then. */
static char *take_json(cli_shell_line *line, call *c, size_t i) {
  cli_text text = c->args[i];
  c->args[i] = (cli_text){0};
  return keep(line, &text);
}

static void add_json(cli_shell_line *line, call *c, size_t i) {
  line->sorted[line->options.word_count++] = take_json(line, c, i);
}

static void add_collection(cli_shell_line *line, const cli_text *collection) {
  cli_text text = {0};
  if (collection->len == 0) return;
  cli_text_put(&text, cli_text_c(collection), collection->len);
  add_word(line, &text);
}

/* A filter; an id stands for {"$id": COLL/ID}. */
static bool add_choice(cli_relaxed *r, cli_shell_line *line, const cli_text *collection, call *c) {
  cli_value v = value_of(&c->args[0]), id = only_id(v, false);
  cli_text local = {0}, whole = {0}, filter = {0};
  if (id.kind != CLI_JSON_STRING) {
    if (v.kind != CLI_JSON_OBJECT) {
      return cli_relaxed_fail(r, c->at, "%s takes a filter, or an id: \"p1\"",
                              cli_text_c(&c->name));
    }
    add_json(line, c, 0);
    return true;
  }
  cli_json_decode(id, &local);
  whole_id(collection, &local, &whole);
  cli_text_str(&filter, "{\"$id\":");
  cli_text_json(&filter, cli_text_c(&whole), whole.len);
  cli_text_byte(&filter, '}');
  cli_text_release(&local);
  cli_text_release(&whole);
  add_word(line, &filter);
  return true;
}

/* Names of options that MongoDB's drivers have and ours in their place. */
static const struct {
  const char *name, *ours;
} option_names[] = {{"projection", "project"}, {"maxTimeMS", "maxTimeMs"}};

/* The last argument: fields of the command document. */
static bool add_options(cli_relaxed *r, cli_shell_line *line, const cli_call_row *row,
                        const call *c) {
  cli_value v = value_of(&c->args[row->arg_max]), key, value;
  cli_json_walk w = cli_json_enter(v);
  cli_text more = {0};
  if (v.kind != CLI_JSON_OBJECT) {
    return cli_relaxed_fail(r, c->at, "it is %s(%s)", row->name, row->takes);
  }
  while (cli_json_next(&w, &key, &value)) {
    cli_text name = {0};
    cli_json_decode(key, &name);
    for (size_t i = 0; i < sizeof option_names / sizeof option_names[0]; i++) {
      if (strcmp(cli_text_c(&name), option_names[i].name) != 0) continue;
      cli_text_clear(&name);
      cli_text_str(&name, option_names[i].ours);
    }
    cli_text_byte(&more, more.len == 0 ? '{' : ',');
    cli_text_json(&more, cli_text_c(&name), name.len);
    cli_text_byte(&more, ':');
    cli_text_put(&more, value.text, value.len);
    cli_text_release(&name);
  }
  cli_text_str(&more, more.len == 0 ? "{}" : "}");
  line->options.more = keep(line, &more);
  return true;
}

static bool add_words(cli_relaxed *r, cli_shell_line *line, const cli_call_row *row,
                      const cli_text *collection, call *c) {
  switch (row->shape) {
    case SHAPE_NONE: add_collection(line, collection); return true;
    case SHAPE_FILTER:
    case SHAPE_JSON:
    case SHAPE_FIND:
      add_collection(line, collection);
      if (c->arg_count > 0) add_json(line, c, 0);
      if (c->arg_count < 2 || row->shape != SHAPE_FIND) return true;
      line->options.project = take_json(line, c, 1);
      line->options.given |= CLI_OPT_PROJECT;
      return true;
    case SHAPE_DISTINCT:
      add_collection(line, collection);
      if (!add_text(r, line, c, 0)) return false;
      if (c->arg_count < 2) return true;
      line->options.filter = take_json(line, c, 1);
      line->options.given |= CLI_OPT_FILTER;
      return true;
    case SHAPE_CHANGE:
      add_collection(line, collection);
      if (!add_choice(r, line, collection, c)) return false;
      if (row->arg_max > 1) add_json(line, c, 1);
      return true;
    case SHAPE_COMMAND: add_json(line, c, 0); return true;
    case SHAPE_TARGET:
    case SHAPE_ID: return add_id(r, line, collection, c);
    case SHAPE_STEPS:
      if (!add_id(r, line, collection, c)) return false;
      for (size_t i = 1; i < c->arg_count && i < row->arg_max; i++) {
        if (!add_text(r, line, c, i)) return false;
      }
      return true;
    case SHAPE_LINK:
      if (!add_id(r, line, collection, c)) return false;
      if (!add_text(r, line, c, 1) || !add_text(r, line, c, 2)) return false;
      if (c->arg_count < 4) return true;
      line->options.data = take_json(line, c, 3);
      line->options.given |= CLI_OPT_DATA;
      return true;
  }
  return false;
}

/* "no such call", with the nearest one. */
static bool unknown(cli_relaxed *r, const call *c, cli_call_place place) {
  cli_nearest nearest = {cli_text_c(&c->name), NULL, 0};
  const char *name;
  for (size_t i = 0; (name = cli_call_name(place, i)) != NULL; i++)
    cli_nearest_offer(&nearest, name);
  if (nearest.name != NULL) {
    return cli_relaxed_fail(r, c->at, "unknown call '%.40s'; did you mean '%s'?",
                            cli_text_c(&c->name), nearest.name);
  }
  return cli_relaxed_fail(r, c->at, "unknown call '%.40s'; .help lists them", cli_text_c(&c->name));
}

/* Is the first argument an id? */
static bool names_id(const call *c) {
  return c->arg_count > 0 && only_id(value_of(&c->args[0]), true).kind != CLI_JSON_OBJECT;
}

static bool set_call(cli_relaxed *r, cli_shell_line *line, const cli_text *collection, call *c,
                     bool is_database) {
  cli_call_place place = is_database ? CLI_ON_DATABASE : CLI_ON_COLLECTION;
  const cli_call_row *row = cli_call_find(place, cli_text_c(&c->name));
  cli_text name = {0};
  cli_call_row of_all;
  if (!is_database && collection->len == 0) {
    return cli_relaxed_fail(r, c->at, "a collection is missing: COLLECTION.%.40s(…)",
                            cli_text_c(&c->name));
  }
  if (row == NULL) return unknown(r, c, place);
  if (row->shape == SHAPE_TARGET && !names_id(c)) { /* of the whole collection */
    of_all = *row;
    of_all.shape = SHAPE_NONE;
    of_all.arg_max = 0;
    row = &of_all;
  }
  if (c->arg_count < row->arg_min || c->arg_count > row->arg_max + row->has_options) {
    return cli_relaxed_fail(r, c->at, "it is %s(%s)", row->name, row->takes);
  }
  line->command = cli_command_find(row->command);
  line->options.words = line->sorted;
  cli_text_str(&name, row->command);
  add_word(line, &name);
  if (strcmp(row->name, "estimatedDocumentCount") == 0) line->options.given |= CLI_OPT_ESTIMATED;
  if (c->arg_count > row->arg_max && !add_options(r, line, row, c)) return false;
  if (strcmp(row->name, "findOne") == 0) {
    line->is_one = true;
    line->options.limit = 1;
    line->options.given |= CLI_OPT_LIMIT;
    if (c->arg_count > 0 && value_of(&c->args[0]).kind == CLI_JSON_STRING) {
      return cli_relaxed_fail(r, c->at, "findOne takes a filter; get goes by id");
    }
  }
  return add_words(r, line, row, collection, c);
}

/* ---- changes ---- */

static bool change_value(cli_relaxed *r, cli_shell_line *line, const cli_change_row *row, call *c) {
  char *base = (char *)&line->options;
  cli_value v = value_of(&c->args[0]);
  cli_text text = {0};
  const char *stored;
  uint64_t number;
  if (row->kind == CHANGE_NUMBER) {
    number = cli_json_u64(v);
    if (v.kind != CLI_JSON_NUMBER || (number == 0 && !(v.len == 1 && v.text[0] == '0'))) {
      return cli_relaxed_fail(r, c->at, "%s needs a whole number", row->name);
    }
    memcpy(base + row->at, &number, sizeof number);
    return true;
  }
  if (row->kind == CHANGE_JSON) {
    if (v.kind != CLI_JSON_OBJECT) return cli_relaxed_fail(r, c->at, "it is %s({…})", row->name);
    stored = take_json(line, c, 0);
  } else {
    cli_value inner = cli_json_inner(cli_json_inner(v));
    cli_value number_long = cli_json_field(cli_json_field(v, "$date"), "$numberLong");
    if (!decode(number_long.kind == CLI_JSON_NONE ? inner : number_long, &text)) {
      cli_text_release(&text);
      return cli_relaxed_fail(r, c->at, "%s needs a text", row->name);
    }
    stored = keep(line, &text);
  }
  memcpy(base + row->at, &stored, sizeof stored);
  return true;
}

static bool change(cli_relaxed *r, cli_shell_line *line, call *c) {
  const cli_change_row *row = cli_change_find(cli_text_c(&c->name));
  bool needs_value;
  if (row == NULL) return unknown(r, c, CLI_ON_RESULT);
  needs_value = row->kind == CHANGE_JSON || row->kind == CHANGE_NUMBER || row->kind == CHANGE_TEXT;
  if (c->arg_count > 1 || (needs_value && c->arg_count == 0)) {
    return cli_relaxed_fail(r, c->at, "%s takes one argument", row->name);
  }
  line->options.given |= row->option;
  if (needs_value) return change_value(r, line, row, c);
  if (row->kind == CHANGE_PRETTY) line->is_pretty = true;
  if (row->kind == CHANGE_COUNT) {
    if (strcmp(line->command->name, "find") != 0) {
      return cli_relaxed_fail(r, c->at, "count() counts what find(…) finds");
    }
    line->command = cli_command_find("count");
    line->options.given &= ~(uint64_t)(CLI_OPT_SORT | CLI_OPT_PROJECT);
  }
  return true;
}

static bool read_changes(cli_relaxed *r, cli_shell_line *line) {
  for (;;) {
    call c = {0};
    bool is_done;
    cli_relaxed_space(r);
    if (r->p == r->end) return true;
    if (*r->p == ';') {
      r->p++;
      cli_relaxed_space(r);
      return r->p == r->end || cli_relaxed_fail(r, r->p, "one statement a line");
    }
    if (*r->p != '.') return cli_relaxed_fail(r, r->p, "expected '.' or the end");
    r->p++;
    cli_relaxed_space(r);
    if (line->word_count > CLI_WORDS_MAX - 4) return cli_relaxed_fail(r, r->p, "too many calls");
    read_name(r, &c);
    is_done = r->p < r->end && *r->p == '(';
    if (is_done) {
      r->p++;
      is_done = read_arguments(r, &c) && change(r, line, &c);
    } else {
      (void)cli_relaxed_fail(r, r->p, "expected '('");
    }
    release_call(&c);
    if (!is_done) return false;
  }
}

/* posts.explain().find(…) is posts.find(…).explain(). */
static bool read_explained(cli_relaxed *r, cli_shell_line *line, call *c) {
  if (strcmp(cli_text_c(&c->name), "explain") != 0) return true;
  line->options.given |= CLI_OPT_EXPLAIN;
  release_call(c);
  cli_relaxed_space(r);
  if (r->p == r->end || *r->p != '.') return cli_relaxed_fail(r, r->p, "expected '.find(…)'");
  r->p++;
  read_name(r, c);
  if (r->p == r->end || *r->p != '(') return cli_relaxed_fail(r, r->p, "expected '('");
  r->p++;
  return read_arguments(r, c);
}

int cli_shell_call(cli_shell_line *line, const char *text, size_t len) {
  cli_relaxed r;
  cli_text collection = {0};
  call first = {0};
  bool is_database, is_done;
  cli_relaxed_init(&r, text, len);
  is_done = read_first(&r, &collection, &first, &is_database) &&
            (is_database || read_explained(&r, line, &first)) &&
            set_call(&r, line, &collection, &first, is_database) && read_changes(&r, line);
  release_call(&first);
  cli_text_release(&collection);
  return is_done ? CLI_DONE : cli_relaxed_report(&r);
}

bool cli_is_call(const char *text, size_t len) {
  const char *p = text, *end = text + len;
  while (p < end && (is_path_byte(*p) || *p == '.')) {
    p++;
    if (p < end && *p == '[') {
      p = cli_relaxed_close(p, end);
      if (p == NULL) return true;
    }
  }
  return p < end && p > text && *p == '(';
}
