/* cli/shell.c - `parquedb shell`: read lines, run what they stand for.
 *
 *   line ─ complete? ─┬─ .mode json, use NS, show collections  here
 *          else wait  ├─ posts.find({…}).limit(5)              shell_call.c ──┐ command,
 *          for more   └─ find posts {…} --limit 5              shell_words.c ─┤ options, words
 *                                                                             ▼
 *                                                   the function in its row of cli_commands
 *
 * One handle serves all lines: opened for reading by the first, and again for writing by the first
 * that writes. A line that fails says so and the next is read; when input is no terminal, the exit
 * status tells in the end.
 */
#define _POSIX_C_SOURCE 200809L
#include "shell.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pager.h"
#include "relaxed_json.h"
#include "shell_line.h"

enum { READ_DEPTH_MAX = 8 };

static const char help_text[] =
    "Documents, as in mongosh (db. in front is optional; keys need no quotes):\n"
    "  posts.find({n: {$gt: 3}}, {title: 1}).sort({n: -1}).skip(5).limit(5)\n"
    "  posts.findOne({title: /^Hel/})      posts.countDocuments({})\n"
    "  posts.insertOne({$id: \"p1\", at: ISODate(\"2026-03-01\")})   posts.insertMany([{…}, {…}])\n"
    "  posts.updateOne({n: 3}, {$set: {title: \"Hi\"}}, {upsert: true})   .updateMany  "
    ".replaceOne\n"
    "  posts.deleteOne(\"p1\")  .deleteMany({n: 3})   a text is an id, an object a filter\n"
    "  posts.findOneAndUpdate({n: 3}, {$inc: {n: 1}}, {returnDocument: \"after\"})\n"
    "  posts.bulkWrite([{insertOne: {document: {…}}}, …], {ordered: false})  .upsertMany([…])\n"
    "  posts.distinct(\"n\")  .aggregate([…])  .exists({n: 3})  .stats()  .explain().find({…})\n"
    "  posts.get(\"p1\")  .history(\"p1\")  .restore(\"p1\")\n"
    "  posts.link(\"p1\", \"author\", \"users/u1\")          posts.related(\"p1\", \"author\")\n"
    "  … .explain()  .asOf(\"2026-03-01\")  .includeDeleted()  .reverse()  .pretty()\n"
    "Commands as behind 'parquedb'; 'help' lists them, 'help find' shows one:\n"
    "  find posts {n: {$gt: 3}} --sort -n --limit 5      get posts/p1      stats\n"
    "Here:\n"
    "  show collections           use NS, .ns NAME    another namespace\n"
    "  .mode auto|table|json|pretty                   how results look\n"
    "  begin, commit, abort      a transaction: all that is between, or nothing\n"
    "  .timer on|off              .read FILE          run the lines of a file\n"
    "  .hot on|off                rows that the hot tier reads and writes\n"
    "  .help                      .exit               leave (or Ctrl-D)\n"
    "A statement goes on while a bracket or quote is open. Tab completes; Ctrl-C gives up a "
    "line.\n";

static const char *const dot_names[] = {"exit", "help", "hot",  "mode",
                                        "ns",   "quit", "read", "timer"};

const char *cli_dot_name(size_t i) {
  return i < sizeof dot_names / sizeof dot_names[0] ? dot_names[i] : NULL;
}

/* ---- Ctrl-C while a command runs ---- */

static volatile sig_atomic_t was_interrupted;

static void on_interrupt(int number) {
  (void)number;
  was_interrupted = 1;
}

static void catch_interrupt(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_interrupt; /* no SA_RESTART: see line_edit.h */
  (void)sigaction(SIGINT, &action, NULL);
}

/* ---- running a command ---- */

static double now_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* What the line did not say comes from the start of the shell. */
static int complete_options(cli_shell_state *shell, cli_shell_line *line) {
  const cli_options *start = shell->start_options;
  cli_options *o = &line->options;
  if (cli_has(o, CLI_OPT_WAREHOUSE)) {
    return cli_usage_error(line->command->name, "the shell stays with its warehouse, %s",
                           cli_warehouse(shell->s));
  }
  if (cli_has(o, CLI_OPT_MEMORY)) {
    return cli_usage_error(line->command->name, "--memory is said when the shell is started");
  }
  o->warehouse = start->warehouse;
  o->memory = start->memory;
  if (!cli_has(o, CLI_OPT_NS) && shell->ns.len > 0) o->ns = cli_text_c(&shell->ns);
  if (!cli_has(o, CLI_OPT_ACTOR) && cli_has(start, CLI_OPT_ACTOR) &&
      (line->command->options & CLI_OPT_ACTOR) != 0) {
    o->actor = start->actor;
    o->given |= CLI_OPT_ACTOR;
  }
  return CLI_DONE;
}

static bool is_long(const cli_command *c) {
  return (c->options & (CLI_OPT_READ | CLI_OPT_LIMIT)) != 0 || strcmp(c->name, "run") == 0 ||
         strcmp(c->name, "verify") == 0;
}

static int run_paged(cli_shell_state *shell, cli_shell_line *line, int word_count) {
  cli_session *s = shell->s;
  cli_pager pager = {0};
  cli_look look = s->look;
  int status;
  cli_screen_init(&s->screen, stdout);
  if (look != CLI_LOOK_JSON && (line->is_pretty || (line->is_one && !cli_wants_lines(s)))) {
    s->look = CLI_LOOK_PRETTY;
  }
  if (shell->is_interactive && is_long(line->command)) cli_pager_begin(&pager);
  status = line->command->run(s, line->options.words + 1, word_count);
  if (status == CLI_DONE && line->is_one && cli_summary_u64(s, "n") == 0 &&
      !cli_has(&line->options, CLI_OPT_TELLS)) {
    puts("null");
  }
  s->look = look;
  if (cli_pager_end(&pager)) return CLI_DONE; /* the reader has seen enough */
  return status;
}

static int run_line(cli_shell_state *shell, cli_shell_line *line) {
  const cli_command *c = line->command;
  int word_count = line->options.word_count - 1, status;
  if (cli_has(&line->options, CLI_OPT_HELP)) {
    cli_help_command(c);
    return CLI_DONE;
  }
  cli_session_next(shell->s, c->name, &line->options);
  status = complete_options(shell, line);
  if (status == CLI_DONE) status = cli_command_check(c, &line->options, word_count);
  if (status != CLI_DONE) return status;
  if (c->run == cli_shell) return cli_usage_error(NULL, "this is the shell already");
  if (c->run == cli_import && (word_count == 1 || strcmp(line->options.words[2], "-") == 0)) {
    return cli_usage_error(c->name, "in the shell it needs a FILE");
  }
  status = run_paged(shell, line, word_count);
  if (was_interrupted != 0) fputs("parquedb: interrupted\n", stderr);
  return status;
}

/* ---- what the shell does itself ---- */

/* The word of `text` number `i`, in place; *len is 0 when there is none. */
static const char *word_at(const char *text, size_t i, size_t *len) {
  static const char space[] = " \t\r\n";
  text += strspn(text, space);
  for (; i > 0; i--) {
    text += strcspn(text, space);
    text += strspn(text, space);
  }
  *len = strcspn(text, space);
  return text;
}

static bool is_word(const char *text, size_t i, const char *word) {
  size_t len;
  const char *p = word_at(text, i, &len);
  return len == strlen(word) && memcmp(p, word, len) == 0;
}

static bool is_end(const char *text, size_t i) {
  size_t len;
  (void)word_at(text, i, &len);
  return len == 0;
}

static int set_ns(cli_shell_state *shell, const char *text) {
  size_t len;
  const char *name = word_at(text, 1, &len);
  if (len > 0 && name[len - 1] == ';') len--;
  if (len > 0) {
    cli_text_clear(&shell->ns);
    cli_text_put(&shell->ns, name, len);
  }
  printf("namespace %s\n", shell->ns.len > 0 ? cli_text_c(&shell->ns) : "default");
  return CLI_DONE;
}

static int set_mode(cli_shell_state *shell, const char *text) {
  static const char *const names[] = {"auto", "table", "json", "pretty"};
  static const cli_look looks[] = {CLI_LOOK_AUTO, CLI_LOOK_TABLE, CLI_LOOK_JSON, CLI_LOOK_PRETTY};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (is_word(text, 1, names[i])) shell->s->look = looks[i];
    if (is_word(text, 1, names[i])) return CLI_DONE;
    if (is_end(text, 1) && shell->s->look == looks[i]) printf("mode %s\n", names[i]);
  }
  if (is_end(text, 1)) return CLI_DONE;
  return cli_usage_error(NULL, "it is .mode auto, .mode table, .mode json or .mode pretty");
}

static int set_switch(bool *out, const char *text, const char *name) {
  if (is_word(text, 1, "on") || is_word(text, 1, "off")) {
    *out = is_word(text, 1, "on");
    return CLI_DONE;
  }
  return cli_usage_error(NULL, "it is .%s on or .%s off", name, name);
}

static int read_lines(cli_shell_state *shell, cli_editor *editor, const char *name);

static int read_file(cli_shell_state *shell, const char *text) {
  size_t len;
  const char *start = word_at(text, 1, &len);
  cli_text name = {0};
  cli_editor *editor;
  FILE *file;
  int status;
  cli_text_put(&name, start, strcspn(start, "\r\n"));
  while (name.len > 0 && name.p[name.len - 1] == ' ')
    name.p[--name.len] = '\0';
  file = name.len == 0 ? NULL : fopen(cli_text_c(&name), "r");
  if (name.len == 0) {
    status = cli_usage_error(NULL, "it is .read FILE");
  } else if (shell->read_depth == READ_DEPTH_MAX) {
    status =
        cli_error("LIMIT_EXCEEDED", "more than %d files read one by the other", READ_DEPTH_MAX);
  } else if (file == NULL) {
    status = cli_error("STORAGE_ERROR", "cannot open %s: %s", cli_text_c(&name), strerror(errno));
  } else {
    editor = cli_editor_open(file, NULL);
    shell->read_depth++;
    status = read_lines(shell, editor, cli_text_c(&name));
    shell->read_depth--;
    cli_editor_close(editor);
  }
  if (file != NULL) (void)fclose(file);
  cli_text_release(&name);
  return status;
}

static int run_dot(cli_shell_state *shell, const char *text) {
  cli_nearest nearest = {0};
  cli_text word = {0};
  size_t len;
  const char *name = word_at(text, 0, &len);
  if (is_word(text, 0, ".help")) return fputs(help_text, stdout) < 0 ? CLI_REFUSED : CLI_DONE;
  if (is_word(text, 0, ".ns")) return set_ns(shell, text);
  if (is_word(text, 0, ".mode")) return set_mode(shell, text);
  if (is_word(text, 0, ".timer")) return set_switch(&shell->has_timer, text, "timer");
  if (is_word(text, 0, ".hot")) return set_switch(&shell->has_rows, text, "hot");
  if (is_word(text, 0, ".read")) return read_file(shell, text);
  if (is_word(text, 0, ".exit") || is_word(text, 0, ".quit")) {
    shell->is_over = true;
    return CLI_DONE;
  }
  cli_text_put(&word, name + 1, len - 1);
  nearest.word = cli_text_c(&word);
  for (size_t i = 0; cli_dot_name(i) != NULL; i++)
    cli_nearest_offer(&nearest, cli_dot_name(i));
  fprintf(stderr, "parquedb: unknown command '.%.40s'", cli_text_c(&word));
  if (nearest.name != NULL) fprintf(stderr, "; did you mean '.%s'?", nearest.name);
  fputs("\ntry '.help'\n", stderr);
  cli_text_release(&word);
  return CLI_USAGE;
}

static int run_statement(cli_shell_state *shell, const char *text, size_t len) {
  static const char show[] = "collections";
  cli_shell_line line = {0};
  int status;
  if (*text == '.') return run_dot(shell, text);
  if (is_word(text, 0, "?")) return run_dot(shell, ".help");
  if (is_end(text, 1) && (is_word(text, 0, "exit") || is_word(text, 0, "quit"))) {
    shell->is_over = true;
    return CLI_DONE;
  }
  if (is_end(text, 1) && is_word(text, 0, "begin")) return cli_shell_begin(shell);
  if (is_end(text, 1) && is_word(text, 0, "commit")) return cli_shell_commit(shell);
  if (is_end(text, 1) && is_word(text, 0, "abort")) return cli_shell_abort(shell);
  if (is_word(text, 0, "use") && !is_end(text, 1) && is_end(text, 2)) return set_ns(shell, text);
  if (is_word(text, 0, "show")) {
    bool is_known =
        is_word(text, 1, show) || is_word(text, 1, "collections;") || is_word(text, 1, "tables");
    if (!is_known) return cli_usage_error(NULL, "it is show collections");
    status = cli_shell_words(&line, show, strlen(show));
  } else if (cli_is_call(text, len)) {
    status = cli_shell_call(&line, text, len);
  } else {
    status = cli_shell_words(&line, text, len);
  }
  if (status == CLI_DONE) status = run_line(shell, &line);
  cli_shell_line_release(&line);
  shell->s->options = shell->start_options;
  return status;
}

/* ---- lines ---- */

/* Without white space and a semicolon around; a comment is nothing. */
static void trim(cli_text *statement) {
  size_t start = strspn(cli_text_c(statement), " \t\r\n");
  while (statement->len > start && strchr(" \t\r\n;", statement->p[statement->len - 1]) != NULL)
    statement->len--;
  if (statement->len < start) start = statement->len;
  statement->len -= start;
  if (statement->p == NULL) return;
  memmove(statement->p, statement->p + start, statement->len);
  statement->p[statement->len] = '\0';
  if (strncmp(statement->p, "//", 2) == 0 && strchr(statement->p, '\n') == NULL) {
    cli_text_clear(statement);
  }
  if (statement->p[0] == '#') cli_text_clear(statement);
}

static int run_pending(cli_shell_state *shell) {
  cli_text statement = shell->pending;
  double start = now_ms();
  pqdb_hot_stats rows;
  bool has_rows = shell->has_rows; /* not of the line that says so */
  int status = CLI_DONE;
  cli_shell_read_rows(shell, &rows);
  shell->pending = (cli_text){0};
  trim(&statement);
  if (statement.len > 0) {
    was_interrupted = 0;
    status = run_statement(shell, statement.p, statement.len);
    if (shell->has_timer) printf("%.1f ms\n", now_ms() - start);
    if (has_rows && shell->has_rows) cli_shell_print_rows(shell, &rows);
    (void)fflush(stdout);
  }
  cli_text_release(&statement);
  return status;
}

static void remember(const cli_shell_state *shell, cli_editor *editor) {
  cli_text line = {0};
  cli_text_put(&line, cli_text_c(&shell->pending), shell->pending.len);
  for (size_t i = 0; i < line.len; i++) {
    if (line.p[i] == '\n') line.p[i] = ' ';
  }
  if (line.p[strspn(cli_text_c(&line), " ")] != '\0') cli_editor_remember(editor, line.p);
  cli_text_release(&line);
}

static void make_prompt(const cli_shell_state *shell, cli_text *prompt) {
  cli_text_clear(prompt);
  if (shell->pending.len > 0) {
    cli_text_str(prompt, "      ... ");
    return;
  }
  cli_text_str(prompt, "parquedb");
  if (shell->ns.len > 0) cli_text_byte(prompt, ':');
  cli_text_put(prompt, cli_text_c(&shell->ns), shell->ns.len);
  cli_text_str(prompt, cli_shell_in_transaction(shell) ? "*> " : "> ");
}

/* Run statements until the input ends. `name` of the input, for messages; NULL: a person. */
static int read_lines(cli_shell_state *shell, cli_editor *editor, const char *name) {
  cli_text line = {0}, prompt = {0};
  unsigned long line_num = 0, first_line = 1;
  int status, worst = CLI_DONE;
  bool has_ended = false;
  while (!has_ended && !shell->is_over && ferror(stdout) == 0) {
    cli_line_result result;
    make_prompt(shell, &prompt);
    result = cli_editor_read(editor, cli_text_c(&prompt), &line);
    if (result == CLI_LINE_ABANDONED) {
      cli_text_clear(&shell->pending);
      continue;
    }
    has_ended = result == CLI_LINE_END;
    if (shell->pending.len == 0) first_line = line_num + 1;
    line_num++;
    if (!has_ended) {
      cli_text_put(&shell->pending, cli_text_c(&line), line.len);
      cli_text_byte(&shell->pending, '\n');
      if (cli_relaxed_is_open(shell->pending.p, shell->pending.len)) continue;
      if (name == NULL) remember(shell, editor);
    }
    status = run_pending(shell);
    if (status == CLI_DONE) continue;
    worst = CLI_REFUSED;
    if (shell->stops_at_error) shell->is_over = true;
    if (name != NULL) fprintf(stderr, "parquedb: in line %lu of %s\n", first_line, name);
  }
  cli_text_release(&line);
  cli_text_release(&prompt);
  return worst;
}

static void history_path(cli_text *path) {
  const char *file = getenv("PARQUEDB_HISTORY"), *home = getenv("HOME");
  if (file != NULL) {
    cli_text_str(path, file);
  } else if (home != NULL && *home != '\0') {
    cli_text_str(path, home);
    cli_text_str(path, "/.parquedb_history");
  }
}

int cli_shell(cli_session *s, char **words, int word_count) {
  cli_shell_state shell = {0};
  cli_text history = {0};
  cli_terminal terminal = {NULL, &was_interrupted, cli_shell_complete, &shell};
  int status;
  (void)words;
  (void)word_count;
  shell.s = s;
  shell.start_options = s->options;
  shell.is_interactive = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
  if (s->options->ns != NULL) cli_text_str(&shell.ns, s->options->ns);
  if (cli_has(s->options, CLI_OPT_JSON)) s->look = CLI_LOOK_JSON;
  s->is_shell = true;
  s->is_read_only = cli_has(s->options, CLI_OPT_READ_ONLY);
  if (shell.is_interactive) {
    (void)setlocale(LC_CTYPE, "");
    s->interrupt = &was_interrupted;
    catch_interrupt();
    history_path(&history);
    printf("ParqueDB %s, warehouse %s; .help for help, Ctrl-D to leave\n", PQDB_VERSION,
           cli_warehouse(s));
  }
  if (history.len > 0) terminal.history = history.p;
  shell.editor = cli_editor_open(stdin, shell.is_interactive ? &terminal : NULL);
  status = read_lines(&shell, shell.editor, shell.is_interactive ? NULL : "standard input");
  if (cli_shell_leave(&shell) != CLI_DONE) status = CLI_REFUSED;
  cli_editor_close(shell.editor);
  s->options = shell.start_options;
  cli_text_release(&shell.ns);
  cli_text_release(&shell.pending);
  cli_text_release(&history);
  return shell.is_interactive ? CLI_DONE : status;
}

/* The lines of a file as one transaction. Nothing has to be told of one that is aborted but why. */
int cli_transaction(cli_session *s, char **words, int word_count) {
  bool is_input = strcmp(words[0], "-") == 0;
  const char *name = is_input ? "standard input" : words[0];
  FILE *file = is_input ? stdin : fopen(words[0], "r");
  cli_shell_state shell = {.s = s, .start_options = s->options, .stops_at_error = true};
  int status;
  (void)word_count;
  if (file == NULL) return cli_error("STORAGE_ERROR", "cannot open %s: %s", name, strerror(errno));
  if (s->options->ns != NULL) cli_text_str(&shell.ns, s->options->ns);
  if (cli_has(s->options, CLI_OPT_JSON)) s->look = CLI_LOOK_JSON;
  s->is_shell = true;
  status = cli_shell_begin(&shell);
  if (status == CLI_DONE) {
    shell.editor = cli_editor_open(file, NULL);
    status = read_lines(&shell, shell.editor, name);
    cli_editor_close(shell.editor);
    if (status == CLI_DONE) status = cli_shell_commit(&shell);
    if (cli_shell_leave(&shell) != CLI_DONE) status = CLI_REFUSED;
  }
  if (!is_input) (void)fclose(file);
  s->options = shell.start_options;
  cli_text_release(&shell.ns);
  cli_text_release(&shell.pending);
  return status;
}
