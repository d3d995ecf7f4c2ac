/* cli/time_commands.c - the sub-commands on history: what happened, what was, and back to it.
 *
 *   events --follow    ask ─► print ─► no more? wait ─► ask behind nextCursor ─► … Ctrl-C
 *   replay             two handles: pages go from one to the other (port/replay_events.c)
 *
 * The others are one command document each (doc/commands.md).
 */
#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "commands.h"
#include "diff_view.h"
#include "progress.h"
#include "replies.h"

enum { WAIT_MS = 200 };

static volatile sig_atomic_t is_interrupted;

static void interrupt(int number) {
  (void)number;
  is_interrupted = 1;
}

/* From now on Ctrl-C ends what is done, not the program. The shell has a way of its own. */
static void take_interrupts(cli_session *s) {
  struct sigaction action = {.sa_handler = interrupt};
  if (s->interrupt != NULL) return;
  is_interrupted = 0;
  (void)sigemptyset(&action.sa_mask);
  (void)sigaction(SIGINT, &action, NULL);
  (void)sigaction(SIGTERM, &action, NULL);
  s->interrupt = &is_interrupted;
}

static bool has_ended(const cli_session *s) {
  return ferror(stdout) != 0 || (s->interrupt != NULL && *s->interrupt != 0);
}

/* ---- what happened ---- */

/* --from, --to, --op, and --actor, which chooses here. */
static void add_choice(cli_session *s) {
  const cli_options *o = s->options;
  if (cli_has(o, CLI_OPT_FROM)) cli_add_text(s, "from", o->from);
  if (cli_has(o, CLI_OPT_TO)) cli_add_text(s, "to", o->to);
  if (cli_has(o, CLI_OPT_OP)) cli_add_text(s, "op", o->op);
  if (cli_has(o, CLI_OPT_ACTOR) && !s->is_shell) cli_add_text(s, "actor", o->actor);
}

/* Of many entities and edges, and of one. */
static const char *const all_columns[] = {"seq",        "ts",        "op",      "entityId",
                                          "?predicate", "?to",       "version", "actor",
                                          "after",      "?metadata", NULL};
static const char *const own_columns[] = {"seq",   "ts",    "op",        "version",
                                          "actor", "after", "?metadata", NULL};

int cli_run_history(cli_session *s, char **words, int word_count) {
  bool is_collection = word_count == 1 && strchr(words[0], '/') == NULL;
  int status = CLI_DONE;
  if (word_count == 3) {
    cli_text_str(&s->request, "{\"history\":{\"from\":");
    cli_text_json(&s->request, words[0], strlen(words[0]));
    cli_text_str(&s->request, ",\"predicate\":");
    cli_text_json(&s->request, words[1], strlen(words[1]));
    cli_text_str(&s->request, ",\"to\":");
    cli_text_json(&s->request, words[2], strlen(words[2]));
    cli_text_byte(&s->request, '}');
  } else {
    if (!is_collection) status = cli_take_id(s, words, word_count);
    if (status != CLI_DONE) return status;
    cli_begin(s, "history", is_collection ? words[0] : cli_text_c(&s->id));
  }
  add_choice(s);
  return cli_list_items(s, is_collection ? all_columns : own_columns);
}

static void begin_events(cli_session *s, char **words, int word_count) {
  bool is_entity = word_count == 1 && strchr(words[0], '/') != NULL;
  cli_begin(s, "events", word_count == 1 && !is_entity ? words[0] : "");
  if (is_entity) cli_add_text(s, "entity", words[0]);
  add_choice(s);
}

static void wait_a_moment(void) {
  struct timespec t = {0, WAIT_MS * 1000000L};
  (void)nanosleep(&t, NULL); /* a signal ends it early */
}

/* The text of "nextCursor" and whether there is more at once. */
static bool next_place(const cli_session *s, cli_text *cursor) {
  cli_value summary = cli_json_value(cli_text_c(&s->summary), s->summary.len);
  cli_text_clear(cursor);
  cli_json_decode(cli_json_field(summary, "nextCursor"), cursor);
  return *cli_json_field(summary, "hasMore").text == 't';
}

/* Print what is there, then what comes, until Ctrl-C, --limit or --to. */
static int follow(cli_session *s, char **words, int word_count) {
  cli_options options = *s->options;
  const cli_options *asked = s->options;
  uint64_t left = cli_has(asked, CLI_OPT_LIMIT) ? asked->limit : 0;
  bool is_limited = left > 0, has_more;
  cli_text cursor = {0};
  int status;
  options.limit = is_limited ? left : 1000;
  options.given |= CLI_OPT_LIMIT;
  take_interrupts(s);
  for (;;) {
    s->options = &options;
    begin_events(s, words, word_count);
    status = cli_add_options(s);
    if (status == CLI_DONE) status = cli_execute(s, PQDB_READ, cli_show_line, NULL);
    (void)fflush(stdout);
    if (status != CLI_DONE || has_ended(s)) break;
    left -= is_limited ? cli_summary_u64(s, "n") : 0;
    if (is_limited && left == 0) break;
    has_more = next_place(s, &cursor);
    if (!has_more && cli_has(asked, CLI_OPT_TO)) break;
    if (!has_more) wait_a_moment();
    if (has_ended(s)) break;
    options.cursor = cli_text_c(&cursor);
    options.given |= CLI_OPT_CURSOR;
    if (is_limited) options.limit = left;
    cli_text_clear(&s->request);
  }
  s->options = asked;
  cli_text_release(&cursor);
  return has_ended(s) && ferror(stdout) == 0 ? CLI_DONE : status;
}

int cli_run_events(cli_session *s, char **words, int word_count) {
  if (cli_has(s->options, CLI_OPT_FOLLOW)) return follow(s, words, word_count);
  begin_events(s, words, word_count);
  return cli_list_items(s, all_columns);
}

/* ---- what was ---- */

int cli_run_get_at_version(cli_session *s, char **words, int word_count) {
  size_t digits = strspn(words[1], "0123456789");
  int status = cli_take_id(s, words, 1);
  (void)word_count;
  if (status != CLI_DONE) return status;
  if (digits == 0 || words[1][digits] != '\0' || digits > 18)
    return cli_usage_error(s->name, "VERSION '%s' is no whole number", words[1]);
  cli_begin(s, "getAtVersion", cli_text_c(&s->id));
  cli_text_str(&s->request, ",\"version\":");
  cli_text_str(&s->request, words[1]);
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  status = cli_execute(s, PQDB_READ, cli_wants_lines(s) ? cli_show_line : cli_show_pretty, NULL);
  if (status != CLI_DONE || cli_summary_u64(s, "n") > 0) return status;
  return cli_error(pqdb_status_name(PQDB_ENTITY_NOT_FOUND),
                   "no version %s of %s, or the entity was deleted with it", words[1],
                   cli_text_c(&s->id));
}

int cli_run_reconstruct(cli_session *s, char **words, int word_count) {
  int status = cli_take_id(s, words, word_count);
  if (status != CLI_DONE) return status;
  cli_begin(s, "reconstruct", cli_text_c(&s->id));
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  status = cli_execute(s, PQDB_READ, cli_wants_lines(s) ? cli_show_line : cli_show_pretty, NULL);
  if (status != CLI_DONE) return status;
  return cli_summary_u64(s, "n") == 0 ? cli_missing_entity(s) : CLI_DONE;
}

/* ---- an event of one's own ---- */

int cli_run_append_event(cli_session *s, char **words, int word_count) {
  int status = cli_check_json("EVENT", words[0]);
  (void)word_count;
  if (status != CLI_DONE) return status;
  cli_text_str(&s->request, "{\"appendEvent\":");
  cli_text_str(&s->request, words[0]);
  status = cli_add_options(s);
  if (status == CLI_DONE) status = cli_execute(s, PQDB_CREATE, NULL, NULL);
  if (status != CLI_DONE) return status;
  if (cli_wants_json(s)) {
    cli_print_summary(s);
  } else {
    printf("seq:%llu\n", (unsigned long long)cli_summary_u64(s, "seq"));
  }
  return CLI_DONE;
}

/* ---- what was, compared ---- */

int cli_run_diff(cli_session *s, char **words, int word_count) {
  static const char *const columns[] = {"$id", "change", "path", "before", "after", NULL};
  (void)word_count;
  if (!cli_has(s->options, CLI_OPT_FROM) && s->options->more == NULL)
    return cli_usage_error(s->name, "--from TIME is missing: the earlier moment");
  cli_begin(s, "diff", words[0]);
  add_choice(s);
  return cli_list_rows(s, columns, cli_show_diff);
}

/* ---- back to it ---- */

int cli_run_revert(cli_session *s, char **words, int word_count) {
  int status;
  (void)word_count;
  if (!cli_has(s->options, CLI_OPT_TO) && s->options->more == NULL)
    return cli_usage_error(s->name, "--to TIME is missing: the moment to go back to");
  cli_begin(s, "revert", words[0]);
  if (cli_has(s->options, CLI_OPT_TO)) cli_add_text(s, "to", s->options->to);
  if (cli_has(s->options, CLI_OPT_WITHOUT_EDGES)) cli_add_false(s, "edges");
  status = cli_add_options(s);
  if (status == CLI_DONE) status = cli_execute(s, PQDB_WRITE, NULL, NULL);
  if (status != CLI_DONE) return status;
  if (cli_wants_json(s)) {
    cli_print_summary(s);
    return CLI_DONE;
  }
  printf("reverted %llu, created %llu, deleted %llu, edges %llu\n",
         (unsigned long long)cli_summary_u64(s, "revertedCount"),
         (unsigned long long)cli_summary_u64(s, "createdCount"),
         (unsigned long long)cli_summary_u64(s, "deletedCount"),
         (unsigned long long)cli_summary_u64(s, "edgeCount"));
  if (cli_summary_u64(s, "edgesWithoutEnd") > 0)
    printf("%llu edges lack an entity by now and were left out\n",
           (unsigned long long)cli_summary_u64(s, "edgesWithoutEnd"));
  return CLI_DONE;
}

int cli_run_restore(cli_session *s, char **words, int word_count) {
  int status;
  if (cli_has(s->options, CLI_OPT_INTO) && word_count == 0) return cli_restore_into(s);
  if (word_count == 0 || cli_has(s->options, CLI_OPT_INTO | CLI_OPT_AS_OF))
    return cli_usage_error(s->name, "give an entity, or --into DIR and perhaps --as-of TIME");
  status = cli_take_id(s, words, word_count);
  if (status != CLI_DONE) return status;
  cli_begin(s, "restore", cli_text_c(&s->id));
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  status = cli_execute(s, PQDB_WRITE, NULL, NULL);
  if (status != CLI_DONE) return status;
  if (cli_summary_u64(s, "restoredCount") == 0)
    return cli_error(pqdb_status_name(PQDB_ENTITY_NOT_FOUND), "there is no deleted entity %s",
                     cli_text_c(&s->id));
  if (cli_wants_json(s)) {
    cli_print_summary(s);
  } else {
    printf("restored %s\n", cli_text_c(&s->id));
  }
  return CLI_DONE;
}

/* ---- in another place ---- */

typedef struct replayer {
  pqdb *from, *into; /* owned */
  pqdb_replay_state state;
} replayer;

static int open_one(const char *dir, const char *ns, pqdb_mode mode, pqdb **out) {
  pqdb_options options = {.size = sizeof options, .mode = mode, .ns = ns, .json = PQDB_CANONICAL};
  int rc = pqdb_open(dir, &options, out);
  return rc == PQDB_OK ? CLI_DONE : cli_error(pqdb_status_name(rc), "%s", pqdb_message(*out));
}

/* Are the events to go where they come from? Each would be followed by its own repetition. */
static bool is_same_place(const cli_session *s) {
  const cli_options *o = s->options;
  const char *from_ns = o->ns == NULL ? "default" : o->ns;
  const char *into_ns = o->into_ns == NULL ? "default" : o->into_ns;
  struct stat from, into;
  if (strcmp(from_ns, into_ns) != 0) return false;
  if (!cli_has(o, CLI_OPT_INTO)) return true;
  return stat(cli_warehouse(s), &from) == 0 && stat(o->into, &into) == 0 &&
         from.st_dev == into.st_dev && from.st_ino == into.st_ino;
}

static int open_both(cli_session *s, replayer *r) {
  const cli_options *o = s->options;
  bool is_elsewhere = cli_has(o, CLI_OPT_INTO);
  int status = open_one(cli_warehouse(s), o->ns, PQDB_READ, &r->from);
  if (status != CLI_DONE) return status;
  return open_one(is_elsewhere ? o->into : cli_warehouse(s), o->into_ns,
                  is_elsewhere ? PQDB_CREATE : PQDB_WRITE, &r->into);
}

/* --from, --to and --filter as an object, in s->request. */
static int build_choice(cli_session *s) {
  const cli_options *o = s->options;
  int status = CLI_DONE;
  cli_text_str(&s->request, "{\"op\":\"\"");
  add_choice(s);
  if (cli_has(o, CLI_OPT_FILTER)) status = cli_add_json(s, "filter", "--filter", o->filter);
  cli_text_byte(&s->request, '}');
  return status;
}

static int replay(cli_session *s, replayer *r, const char *collection) {
  int rc = PQDB_ROW;
  cli_bar bar;
  cli_bar_begin(&bar, s, "replay");
  if (cli_has(s->options, CLI_OPT_RESUME)) {
    int found = pqdb_replay_resume(r->into, &r->state);
    if (found != PQDB_OK) return cli_error(pqdb_status_name(found), "%s", pqdb_message(r->into));
  }
  take_interrupts(s);
  while (rc == PQDB_ROW && !has_ended(s)) {
    rc = pqdb_replay(r->from, collection, cli_text_c(&s->request), r->into, &r->state);
    cli_bar_draw(&bar, r->state.seq, r->state.last_seq, "events",
                 r->state.replayed + r->state.skipped);
  }
  cli_bar_clear(&bar);
  if (rc >= 0) return CLI_DONE;
  return cli_error(pqdb_status_name(rc), "%s",
                   pqdb_message(r->state.has_source_failed ? r->from : r->into));
}

static void tell(const cli_session *s, const replayer *r) {
  if (cli_wants_json(s)) {
    printf("{\"ok\":1,\"replayedCount\":%llu,\"skippedCount\":%llu,\"cursor\":\"%s\"}\n",
           (unsigned long long)r->state.replayed, (unsigned long long)r->state.skipped,
           r->state.cursor);
    return;
  }
  printf("replayed %llu events, skipped %llu; what comes later: --cursor %s\n",
         (unsigned long long)r->state.replayed, (unsigned long long)r->state.skipped,
         r->state.cursor);
}

int cli_run_replay(cli_session *s, char **words, int word_count) {
  const cli_options *o = s->options;
  replayer r = {0};
  int status;
  if (!cli_has(o, CLI_OPT_INTO) && !cli_has(o, CLI_OPT_INTO_NS))
    return cli_usage_error(s->name, "give --into DIR, --into-namespace NS, or both");
  if (cli_has(o, CLI_OPT_CURSOR) && cli_has(o, CLI_OPT_RESUME))
    return cli_usage_error(s->name, "--cursor and --resume exclude each other");
  if (cli_has(o, CLI_OPT_CURSOR)) {
    if (strlen(o->cursor) >= sizeof r.state.cursor)
      return cli_usage_error(s->name, "--cursor '%s' is no event's id", o->cursor);
    memcpy(r.state.cursor, o->cursor, strlen(o->cursor) + 1);
  }
  if (is_same_place(s))
    return cli_usage_error(s->name,
                           "a namespace cannot be replayed into itself: give another "
                           "--into DIR or --into-namespace NS");
  status = build_choice(s);
  if (status == CLI_DONE) status = open_both(s, &r);
  if (status == CLI_DONE) {
    status = replay(s, &r, word_count == 1 ? words[0] : "");
    if (status == CLI_DONE || r.state.replayed > 0) tell(s, &r);
  }
  pqdb_close(r.from);
  pqdb_close(r.into);
  return status;
}
