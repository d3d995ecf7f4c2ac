/* cli/user_command.c - `user`: who may use the warehouse through a server. */
#define _XOPEN_SOURCE 700

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#if PARQUEDB_HAS_SERVER
#include <termios.h>

#include "server/user_admin.h"
#include "text_table.h"

enum { PASSWORD_CAP = 1100 };

/* ---- passwords ---- */

/* A line, without its end. False: none, or too long. */
static bool read_line(char out[PASSWORD_CAP]) {
  size_t n;
  if (fgets(out, PASSWORD_CAP, stdin) == NULL) return false;
  n = strlen(out);
  if (n > 0 && out[n - 1] == '\n') {
    out[--n] = '\0';
    if (n > 0 && out[n - 1] == '\r') out[--n] = '\0';
  } else if (!feof(stdin)) {
    return false;
  }
  return n > 0;
}

/* From the terminal, without showing it. */
static bool ask(const char *prompt, char out[PASSWORD_CAP]) {
  struct termios before, silent;
  bool is_there;
  if (tcgetattr(STDIN_FILENO, &before) != 0) return false;
  silent = before;
  silent.c_lflag &= ~(tcflag_t)ECHO;
  fputs(prompt, stderr);
  (void)fflush(stderr);
  (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  is_there = read_line(out);
  (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  fputc('\n', stderr);
  return is_there;
}

/* Twice from a terminal; else the first line of the input. */
static int read_password(char out[PASSWORD_CAP]) {
  char again[PASSWORD_CAP];
  bool is_terminal = isatty(STDIN_FILENO) == 1;
  if (!(is_terminal ? ask("password: ", out) : read_line(out)))
    return cli_error(pqdb_status_name(PQDB_VALIDATION_FAILED),
                     "no password: type it, or give it as the first line of the input");
  if (!is_terminal) return CLI_DONE;
  if (!ask("once more: ", again) || strcmp(out, again) != 0)
    return cli_error(pqdb_status_name(PQDB_VALIDATION_FAILED), "the two passwords differ");
  return CLI_DONE;
}

/* ---- the commands behind the word ---- */

typedef struct user_call {
  cli_session *s;
  pq_user_admin_who who;
  char **words; /* behind the name */
  int word_count;
} user_call;

static int report(const cli_session *s, int rc, const char *what, const char *name) {
  if (rc != PQDB_OK) return cli_error(pqdb_status_name(rc), "%s", pqdb_message(s->db));
  printf("%s %s\n", what, name);
  return CLI_DONE;
}

static int add_user(user_call *c) {
  char password[PASSWORD_CAP];
  int status = read_password(password), rc;
  if (status != CLI_DONE) return status;
  rc = pq_user_admin_add(c->s->db, &c->who, password, (const char *const *)c->words,
                         (unsigned)c->word_count);
  memset(password, 0, sizeof password);
  return report(c->s, rc, "added", c->who.user);
}

static int set_password(user_call *c) {
  char password[PASSWORD_CAP];
  int status = read_password(password), rc;
  if (status != CLI_DONE) return status;
  rc = pq_user_admin_password(c->s->db, &c->who, password);
  memset(password, 0, sizeof password);
  return report(c->s, rc, "new password of", c->who.user);
}

static int remove_user(user_call *c) {
  return report(c->s, pq_user_admin_remove(c->s->db, &c->who), "removed", c->who.user);
}

static int grant_roles(user_call *c) {
  int rc = pq_user_admin_grant(c->s->db, &c->who, (const char *const *)c->words,
                               (unsigned)c->word_count, 0);
  return report(c->s, rc, "granted to", c->who.user);
}

static int revoke_roles(user_call *c) {
  int rc = pq_user_admin_grant(c->s->db, &c->who, (const char *const *)c->words,
                               (unsigned)c->word_count, 1);
  return report(c->s, rc, "revoked from", c->who.user);
}

/* `user token NAME [DAYS [LABEL]]`, `user token NAME none` */
static int make_token(user_call *c) {
  char token[PQ_USER_ADMIN_TOKEN_CAP];
  const char *days = c->word_count > 0 ? c->words[0] : "0";
  size_t digits = strspn(days, "0123456789");
  int rc;
  if (strcmp(days, "none") == 0)
    return report(c->s, pq_user_admin_drop_tokens(c->s->db, &c->who),
                  "no tokens any more:", c->who.user);
  if (digits == 0 || digits > 5 || days[digits] != '\0')
    return cli_usage_error("user", "'%s' is no number of days", days);
  rc = pq_user_admin_token(c->s->db, &c->who, c->word_count > 1 ? c->words[1] : "",
                           (unsigned)strtoul(days, NULL, 10), token);
  if (rc != PQDB_OK) return cli_error(pqdb_status_name(rc), "%s", pqdb_message(c->s->db));
  printf("%s\n", token);
  return CLI_DONE;
}

typedef struct listing {
  const cli_session *s;
  cli_table table;
} listing;

static void show_user(void *ud, const char *json, size_t len) {
  listing *l = ud;
  if (cli_wants_lines(l->s))
    cli_print_line(&l->s->screen, json, len);
  else
    cli_table_add(&l->table, json, len);
}

static int list_users(cli_session *s) {
  static const char *const columns[] = {"db", "user", "roles", "tokens", NULL};
  listing l = {.s = s};
  int rc;
  cli_table_init(&l.table, &s->screen, columns);
  l.table.is_whole = true;
  rc = pq_user_admin_list(s->db, show_user, &l);
  cli_table_end(&l.table);
  return rc == PQDB_OK ? CLI_DONE : cli_error(pqdb_status_name(rc), "%s", pqdb_message(s->db));
}

static const struct user_verb {
  const char *name;
  int (*run)(user_call *c);
  int word_min, word_max; /* behind NAME */
} verbs[] = {{"add", add_user, 0, 250},        {"remove", remove_user, 0, 0},
             {"password", set_password, 0, 0}, {"grant", grant_roles, 1, 250},
             {"revoke", revoke_roles, 1, 250}, {"token", make_token, 0, 2}};

static int run_verb(cli_session *s, const struct user_verb *verb, char **words, int word_count) {
  user_call c = {.s = s, .words = words + 2, .word_count = word_count - 2};
  int status;
  if (word_count < 2) return cli_usage_error("user", "%s: give the user's name", verb->name);
  if (c.word_count < verb->word_min) return cli_usage_error("user", "%s: give roles", verb->name);
  if (c.word_count > verb->word_max)
    return cli_usage_error("user", "%s: too many words", verb->name);
  c.who.user = words[1];
  c.who.db = s->options->ns == NULL ? "admin" : s->options->ns;
  status = cli_open(s, strcmp(verb->name, "add") == 0 ? PQDB_CREATE : PQDB_WRITE);
  return status == CLI_DONE ? verb->run(&c) : status;
}

int cli_run_user(cli_session *s, char **words, int word_count) {
  cli_nearest nearest = {words[0], NULL, 0};
  int status;
  if (strcmp(words[0], "list") == 0) {
    if (word_count > 1) return cli_usage_error("user", "list: too many words");
    status = cli_open(s, PQDB_READ);
    return status == CLI_DONE ? list_users(s) : status;
  }
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
    if (strcmp(words[0], verbs[i].name) == 0) return run_verb(s, &verbs[i], words, word_count);
    cli_nearest_offer(&nearest, verbs[i].name);
  }
  return cli_usage_error(
      "user", "'%s' is none of add, list, remove, password, grant, revoke, token", words[0]);
}

#else

int cli_run_user(cli_session *s, char **words, int word_count) {
  (void)s;
  (void)words;
  (void)word_count;
  return cli_error(pqdb_status_name(PQDB_NOT_SUPPORTED),
                   "this parquedb was built without the server, and users are the server's");
}

#endif
