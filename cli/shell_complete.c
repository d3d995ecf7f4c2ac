/* cli/shell_complete.c - what Tab offers.
 *
 *   fi|                        sub-commands, collections
 *   posts.fi|                  calls
 *   posts.find({}).so|         changes of a result
 *   get po|                    collections
 *   find posts --li|           options of the command
 *   posts.find({ti|            fields, from a few documents of that collection
 *   find posts {n: {$g|        operators
 *   .mo|                       dot commands
 *
 * Nothing is said when something fails: there is then nothing to offer.
 */
#include <stdlib.h>
#include <string.h>

#include "json_view.h"
#include "relaxed_json.h"
#include "shell.h"
#include "shell_line.h"

enum { SAMPLE_COUNT = 20, FIELD_DEPTH_MAX = 4 };

static const char *const operators[] = {
    "$eq",       "$ne",      "$gt",    "$gte",      "$lt",        "$lte",        "$in",
    "$nin",      "$and",     "$or",    "$nor",      "$not",       "$exists",     "$type",
    "$size",     "$all",     "$mod",   "$regex",    "$elemMatch", "$startsWith", "$endsWith",
    "$contains", "$set",     "$unset", "$inc",      "$mul",       "$min",        "$max",
    "$rename",   "$push",    "$pull",  "$addToSet", "$pop",       "$each",       "$setOnInsert",
    "$match",    "$project", "$group", "$sort",     "$limit",     "$skip",       "$count",
    "$unwind",   "$lookup",  "$sum",   "$avg",      "$id",        NULL};

/* Where the cursor is. */
typedef struct place {
  const char *text, *end;
  const char *word; /* where the name under the cursor begins */
  char bracket;     /* the innermost open one, or 0 */
  bool is_quoted;
  cli_text collection;
} place;

/* ---- sources of names ---- */

static void offer(cli_candidates *out, const place *at, const char *name, size_t len) {
  size_t typed = (size_t)(at->end - at->word);
  if (len >= typed && memcmp(name, at->word, typed) == 0) cli_candidates_add(out, name, len);
}

static void offer_list(cli_candidates *out, const place *at, const char *const *names) {
  for (; *names != NULL; names++)
    offer(out, at, *names, strlen(*names));
}

/* A handle for reading, if there can be one. */
static bool need_handle(cli_session *s) {
  pqdb_options options = {0};
  if (s->db != NULL && !s->must_reopen) return true;
  pqdb_close(s->db);
  s->must_reopen = false;
  options.size = sizeof options;
  options.mode = PQDB_READ;
  s->mode = PQDB_READ;
  if (pqdb_open(cli_warehouse(s), &options, &s->db) == PQDB_OK) return true;
  pqdb_close(s->db);
  s->db = NULL;
  return false;
}

typedef void (*take_item)(cli_candidates *out, const place *at, cli_value item);

static void offer_items(cli_shell_state *shell, const char *command, cli_candidates *out,
                        const place *at, take_item take) {
  const char *ns = shell->ns.len > 0 ? cli_text_c(&shell->ns) : NULL;
  pqdb_replies *replies = NULL;
  const char *json;
  size_t len;
  if (!need_handle(shell->s)) return;
  if (pqdb_run(shell->s->db, ns, command, strlen(command), NULL, 0, &replies) != PQDB_OK) return;
  while (pqdb_next(replies, &json, &len) == PQDB_ROW)
    take(out, at, cli_json_value(json, len));
  pqdb_replies_close(replies);
}

static void take_collection(cli_candidates *out, const place *at, cli_value item) {
  cli_text name = {0};
  cli_json_decode(cli_json_field(item, "name"), &name);
  offer(out, at, cli_text_c(&name), name.len);
  cli_text_release(&name);
}

static void offer_collections(cli_shell_state *shell, cli_candidates *out, const place *at) {
  offer_items(shell, "{\"collections\":1}", out, at, take_collection);
}

/* The fields of an object; within quotes also those of objects in it, as paths.
 */
static void take_fields(cli_candidates *out, const place *at, cli_value object, cli_text *path,
                        int depth) {
  cli_json_walk w = cli_json_enter(object);
  cli_value key, value;
  size_t path_len = path->len;
  while (w.is_object && cli_json_next(&w, &key, &value)) {
    bool is_plain = memchr(key.text, '\\', key.len) == NULL;
    cli_json_decode(key, path);
    for (size_t i = path_len; i < path->len && !at->is_quoted; i++)
      is_plain = is_plain && cli_is_name_byte(path->p[i]);
    if (is_plain) offer(out, at, cli_text_c(path), path->len);
    if (at->is_quoted && depth < FIELD_DEPTH_MAX && !cli_json_is_scalar(value)) {
      cli_text_byte(path, '.');
      take_fields(out, at, value, path, depth + 1);
    }
    path->len = path_len;
  }
}

static void take_entity(cli_candidates *out, const place *at, cli_value item) {
  cli_text path = {0};
  take_fields(out, at, item, &path, 0);
  cli_text_release(&path);
}

static void offer_fields(cli_shell_state *shell, cli_candidates *out, const place *at) {
  cli_text command = {0};
  if (at->collection.len == 0) return;
  cli_text_str(&command, "{\"find\":");
  cli_text_json(&command, cli_text_c(&at->collection), at->collection.len);
  cli_text_str(&command, ",\"limit\":");
  cli_text_u64(&command, SAMPLE_COUNT);
  cli_text_byte(&command, '}');
  offer_items(shell, cli_text_c(&command), out, at, take_entity);
  cli_text_release(&command);
}

static void offer_calls(cli_call_place where, cli_candidates *out, const place *at) {
  const char *name;
  for (size_t i = 0; (name = cli_call_name(where, i)) != NULL; i++)
    offer(out, at, name, strlen(name));
  out->after = '(';
}

static void offer_commands(cli_candidates *out, const place *at) {
  for (const cli_command *c = cli_commands; c->name != NULL; c++)
    offer(out, at, c->name, strlen(c->name));
}

/* ---- where the cursor is ---- */

/* Find the innermost open bracket and whether the cursor is in a string. */
static void look_around(place *at) {
  char open[64];
  size_t depth = 0;
  const char *quote = NULL;
  for (const char *p = at->text; p < at->end; p++) {
    if (quote != NULL) {
      if (*p == '\\') p++;
      if (p < at->end && *p == *quote) quote = NULL;
    } else if (*p == '"' || *p == '\'' || *p == '`') {
      quote = p;
    } else if (*p == '(' || *p == '[' || *p == '{') {
      if (depth < sizeof open) open[depth] = *p;
      depth++;
    } else if ((*p == ')' || *p == ']' || *p == '}') && depth > 0) {
      depth--;
    }
  }
  at->bracket = depth == 0 ? '\0' : open[depth > sizeof open ? sizeof open - 1 : depth - 1];
  at->is_quoted = quote != NULL;
  at->word = at->end;
  if (quote != NULL) {
    at->word = quote + 1;
    return;
  }
  while (at->word > at->text && cli_is_name_byte(at->word[-1]))
    at->word--;
}

static const char *skip_space(const char *p, const char *end) {
  while (p < end && strchr(" \t\r\n", *p) != NULL)
    p++;
  return p;
}

static const char *skip_word(const char *p, const char *end) {
  while (p < end && strchr(" \t\r\n", *p) == NULL)
    p++;
  return p;
}

/* The collection that the line is about: "[db.]NAME.call(", or the word after the command. */
static void find_collection(place *at) {
  const char *p = skip_space(at->text, at->end), *stop;
  if (cli_is_call(p, (size_t)(at->end - p))) {
    const char *dot = NULL;
    if (at->end - p > 3 && memcmp(p, "db.", 3) == 0) p += 3;
    for (stop = p; stop < at->end && *stop != '('; stop++)
      if (*stop == '.') dot = stop;
    if (dot != NULL) cli_text_put(&at->collection, p, (size_t)(dot - p));
    return;
  }
  p = skip_space(skip_word(p, at->end), at->end);
  stop = p;
  while (stop < at->end && strchr(" \t\r\n/", *stop) == NULL)
    stop++;
  cli_text_put(&at->collection, p, (size_t)(stop - p));
}

/* Within an object: operators, or fields. */
static void complete_json(cli_shell_state *shell, place *at, cli_candidates *out) {
  if (at->bracket != '{' && !at->is_quoted) return;
  if (at->word < at->end && *at->word == '$') {
    offer_list(out, at, operators);
    return;
  }
  find_collection(at);
  offer_fields(shell, out, at);
}

/* Behind a dot: calls. False when the cursor is not behind one. */
static bool complete_call(cli_shell_state *shell, const char *start, place *at,
                          cli_candidates *out) {
  bool is_database = at->word - start == 3 && memcmp(start, "db.", 3) == 0;
  if (at->word == start || at->word[-1] != '.') return false;
  if (memchr(start, '(', (size_t)(at->word - start)) != NULL) {
    offer_calls(CLI_ON_RESULT, out, at);
  } else if (is_database) {
    offer_collections(shell, out, at);
    if (out->count > 0 && at->word < at->end) {
      out->after = '.';
    } else {
      offer_calls(CLI_ON_DATABASE, out, at);
    }
  } else {
    offer_calls(CLI_ON_COLLECTION, out, at);
  }
  return true;
}

static void complete_option(const cli_command *c, place *at, cli_candidates *out) {
  const char *name;
  at->word += 2;
  for (size_t i = 0;
       (name = cli_option_name(c->options | CLI_OPT_COMMON, cli_command_own(c), i)) != NULL; i++)
    offer(out, at, name, strlen(name));
  out->after = ' ';
}

/* The words behind the first one. */
static void complete_argument(cli_shell_state *shell, const char *start, place *at,
                              cli_candidates *out) {
  const char *first_end = skip_word(start, at->end);
  const char *second = skip_space(first_end, at->end);
  cli_text name = {0};
  const cli_command *c;
  cli_text_put(&name, start, (size_t)(first_end - start));
  c = cli_command_find(cli_text_c(&name));
  out->after = ' ';
  if (at->end - at->word >= 2 && memcmp(at->word, "--", 2) == 0) {
    if (c != NULL) complete_option(c, at, out);
  } else if (at->word == second && strcmp(cli_text_c(&name), "show") == 0) {
    offer(out, at, "collections", strlen("collections"));
  } else if (at->word == second && strcmp(cli_text_c(&name), "help") == 0) {
    offer_commands(out, at);
  } else if (at->word == second && c != NULL && *c->synopsis != '\0') {
    bool is_end = strncmp(c->synopsis, "COLL/", 5) == 0 || strncmp(c->synopsis, "FROM", 4) == 0;
    offer_collections(shell, out, at);
    out->after = is_end ? '/' : ' ';
  } else if (c != NULL) {
    find_collection(at);
    if (at->word > start + 8 && (strstr(at->word - 7, "sort ") || strstr(at->word - 8, "ject "))) {
      offer_fields(shell, out, at);
    }
  }
  cli_text_release(&name);
}

static void complete_dot(const char *start, place *at, cli_candidates *out) {
  static const char *const modes[] = {"auto", "table", "json", "pretty", NULL};
  static const char *const switches[] = {"on", "off", NULL};
  const char *name;
  if (at->word == start + 1) {
    for (size_t i = 0; (name = cli_dot_name(i)) != NULL; i++)
      offer(out, at, name, strlen(name));
    out->after = ' ';
  } else if (strncmp(start, ".mode ", 6) == 0) {
    offer_list(out, at, modes);
  } else if (strncmp(start, ".timer ", 7) == 0) {
    offer_list(out, at, switches);
  }
}

static void complete_first(cli_shell_state *shell, place *at, cli_candidates *out) {
  static const char *const others[] = {"show", "use",  "begin", "commit", "abort",
                                       "help", "exit", "quit",  NULL};
  offer_commands(out, at);
  offer_list(out, at, others);
  out->after = out->count > 0 ? ' ' : '.';
  offer_collections(shell, out, at);
}

void cli_shell_complete(void *ud, const char *text, size_t len, cli_candidates *out) {
  cli_shell_state *shell = ud;
  cli_text all = {0};
  place at = {0};
  const char *start;
  cli_text_put(&all, cli_text_c(&shell->pending), shell->pending.len);
  cli_text_put(&all, text, len);
  at.text = all.p;
  at.end = all.p + all.len;
  look_around(&at);
  start = skip_space(at.text, at.end);
  shell->s->options = shell->start_options;
  if (at.is_quoted || at.bracket != '\0') {
    complete_json(shell, &at, out);
  } else if (start < at.end && *start == '.') {
    complete_dot(start, &at, out);
  } else if (at.word == start) {
    complete_first(shell, &at, out);
  } else if (memchr(start, ' ', (size_t)(at.word - start)) != NULL &&
             !cli_is_call(start, (size_t)(at.end - start))) {
    while (at.word > start && at.word[-1] != ' ')
      at.word--;
    complete_argument(shell, start, &at, out);
  } else {
    (void)complete_call(shell, start, &at, out);
  }
  out->from = len - (size_t)(at.end - at.word);
  cli_text_release(&at.collection);
  cli_text_release(&all);
}
