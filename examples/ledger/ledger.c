/* ledger.c - accounts whose transfers are whole, and whose past can be asked.
 *
 *   transfer    begin ─► read both ─► change both, note it, link it ─► commit, again on a conflict
 *   audit       what was true then, who changed it, what has changed since
 *   correct     back to an instant, as new events: nothing is lost
 *   keep        a copy that is a warehouse, as of an instant
 *
 * usage: ledger FOLDER        an empty folder; READING: main, transfer
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <parquedb/backup.h>
#include <parquedb/parquedb.h>

enum { TRIES = 5, TEXT_CAP = 512 };

/* Say what went wrong and end. A program that lives on would look at the status: retry, give up, or
 * ask its user (parquedb.h says which means what). */
static void need(pqdb *db, int status, const char *what) {
  if (status >= 0) return;
  fprintf(stderr, "ledger: %s: %s: %s\n", what, pqdb_status_name(status),
          db == NULL ? "out of memory" : pqdb_message(db));
  exit(1);
}

/* ---- reading ---- */

/* A whole number behind "name": in a reply. Fine for a demonstration; a program has a JSON parser.
 */
static int64_t number_in(const char *json, const char *name) {
  char key[64];
  const char *at;
  snprintf(key, sizeof key, "\"%s\":", name);
  at = strstr(json, key);
  return at == NULL ? 0 : strtoll(at + strlen(key), NULL, 10);
}

/* Cents of an account; `options` NULL, or {"asOf": …}. */
static int64_t balance(pqdb *db, const char *id, const char *options) {
  pqdb_replies *replies;
  const char *json;
  int64_t cents = 0;
  int status;
  need(db, pqdb_get(db, id, options, &replies), "get");
  while ((status = pqdb_next(replies, &json, NULL)) == PQDB_ROW)
    cents = number_in(json, "cents");
  need(db, status, "get");
  pqdb_replies_close(replies);
  return cents;
}

/* The event that the present is as of: a moment that will always mean the same. */
static uint64_t now_seq(pqdb *db) {
  pqdb_replies *replies;
  const char *json;
  uint64_t seq;
  need(db, pqdb_find(db, "accounts", "{}", "{\"limit\": 1}", &replies), "find");
  while (pqdb_next(replies, &json, NULL) == PQDB_ROW) {
  }
  seq = (uint64_t)number_in(json, "seq"); /* of the summary, which comes last */
  pqdb_replies_close(replies);
  return seq;
}

/* ---- writing ---- */

static int add_cents(pqdb *db, const char *id, int64_t cents) {
  char operators[TEXT_CAP];
  snprintf(operators, sizeof operators, "{\"$inc\": {\"cents\": %" PRId64 "}}", cents);
  return pqdb_update(db, id, operators, NULL);
}

/* What is done between begin and commit. Any failure leaves it to the caller to abort. */
static int transfer_once(pqdb *db, const char *note, const char *from, const char *to,
                         int64_t cents) {
  char id[TEXT_CAP], document[TEXT_CAP];
  int status;
  snprintf(id, sizeof id, "transfers/%s", note);
  snprintf(document, sizeof document, "{\"$id\": \"%s\", \"cents\": %" PRId64 "}", note, cents);
  if ((status = add_cents(db, from, -cents)) != PQDB_OK) return status;
  if ((status = add_cents(db, to, cents)) != PQDB_OK) return status;
  if ((status = pqdb_create(db, "transfers", document)) != PQDB_OK) return status;
  if ((status = pqdb_link(db, id, "from", from, NULL)) != PQDB_OK) return status;
  return pqdb_link(db, id, "to", to, NULL);
}

/* Move cents between accounts, if there are enough. The balance is read inside of the transaction:
 * whoever changes the account meanwhile makes it fail with a conflict, and it is tried again. */
static int transfer(pqdb *db, const char *note, const char *from, const char *to, int64_t cents) {
  for (int i = 0; i < TRIES; i++) {
    int status = pqdb_begin(db, NULL);
    need(db, status, "begin");
    if (balance(db, from, NULL) < cents) {
      need(db, pqdb_abort(db), "abort");
      printf("%s: %s has too little\n", note, from);
      return 0;
    }
    status = transfer_once(db, note, from, to, cents);
    if (status == PQDB_OK) {
      status = pqdb_commit(db, NULL);
    } else {
      need(db, status == PQDB_VERSION_CONFLICT ? PQDB_OK : status, note);
      need(db, pqdb_abort(db), "abort");
    }
    if (status == PQDB_OK) return 1;
    need(db, status == PQDB_VERSION_CONFLICT ? PQDB_OK : status, "commit");
  }
  printf("%s: others are always faster\n", note);
  return 0;
}

/* ---- the past ---- */

static void print_items(pqdb *db, int status, pqdb_replies *replies, const char *what) {
  const char *json;
  need(db, status, what);
  while ((status = pqdb_next(replies, &json, NULL)) == PQDB_ROW)
    printf("%s: %s\n", what, json);
  need(db, status, what);
  pqdb_replies_close(replies);
}

static void audit(pqdb *db, uint64_t then) {
  char as_of[64], moment[64];
  pqdb_replies *replies = NULL;
  int status;
  snprintf(as_of, sizeof as_of, "{\"asOf\": {\"seq\": %" PRIu64 "}}", then);
  snprintf(moment, sizeof moment, "seq:%" PRIu64, then);
  printf("ann had %" PRId64 " cents, and has %" PRId64 "\n", balance(db, "accounts/ann", as_of),
         balance(db, "accounts/ann", NULL));
  status = pqdb_history(db, "accounts/ann", "{\"from\": 2}", &replies);
  print_items(db, status, replies, "history");
  status = pqdb_diff(db, "accounts", moment, NULL, NULL, &replies);
  print_items(db, status, replies, "diff");
  status = pqdb_get_at_version(db, "accounts/ann", 1, "{\"project\": {\"cents\": 1}}", &replies);
  print_items(db, status, replies, "version 1");
}

int main(int argc, char **argv) {
  pqdb_options options = {.size = sizeof options, .actor = "users/teller"};
  pqdb_backup_options copy = {.size = sizeof copy};
  pqdb_backup_report report;
  char dir[TEXT_CAP], copy_dir[TEXT_CAP], moment[64];
  uint64_t then;
  pqdb *db = NULL;
  if (argc != 2) return 2;
  snprintf(dir, sizeof dir, "%s/ledger", argv[1]);
  snprintf(copy_dir, sizeof copy_dir, "%s/copy", argv[1]);
  need(db, pqdb_open(dir, &options, &db), "open");
  need(db, pqdb_create(db, "accounts", "{\"$id\": \"ann\", \"cents\": 500}"), "create");
  need(db, pqdb_create(db, "accounts", "{\"$id\": \"bob\", \"cents\": 100}"), "create");
  then = now_seq(db);

  transfer(db, "t1", "accounts/ann", "accounts/bob", 200);
  transfer(db, "t2", "accounts/ann", "accounts/bob", 400);
  audit(db, then);

  snprintf(moment, sizeof moment, "seq:%" PRIu64, then);
  need(db, pqdb_revert(db, "accounts", moment, "{\"metadata\": {\"ticket\": 9}}"), "revert");
  printf("reverted: ann has %" PRId64 " cents, bob %" PRId64 "\n",
         balance(db, "accounts/ann", NULL), balance(db, "accounts/bob", NULL));
  pqdb_close(db);

  copy.as_of = moment;
  if (pqdb_backup(dir, copy_dir, &copy, &report) != PQDB_OK) {
    fprintf(stderr, "ledger: backup: %s\n", report.message);
    return 1;
  }
  options.mode = PQDB_READ;
  need(db, pqdb_open(copy_dir, &options, &db), "open the copy");
  printf("in the copy of then there are %" PRIu64 " events\n", now_seq(db));
  pqdb_close(db);
  return 0;
}
