/* cli/commands.c - each sub-command builds one command document and shows the replies.
 *
 *   words + options  ->  {"find":"posts","filter":{…},"limit":5}  ->  items  ->  the screen
 *
 * What the document may hold and what comes back is in doc/commands.md. Ids are COLL/ID as the
 * database writes them; in the two-word form COLL ID the local id is literal text, so '/' and '%'
 * in it are percent-encoded here.
 */
#define _XOPEN_SOURCE 700

#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "text_table.h"

/* ---- showing items ---- */

static void show_line(void *ud, const cli_screen *screen, const char *json, size_t len) {
  (void)ud;
  cli_print_line(screen, json, len);
}

static void show_pretty(void *ud, const cli_screen *screen, const char *json, size_t len) {
  (void)ud;
  cli_print_pretty(screen, json, len);
}

static void show_report(void *ud, const cli_screen *screen, const char *json, size_t len) {
  (void)ud;
  cli_print_report(screen, json, len, NULL);
}

/* `ud`: the table. */
static void show_table(void *ud, const cli_screen *screen, const char *json, size_t len) {
  (void)screen;
  cli_table_add(ud, json, len);
}

static bool is_json(const cli_session *s) {
  return cli_has(s->options, CLI_OPT_JSON);
}

/* History stops at 1,000 events by itself: say so when nobody asked for a limit. */
static void note_more(const cli_session *s) {
  cli_value summary = cli_json_value(cli_text_c(&s->summary), s->summary.len);
  cli_value more = cli_json_field(summary, "hasMore");
  if (cli_has(s->options, CLI_OPT_LIMIT) || more.kind != CLI_JSON_BOOL) return;
  if (more.text[0] != 't') return;
  (void)fflush(stdout);
  fprintf(stderr, "parquedb: note: there are more; ask with a larger --limit\n");
}

/* Run a read that answers with many items: JSON lines, or a table on a terminal. */
static int list_items(cli_session *s, const char *const *columns) {
  cli_table table;
  int status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  if (cli_has(s->options, CLI_OPT_EXPLAIN)) {
    return cli_execute(s, PQDB_READ, is_json(s) ? show_line : show_report, NULL);
  }
  if (is_json(s) || !s->screen.is_terminal) {
    status = cli_execute(s, PQDB_READ, show_line, NULL);
  } else {
    cli_table_init(&table, &s->screen, columns);
    table.shows_system = cli_has(s->options, CLI_OPT_PROJECT);
    status = cli_execute(s, PQDB_READ, show_table, &table);
    cli_table_end(&table);
  }
  if (status == CLI_DONE) note_more(s);
  return status;
}

/* ---- ids ---- */

/* COLL/ID, or COLL ID in two words, into s->id. */
static int take_id(cli_session *s, char **words, int id_words) {
  if (id_words == 1) {
    if (strchr(words[0], '/') == NULL) {
      return cli_usage_error(s->name, "'%s' is no id: write COLL/ID or COLL ID", words[0]);
    }
    cli_text_str(&s->id, words[0]);
    return CLI_DONE;
  }
  if (strchr(words[0], '/') != NULL) {
    return cli_usage_error(s->name, "'%s' is no collection: write COLL/ID or COLL ID", words[0]);
  }
  cli_text_str(&s->id, words[0]);
  cli_text_byte(&s->id, '/');
  for (const char *p = words[1]; *p != '\0'; p++) {
    if (*p == '/' || *p == '%') {
      cli_text_str(&s->id, *p == '/' ? "%2F" : "%25");
    } else {
      cli_text_byte(&s->id, *p);
    }
  }
  return CLI_DONE;
}

static int missing_entity(const cli_session *s) {
  return cli_error(pqdb_status_name(PQDB_ENTITY_NOT_FOUND), "no entity %s", cli_text_c(&s->id));
}

static int check_end(const cli_session *s, const char *label, const char *id) {
  if (strchr(id, '/') != NULL) return CLI_DONE;
  return cli_usage_error(s->name, "%s '%s' is no id: write COLL/ID", label, id);
}

/* ---- documents ---- */

static int run_insert(cli_session *s, char **words, int word_count) {
  cli_json_walk ids;
  cli_value key, id;
  cli_text line = {0};
  int status;
  (void)word_count;
  status = cli_check_json("DOC", words[1]);
  if (status != CLI_DONE) return status;
  cli_begin(s, "insert", words[0]);
  cli_text_str(&s->request, ",\"documents\":[");
  cli_text_str(&s->request, words[1]);
  cli_text_byte(&s->request, ']');
  status = cli_execute(s, PQDB_CREATE, NULL, NULL);
  if (status != CLI_DONE) return status;
  if (is_json(s)) {
    cli_print_summary(s);
    return CLI_DONE;
  }
  id = cli_json_value(cli_text_c(&s->summary), s->summary.len);
  ids = cli_json_enter(cli_json_field(id, "insertedIds"));
  while (cli_json_next(&ids, &key, &id)) {
    cli_text_clear(&line);
    cli_json_decode(id, &line);
    cli_print_line(&s->screen, cli_text_c(&line), line.len);
  }
  cli_text_release(&line);
  return CLI_DONE;
}

static int run_get(cli_session *s, char **words, int word_count) {
  bool is_line = is_json(s) || !s->screen.is_terminal;
  int status = take_id(s, words, word_count);
  if (status != CLI_DONE) return status;
  cli_begin(s, "get", cli_text_c(&s->id));
  if (cli_has(s->options, CLI_OPT_EXPLAIN)) return list_items(s, NULL);
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  status = cli_execute(s, PQDB_READ, is_line ? show_line : show_pretty, NULL);
  if (status != CLI_DONE) return status;
  return cli_summary_u64(s, "n") == 0 ? missing_entity(s) : CLI_DONE;
}

static int begin_filtered(cli_session *s, char **words, int word_count) {
  cli_begin(s, s->name, words[0]);
  return word_count == 1 ? CLI_DONE : cli_add_json(s, "filter", "FILTER", words[1]);
}

static int run_find(cli_session *s, char **words, int word_count) {
  int status = begin_filtered(s, words, word_count);
  return status != CLI_DONE ? status : list_items(s, NULL);
}

static int run_count(cli_session *s, char **words, int word_count) {
  int status = begin_filtered(s, words, word_count);
  if (status != CLI_DONE) return status;
  if (cli_has(s->options, CLI_OPT_EXPLAIN)) return list_items(s, NULL);
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  status = cli_execute(s, PQDB_READ, NULL, NULL);
  if (status != CLI_DONE) return status;
  if (is_json(s)) {
    cli_print_summary(s);
  } else {
    printf("%llu\n", (unsigned long long)cli_summary_u64(s, "count"));
  }
  return CLI_DONE;
}

static int run_update(cli_session *s, char **words, int word_count) {
  bool is_line = is_json(s) || !s->screen.is_terminal;
  int status = take_id(s, words, word_count - 1);
  if (status != CLI_DONE) return status;
  cli_begin(s, "update", cli_text_c(&s->id));
  status = cli_add_json(s, "ops", "OPS", words[word_count - 1]);
  if (status != CLI_DONE) return status;
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  status = cli_execute(s, PQDB_WRITE, is_line ? show_line : show_pretty, NULL);
  if (status != CLI_DONE) return status;
  return cli_summary_u64(s, "matchedCount") == 0 ? missing_entity(s) : CLI_DONE;
}

static int run_delete(cli_session *s, char **words, int word_count) {
  int status = take_id(s, words, word_count);
  if (status != CLI_DONE) return status;
  cli_begin(s, "delete", cli_text_c(&s->id));
  if (cli_has(s->options, CLI_OPT_HARD)) cli_add_true(s, "hard");
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  status = cli_execute(s, PQDB_WRITE, NULL, NULL);
  if (status != CLI_DONE) return status;
  if (cli_summary_u64(s, "deletedCount") == 0) return missing_entity(s);
  if (is_json(s)) {
    cli_print_summary(s);
  } else {
    printf("deleted %s\n", cli_text_c(&s->id));
  }
  return CLI_DONE;
}

static int run_history(cli_session *s, char **words, int word_count) {
  static const char *const columns[] = {"seq", "ts", "op", "version", "actor", "after", NULL};
  int status = take_id(s, words, word_count);
  if (status != CLI_DONE) return status;
  cli_begin(s, "history", cli_text_c(&s->id));
  return list_items(s, columns);
}

/* ---- edges ---- */

/* {"link": {"from": …, "predicate": …, "to": … — the inner object stays open. */
static int begin_edge(cli_session *s, char **words) {
  static const char *const keys[] = {"{\"from\":", ",\"predicate\":", ",\"to\":"};
  int status = check_end(s, "FROM", words[0]);
  if (status == CLI_DONE) status = check_end(s, "TO", words[2]);
  if (status != CLI_DONE) return status;
  cli_text_str(&s->request, "{\"");
  cli_text_str(&s->request, s->name);
  cli_text_str(&s->request, "\":");
  for (int i = 0; i < 3; i++) {
    cli_text_str(&s->request, keys[i]);
    cli_text_json(&s->request, words[i], strlen(words[i]));
  }
  return CLI_DONE;
}

static int end_edge(cli_session *s, char **words, const char *count_name, const char *done) {
  int status;
  cli_text_byte(&s->request, '}');
  status = cli_execute(s, PQDB_WRITE, NULL, NULL);
  if (status != CLI_DONE) return status;
  if (is_json(s)) {
    cli_print_summary(s);
  } else if (cli_summary_u64(s, count_name) > 0) {
    printf("%s %s %s %s\n", done, words[0], words[1], words[2]);
  } else if (strcmp(s->name, "link") == 0) {
    printf("unchanged %s %s %s\n", words[0], words[1], words[2]);
  }
  return CLI_DONE;
}

static int run_link(cli_session *s, char **words, int word_count) {
  const cli_options *o = s->options;
  int status = begin_edge(s, words);
  (void)word_count;
  if (status != CLI_DONE) return status;
  if (cli_has(o, CLI_OPT_REVERSE_NAME)) cli_add_text(s, "reverse", o->reverse_name);
  if (cli_has(o, CLI_OPT_DATA)) status = cli_add_json(s, "data", "--data", o->data);
  return status != CLI_DONE ? status : end_edge(s, words, "linkedCount", "linked");
}

static int run_unlink(cli_session *s, char **words, int word_count) {
  int status = begin_edge(s, words);
  (void)word_count;
  if (status == CLI_DONE) status = end_edge(s, words, "unlinkedCount", "unlinked");
  if (status != CLI_DONE || cli_summary_u64(s, "unlinkedCount") > 0) return status;
  return cli_error(pqdb_status_name(PQDB_ENTITY_NOT_FOUND), "no edge %s %s %s", words[0], words[1],
                   words[2]);
}

static void add_direction(cli_session *s) {
  if (cli_has(s->options, CLI_OPT_REVERSE)) cli_add_text(s, "direction", "reverse");
}

static int run_related(cli_session *s, char **words, int word_count) {
  int status = check_end(s, "FROM", words[0]);
  (void)word_count;
  if (status != CLI_DONE) return status;
  cli_begin(s, "related", words[0]);
  cli_add_text(s, "predicate", words[1]);
  add_direction(s);
  if (cli_has(s->options, CLI_OPT_EDGES)) cli_add_true(s, "edges");
  return list_items(s, NULL);
}

static int run_traverse(cli_session *s, char **words, int word_count) {
  int status = check_end(s, "FROM", words[0]);
  if (status != CLI_DONE) return status;
  cli_begin(s, "traverse", words[0]);
  cli_text_str(&s->request, ",\"path\":[");
  for (int i = 1; i < word_count; i++) {
    if (i > 1) cli_text_byte(&s->request, ',');
    cli_text_json(&s->request, words[i], strlen(words[i]));
  }
  cli_text_byte(&s->request, ']');
  add_direction(s);
  return list_items(s, NULL);
}

/* ---- the warehouse ---- */

static int run_flush(cli_session *s, char **words, int word_count) {
  int status;
  (void)words;
  (void)word_count;
  cli_text_str(&s->request, "{\"flush\":1");
  status = cli_execute(s, PQDB_WRITE, NULL, NULL);
  if (status != CLI_DONE) return status;
  if (is_json(s)) {
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

static void show_file(void *ud, const cli_screen *screen, const char *json, size_t len) {
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
  status = cli_execute(s, PQDB_READ, show_file, &list);
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

static int run_files(cli_session *s, char **words, int word_count) {
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
  if (is_json(s)) return cli_execute(s, PQDB_READ, show_line, NULL);
  if (cli_has(s->options, CLI_OPT_EXPLAIN)) return cli_execute(s, PQDB_READ, show_report, NULL);
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

static int run_stats(cli_session *s, char **words, int word_count) {
  bool is_explained = cli_has(s->options, CLI_OPT_EXPLAIN);
  int status;
  (void)words;
  (void)word_count;
  cli_text_str(&s->request, "{\"stats\":1");
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  if (is_explained) return cli_execute(s, PQDB_READ, is_json(s) ? show_line : show_report, NULL);
  return cli_execute(s, PQDB_READ, is_json(s) ? show_line : show_stats, NULL);
}

static int run_collections(cli_session *s, char **words, int word_count) {
  static const char *const columns[] = {"name", "count", NULL};
  cli_table table;
  int status;
  (void)words;
  (void)word_count;
  cli_text_str(&s->request, "{\"collections\":1");
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  if (is_json(s)) return cli_execute(s, PQDB_READ, show_line, NULL);
  if (cli_has(s->options, CLI_OPT_EXPLAIN)) return cli_execute(s, PQDB_READ, show_report, NULL);
  cli_table_init(&table, &s->screen, columns);
  table.is_whole = true;
  status = cli_execute(s, PQDB_READ, show_table, &table);
  cli_table_end(&table);
  return status;
}

/* ---- any command ---- */

/* The first field of a command document says what it is. */
static pqdb_mode mode_of(cli_value name) {
  static const char *const reads[] = {"get",     "find",  "count", "related",    "traverse",
                                      "history", "files", "stats", "collections"};
  cli_text text = {0};
  pqdb_mode mode = PQDB_WRITE;
  cli_json_decode(name, &text);
  if (strcmp(cli_text_c(&text), "insert") == 0) mode = PQDB_CREATE;
  for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
    if (strcmp(cli_text_c(&text), reads[i]) == 0) mode = PQDB_READ;
  }
  cli_text_release(&text);
  return mode;
}

static int run_run(cli_session *s, char **words, int word_count) {
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
  status = cli_execute(s, mode_of(name), show_line, NULL);
  if (status == CLI_DONE) cli_print_summary(s);
  return status;
}

/* ---- the table ---- */

#define OPT(name) CLI_OPT_##name

const cli_command cli_commands[] = {
    {"import", "COLL [FILE|-]", "insert newline-delimited JSON from a file or standard input",
     "parquedb import posts posts.ndjson", OPT(ACK) | OPT(ACTOR), 1, 2, cli_import},
    {"insert", "COLL DOC", "insert one document; prints its id",
     "parquedb insert posts '{\"$id\": \"p1\", \"title\": \"Hello\"}'", OPT(ACTOR), 2, 2,
     run_insert},
    {"get", "COLL/ID | COLL ID", "show one entity", "parquedb get posts/p1",
     CLI_OPT_READ | OPT(PROJECT) | OPT(INCLUDE_DELETED), 1, 2, run_get},
    {"find", "COLL [FILTER]", "show the entities that match",
     "parquedb find posts '{\"n\": {\"$gt\": 3}}' --sort -n --limit 10",
     CLI_OPT_READ | OPT(LIMIT) | OPT(SKIP) | OPT(SORT) | OPT(PROJECT) | OPT(INCLUDE_DELETED), 1, 2,
     run_find},
    {"count", "COLL [FILTER]", "print how many entities match",
     "parquedb count posts '{\"n\": {\"$gt\": 3}}'", CLI_OPT_READ | OPT(INCLUDE_DELETED), 1, 2,
     run_count},
    {"update", "COLL/ID OPS | COLL ID OPS", "apply update operators; prints the entity after",
     "parquedb update posts/p1 '{\"$set\": {\"title\": \"Hi\"}, \"$inc\": {\"n\": 1}}'",
     OPT(ACTOR) | OPT(EXPECTED_VERSION), 2, 3, run_update},
    {"delete", "COLL/ID | COLL ID", "delete one entity; its history stays",
     "parquedb delete posts/p1", OPT(ACTOR) | OPT(EXPECTED_VERSION) | OPT(HARD), 1, 2, run_delete},
    {"link", "FROM PREDICATE TO", "make an edge between two entities",
     "parquedb link posts/p1 author users/u1 --reverse-name posts --data '{\"role\": \"editor\"}'",
     OPT(ACTOR) | OPT(REVERSE_NAME) | OPT(DATA), 3, 3, run_link},
    {"unlink", "FROM PREDICATE TO", "remove an edge", "parquedb unlink posts/p1 author users/u1",
     OPT(ACTOR), 3, 3, run_unlink},
    {"related", "FROM PREDICATE", "show the entities at the other end of the edges",
     "parquedb related users/u1 author --reverse",
     CLI_OPT_READ | OPT(REVERSE) | OPT(EDGES) | OPT(LIMIT) | OPT(SKIP) | OPT(PROJECT), 2, 2,
     run_related},
    {"traverse", "FROM PREDICATE...", "follow several edges; shows the entities at the end",
     "parquedb traverse users/u1 knows knows",
     CLI_OPT_READ | OPT(REVERSE) | OPT(LIMIT) | OPT(PROJECT), 2, 1 << 16, run_traverse},
    {"history", "COLL/ID | COLL ID", "show the events of an entity, oldest first",
     "parquedb history posts/p1 --json", CLI_OPT_READ | OPT(LIMIT), 1, 2, run_history},
    {"flush", "", "write what is only in the log to Parquet files", "parquedb flush", 0, 0, 0,
     run_flush},
    {"files", "COLL | --edges | --edges-reverse | --events",
     "list the live Parquet files, or a SELECT over them", "parquedb files posts --sql",
     CLI_OPT_READ | OPT(EDGES) | OPT(EDGES_REVERSE) | OPT(EVENTS) | OPT(SQL), 0, 1, run_files},
    {"stats", "", "show the sizes of everything", "parquedb stats", CLI_OPT_READ, 0, 0, run_stats},
    {"collections", "", "list the collections and their counts", "parquedb collections",
     CLI_OPT_READ, 0, 0, run_collections},
    {"run", "COMMAND", "run any command document (doc/commands.md); prints items, then summary",
     "parquedb run '{\"find\": \"posts\", \"limit\": 1}'", OPT(ACTOR), 1, 1, run_run},
    {0},
};
