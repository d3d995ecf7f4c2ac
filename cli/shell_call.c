/* cli/shell_call.c - calls as in mongosh: db.posts.find({n: 3}, {title: 1}).sort({n: -1})
 *
 *   collection ── call ─────────────── changes of it ──────────
 *   posts         find(filter, fields) .sort(…) .limit(…)
 *                 ▲ rows of `calls`     ▲ rows of `changes`
 *
 * Each call is one sub-command: `shape` says which arguments become which of its words. Each change
 * is one of its options. Ids are local ("p1") or whole ("posts/p1"), or {$id: …}, {_id: …}.
 */
#include <stdlib.h>
#include <string.h>

#include "json_view.h"
#include "shell_line.h"

enum { ARGS_MAX = 16 };

typedef enum call_shape {
  SHAPE_NONE,    /* posts.files()                 -> files posts */
  SHAPE_FILTER,  /* posts.count({…})              -> count posts {…} */
  SHAPE_FIND,    /* posts.find({…}, {…})          -> find posts {…} --project {…} */
  SHAPE_JSON,    /* posts.insertOne({…})          -> insert posts {…} */
  SHAPE_ID,      /* posts.get("p1")               -> get posts/p1 */
  SHAPE_ID_JSON, /* posts.updateOne("p1", {…})    -> update posts/p1 {…} */
  SHAPE_LINK,    /* posts.link("p1", "a", "u/1")  -> link posts/p1 a u/1 */
  SHAPE_STEPS,   /* posts.traverse("p1", "a")     -> traverse posts/p1 a */
  SHAPE_COMMAND, /* db.runCommand({…})            -> run {…} */
  SHAPE_WRITE /* posts.deleteMany({…}, {…})    -> run {"deleteMany": "posts", "filter": {…}, …} */
} call_shape;

typedef struct call_row {
  const char *name, *command;
  call_shape shape;
  size_t arg_min, arg_max;
  const char *takes; /* for messages */
  /* SHAPE_WRITE: names of the arguments; one more is an object of options. */
  const char *const *keys;
} call_row;

static const char *const update_keys[] = {"filter", "update", NULL};
static const char *const replace_keys[] = {"filter", "replacement", NULL};
static const char *const delete_keys[] = {"filter", NULL};
static const char *const bulk_keys[] = {"operations", NULL};

static const call_row calls[] = {
    {"find", "find", SHAPE_FIND, 0, 2, "filter, fields", NULL},
    {"findOne", "find", SHAPE_FIND, 0, 2, "filter, fields", NULL},
    {"count", "count", SHAPE_FILTER, 0, 1, "filter", NULL},
    {"countDocuments", "count", SHAPE_FILTER, 0, 1, "filter", NULL},
    {"estimatedDocumentCount", "count", SHAPE_FILTER, 0, 0, "", NULL},
    {"aggregate", "aggregate", SHAPE_JSON, 1, 1, "[stage, …]", NULL},
    {"insertOne", "insert", SHAPE_JSON, 1, 1, "document", NULL},
    {"insertMany", "insert", SHAPE_JSON, 1, 1, "[document, …]", NULL},
    {"insert", "insert", SHAPE_JSON, 1, 1, "document", NULL},
    {"updateOne", "update", SHAPE_ID_JSON, 2, 2, "id, {$set: …}", NULL},
    {"replaceOne", "update", SHAPE_ID_JSON, 2, 2, "id, document", NULL},
    {"deleteOne", "delete", SHAPE_ID, 1, 1, "id", NULL},
    {"updateMany", "run", SHAPE_WRITE, 2, 3, "filter, {$set: …}, options", update_keys},
    {"deleteMany", "run", SHAPE_WRITE, 1, 2, "filter, options", delete_keys},
    {"findOneAndUpdate", "run", SHAPE_WRITE, 2, 3, "filter, {$set: …}, options", update_keys},
    {"findOneAndReplace", "run", SHAPE_WRITE, 2, 3, "filter, document, options", replace_keys},
    {"findOneAndDelete", "run", SHAPE_WRITE, 1, 2, "filter, options", delete_keys},
    {"bulkWrite", "run", SHAPE_WRITE, 1, 2, "[operation, …], options", bulk_keys},
    {"get", "get", SHAPE_ID, 1, 1, "id", NULL},
    {"history", "history", SHAPE_ID, 1, 1, "id", NULL},
    {"restore", "restore", SHAPE_ID, 1, 1, "id", NULL},
    {"link", "link", SHAPE_LINK, 3, 4, "id, predicate, \"coll/id\", data", NULL},
    {"unlink", "unlink", SHAPE_LINK, 3, 3, "id, predicate, \"coll/id\"", NULL},
    {"related", "related", SHAPE_STEPS, 2, 2, "id, predicate", NULL},
    {"traverse", "traverse", SHAPE_STEPS, 2, ARGS_MAX, "id, predicate, …", NULL},
    {"events", "events", SHAPE_NONE, 0, 0, "", NULL},
    {"files", "files", SHAPE_NONE, 0, 0, "", NULL},
    {"compact", "compact", SHAPE_NONE, 0, 0, "", NULL},
};

static const call_row database_calls[] = {
    {"runCommand", "run", SHAPE_COMMAND, 1, 1, "{command: …}", NULL},
    {"getCollectionNames", "collections", SHAPE_NONE, 0, 0, "", NULL},
    {"stats", "stats", SHAPE_NONE, 0, 0, "", NULL},
    {"events", "events", SHAPE_NONE, 0, 0, "", NULL},
    {"flush", "flush", SHAPE_NONE, 0, 0, "", NULL},
    {"compact", "compact", SHAPE_NONE, 0, 0, "", NULL},
    {"checkpoint", "checkpoint", SHAPE_NONE, 0, 0, "", NULL},
    {"verify", "verify", SHAPE_NONE, 0, 0, "", NULL},
};

typedef enum change_kind {
  CHANGE_FLAG,
  CHANGE_JSON,
  CHANGE_NUMBER,
  CHANGE_TEXT,
  CHANGE_COUNT,
  CHANGE_PRETTY,
  CHANGE_NOTHING
} change_kind;

typedef struct change_row {
  const char *name;
  change_kind kind;
  uint64_t option;
  size_t at; /* of the value in cli_options */
} change_row;

#define AT(field) offsetof(cli_options, field)

static const change_row changes[] = {
    {"sort", CHANGE_JSON, CLI_OPT_SORT, AT(sort)},
    {"limit", CHANGE_NUMBER, CLI_OPT_LIMIT, AT(limit)},
    {"skip", CHANGE_NUMBER, CLI_OPT_SKIP, AT(skip)},
    {"project", CHANGE_JSON, CLI_OPT_PROJECT, AT(project)},
    {"projection", CHANGE_JSON, CLI_OPT_PROJECT, AT(project)},
    {"count", CHANGE_COUNT, 0, 0},
    {"asOf", CHANGE_TEXT, CLI_OPT_AS_OF, AT(as_of)},
    {"explain", CHANGE_FLAG, CLI_OPT_EXPLAIN, 0},
    {"flushed", CHANGE_FLAG, CLI_OPT_FLUSHED, 0},
    {"includeDeleted", CHANGE_FLAG, CLI_OPT_INCLUDE_DELETED, 0},
    {"collation", CHANGE_JSON, CLI_OPT_COLLATION, AT(collation)},
    {"hint", CHANGE_TEXT, CLI_OPT_HINT, AT(hint)},
    {"maxTimeMS", CHANGE_NUMBER, CLI_OPT_MAX_TIME, AT(max_time)},
    {"populate", CHANGE_JSON, CLI_OPT_POPULATE, AT(populate)},
    {"plain", CHANGE_FLAG, CLI_OPT_PLAIN, 0},
    {"reverse", CHANGE_FLAG, CLI_OPT_REVERSE, 0},
    {"edges", CHANGE_FLAG, CLI_OPT_EDGES, 0},
    {"hard", CHANGE_FLAG, CLI_OPT_HARD, 0},
    {"from", CHANGE_NUMBER, CLI_OPT_FROM, AT(from)},
    {"expectedVersion", CHANGE_NUMBER, CLI_OPT_EXPECTED_VERSION, AT(expected_version)},
    {"actor", CHANGE_TEXT, CLI_OPT_ACTOR, AT(actor)},
    {"pretty", CHANGE_PRETTY, 0, 0},
    {"toArray", CHANGE_NOTHING, 0, 0},
};

enum {
  CALL_COUNT = sizeof calls / sizeof calls[0],
  DATABASE_CALL_COUNT = sizeof database_calls / sizeof database_calls[0],
  CHANGE_ROW_COUNT = sizeof changes / sizeof changes[0]
};

const char *cli_call_name(cli_call_place place, size_t i) {
  switch (place) {
    case CLI_ON_COLLECTION: return i < CALL_COUNT ? calls[i].name : NULL;
    case CLI_ON_DATABASE: return i < DATABASE_CALL_COUNT ? database_calls[i].name : NULL;
    case CLI_ON_RESULT: return i < CHANGE_ROW_COUNT ? changes[i].name : NULL;
  }
  return NULL;
}

/* ---- reading one call ---- */

/* name(argument, …) */
typedef struct call {
  const char *at; /* of the name, for messages */
  cli_text name;
  cli_text args[ARGS_MAX]; /* JSON */
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
    if (c->arg_count == ARGS_MAX) return cli_relaxed_fail(r, r->p, "too many arguments");
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

/* "p1", "posts/p1", {$id: "p1"} or {_id: "p1"} as COLL/ID. */
static bool add_id(cli_relaxed *r, cli_shell_line *line, const cli_text *collection,
                   const call *c) {
  cli_value v = value_of(&c->args[0]), key, inner, rest;
  cli_json_walk w = cli_json_enter(v);
  cli_text local = {0}, id = {0};
  bool is_id = w.is_object && cli_json_next(&w, &key, &inner) &&
               (memcmp(key.text, "\"$id\"", 5) == 0 || memcmp(key.text, "\"_id\"", 5) == 0);
  if (is_id && !cli_json_next(&w, &key, &rest)) v = inner;
  if (!decode(v, &local) || local.len == 0) {
    cli_text_release(&local);
    return cli_relaxed_fail(r, c->at, "%s goes by id: \"p1\" or {$id: \"p1\"}",
                            cli_text_c(&c->name));
  }
  cli_text_put(&id, cli_text_c(collection), collection->len);
  cli_text_byte(&id, '/');
  if (strncmp(cli_text_c(&local), cli_text_c(&id), id.len) == 0) {
    cli_text_str(&id, cli_text_c(&local) + id.len);
  } else {
    for (const char *p = cli_text_c(&local); *p != '\0'; p++) {
      bool is_plain = *p != '/' && *p != '%';
      cli_text_put(&id, is_plain ? p : *p == '/' ? "%2F" : "%25", is_plain ? 1 : 3);
    }
  }
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

/* The command document of a write: its arguments by name, then the options. */
static bool add_write(cli_relaxed *r, cli_shell_line *line, const call_row *row,
                      const cli_text *collection, const call *c) {
  cli_text text = {0};
  cli_text_str(&text, "{\"");
  cli_text_str(&text, row->name);
  cli_text_str(&text, "\":");
  cli_text_json(&text, cli_text_c(collection), collection->len);
  for (size_t i = 0; i < c->arg_count; i++) {
    cli_value v = value_of(&c->args[i]), key, value;
    cli_json_walk options = cli_json_enter(v);
    if (row->keys[i] != NULL) {
      cli_text_str(&text, ",\"");
      cli_text_str(&text, row->keys[i]);
      cli_text_str(&text, "\":");
      cli_text_put(&text, v.text, v.len);
      continue;
    }
    if (v.kind != CLI_JSON_OBJECT) {
      cli_text_release(&text);
      return cli_relaxed_fail(r, c->at, "it is %s(%s)", row->name, row->takes);
    }
    while (cli_json_next(&options, &key, &value)) {
      cli_text_byte(&text, ',');
      cli_text_put(&text, key.text, key.len);
      cli_text_byte(&text, ':');
      cli_text_put(&text, value.text, value.len);
    }
    break; /* the options are last */
  }
  cli_text_byte(&text, '}');
  add_word(line, &text);
  return true;
}

static bool add_words(cli_relaxed *r, cli_shell_line *line, const call_row *row,
                      const cli_text *collection, call *c) {
  switch (row->shape) {
    case SHAPE_NONE: add_collection(line, collection); return true;
    case SHAPE_FILTER:
    case SHAPE_JSON:
    case SHAPE_FIND:
      add_collection(line, collection);
      if (c->arg_count > 0) add_json(line, c, 0);
      if (c->arg_count < 2) return true;
      line->options.project = take_json(line, c, 1);
      line->options.given |= CLI_OPT_PROJECT;
      return true;
    case SHAPE_COMMAND: add_json(line, c, 0); return true;
    case SHAPE_WRITE: return add_write(r, line, row, collection, c);
    case SHAPE_ID: return add_id(r, line, collection, c);
    case SHAPE_ID_JSON:
      if (!add_id(r, line, collection, c)) return false;
      add_json(line, c, 1);
      return true;
    case SHAPE_STEPS:
      if (!add_id(r, line, collection, c)) return false;
      for (size_t i = 1; i < c->arg_count; i++) {
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

static bool set_call(cli_relaxed *r, cli_shell_line *line, const cli_text *collection, call *c,
                     bool is_database) {
  const call_row *rows = is_database ? database_calls : calls, *row = NULL;
  size_t count = is_database ? DATABASE_CALL_COUNT : CALL_COUNT;
  cli_text name = {0};
  for (size_t i = 0; i < count; i++) {
    if (strcmp(rows[i].name, cli_text_c(&c->name)) == 0) row = &rows[i];
  }
  if (!is_database && collection->len == 0) {
    return cli_relaxed_fail(r, c->at, "a collection is missing: COLLECTION.%.40s(…)",
                            cli_text_c(&c->name));
  }
  if (row == NULL) return unknown(r, c, is_database ? CLI_ON_DATABASE : CLI_ON_COLLECTION);
  if (c->arg_count < row->arg_min || c->arg_count > row->arg_max) {
    return cli_relaxed_fail(r, c->at, "it is %s(%s)", row->name, row->takes);
  }
  line->command = cli_command_find(row->command);
  line->options.words = line->sorted;
  cli_text_str(&name, row->command);
  add_word(line, &name);
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

static bool change_value(cli_relaxed *r, cli_shell_line *line, const change_row *row, call *c) {
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
  const change_row *row = NULL;
  bool needs_value;
  for (size_t i = 0; i < CHANGE_ROW_COUNT; i++) {
    if (strcmp(changes[i].name, cli_text_c(&c->name)) == 0) row = &changes[i];
  }
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

int cli_shell_call(cli_shell_line *line, const char *text, size_t len) {
  cli_relaxed r;
  cli_text collection = {0};
  call first = {0};
  bool is_database, is_done;
  cli_relaxed_init(&r, text, len);
  is_done = read_first(&r, &collection, &first, &is_database) &&
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
