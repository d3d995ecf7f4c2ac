/* cli/change_commands.c - the sub-commands that change entities chosen by a filter, and those that
 * take many operations at once.
 *
 *   update-many COLL FILTER UPDATE      {"updateMany": COLL, "filter": …, "update": …}
 *   └ a row of `changes` ┘  └ its keys ┘
 *
 * Those of one entity by id are in commands.c. The answer is a line of what was done, or for
 * find-one-and-… and upsert the entity.
 */
#include <string.h>

#include "commands.h"
#include "replies.h"

typedef struct change_row {
  const char *name;    /* of the sub-command */
  const char *command; /* of the engine */
  const char *keys[2]; /* the options that the words behind COLL become; NULL: none */
  bool shows_entity;
  bool may_create; /* the warehouse and the collection, when they are not there */
} change_row;

static const change_row changes[] = {
    {"replace", "replace", {"document", NULL}, true, false},
    {"upsert", "upsert", {"filter", "update"}, true, true},
    {"update-one", "updateOne", {"filter", "update"}, false, false},
    {"update-many", "updateMany", {"filter", "update"}, false, false},
    {"replace-one", "replaceOne", {"filter", "replacement"}, false, false},
    {"delete-one", "deleteOne", {"filter", NULL}, false, false},
    {"delete-many", "deleteMany", {"filter", NULL}, false, false},
    {"find-one-and-update", "findOneAndUpdate", {"filter", "update"}, true, false},
    {"find-one-and-replace", "findOneAndReplace", {"filter", "replacement"}, true, false},
    {"find-one-and-delete", "findOneAndDelete", {"filter", NULL}, true, false},
    {"bulk-write", "bulkWrite", {"operations", NULL}, false, true},
    {"upsert-many", "upsertMany", {"operations", NULL}, false, true},
};

static const change_row *find_row(const char *name) {
  size_t i = 0;
  while (strcmp(changes[i].name, name) != 0)
    i++;
  return &changes[i];
}

/* ---- what was done ---- */

/* "matched 2, modified 1": the counts of the summary. */
static void print_counts(const cli_session *s) {
  static const char *const done[] = {"inserted", "matched", "modified", "upserted", "deleted"};
  cli_value summary = cli_json_value(cli_text_c(&s->summary), s->summary.len);
  const char *comma = "";
  for (size_t i = 0; i < sizeof done / sizeof done[0]; i++) {
    char key[32];
    cli_value count;
    (void)snprintf(key, sizeof key, "%sCount", done[i]);
    count = cli_json_field(summary, key);
    if (count.kind != CLI_JSON_NUMBER) continue;
    if (cli_json_u64(count) == 0 && strcmp(done[i], "upserted") == 0) continue;
    printf("%s%s %.*s", comma, done[i], (int)count.len, count.text);
    comma = ", ";
  }
  printf("\n");
}

/* The ids that upserts made, one a line. */
static void print_upserted(const cli_session *s) {
  cli_value summary = cli_json_value(cli_text_c(&s->summary), s->summary.len), key, id;
  cli_json_walk ids = cli_json_enter(cli_json_field(summary, "upsertedIds"));
  cli_text line = {0};
  cli_json_decode(cli_json_field(summary, "upsertedId"), &line);
  if (cli_summary_u64(s, "upsertedCount") == 0) cli_text_clear(&line);
  if (line.len > 0) cli_print_line(&s->screen, cli_text_c(&line), line.len);
  while (cli_json_next(&ids, &key, &id)) {
    cli_text_clear(&line);
    cli_json_decode(id, &line);
    cli_print_line(&s->screen, cli_text_c(&line), line.len);
  }
  cli_text_release(&line);
}

/* ---- running it ---- */

static int add_change_options(cli_session *s) {
  const cli_options *o = s->options;
  int status = CLI_DONE;
  if (cli_has(o, CLI_OPT_UPSERT)) cli_add_true(s, "upsert");
  if (cli_has(o, CLI_OPT_HARD)) cli_add_true(s, "hard");
  if (cli_has(o, CLI_OPT_UNORDERED)) cli_add_false(s, "ordered");
  if (cli_has(o, CLI_OPT_RETURN)) cli_add_text(s, "returnDocument", o->returns);
  if (cli_has(o, CLI_OPT_ARRAY_FILTERS))
    status = cli_add_json(s, "arrayFilters", "--array-filters", o->array_filters);
  if (status == CLI_DONE) status = cli_add_options(s);
  return status;
}

static void take_item(void *ud, const cli_screen *screen, const char *json, size_t len) {
  (void)screen;
  cli_text_put(ud, json, len);
}

/* The entity, or that there is none. */
static int show_entity(cli_session *s, const cli_text *item) {
  if (item->len > 0) {
    (cli_wants_lines(s) ? cli_show_line : cli_show_pretty)(NULL, &s->screen, cli_text_c(item),
                                                           item->len);
    return CLI_DONE;
  }
  if (cli_summary_u64(s, "upsertedCount") > 0 && !s->is_shell) {
    print_upserted(s);
    return CLI_DONE;
  }
  if (s->is_shell) {
    cli_print_line(&s->screen, "null", 4);
    return CLI_DONE;
  }
  if (s->id.len > 0) return cli_missing_entity(s);
  return cli_error(pqdb_status_name(PQDB_ENTITY_NOT_FOUND), "no entity matches");
}

static int run_change(cli_session *s, const change_row *row, char **words) {
  bool may_create = row->may_create || cli_has(s->options, CLI_OPT_UPSERT);
  cli_text item = {0};
  int status = CLI_DONE;
  for (size_t i = 0; i < 2 && row->keys[i] != NULL && status == CLI_DONE; i++)
    status = cli_add_json(s, row->keys[i], row->keys[i], words[i]);
  if (status == CLI_DONE) status = add_change_options(s);
  if (status == CLI_DONE)
    status = cli_execute(s, may_create ? PQDB_CREATE : PQDB_WRITE, take_item, &item);
  if (status != CLI_DONE) {
    cli_text_release(&item);
    return status;
  }
  if (row->shows_entity) {
    status = show_entity(s, &item);
  } else if (cli_wants_json(s)) {
    cli_print_summary(s);
  } else {
    print_counts(s);
    print_upserted(s);
  }
  cli_text_release(&item);
  return status == CLI_DONE ? cli_report_errors(s, "operation") : status;
}

int cli_run_change(cli_session *s, char **words, int word_count) {
  const change_row *row = find_row(s->name);
  (void)word_count;
  cli_begin(s, row->command, words[0]);
  return run_change(s, row, words + 1);
}

int cli_run_replace(cli_session *s, char **words, int word_count) {
  int status = cli_take_id(s, words, word_count - 1);
  if (status != CLI_DONE) return status;
  cli_begin(s, "replace", cli_text_c(&s->id));
  return run_change(s, find_row(s->name), words + word_count - 1);
}
