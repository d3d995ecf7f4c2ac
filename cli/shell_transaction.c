/* cli/shell_transaction.c - begin, commit and abort in the shell, and what they cost the hot tier.
 *
 *   parquedb> begin           the handle is opened for writing: opening again would abort
 *   parquedb*> posts.insertOne({…})      the star says that a transaction is open
 *   parquedb*> commit
 *
 * `parquedb transaction FILE` is the same around the lines of a file; the first one that fails
 * aborts.
 */
#include <inttypes.h>

#include "shell.h"

bool cli_shell_in_transaction(const cli_shell_state *shell) {
  return shell->s->db != NULL && pqdb_in_transaction(shell->s->db) == 1;
}

static int report(const cli_shell_state *shell, int rc) {
  return cli_error(pqdb_status_name(rc), "%s", pqdb_message(shell->s->db));
}

int cli_shell_begin(cli_shell_state *shell) {
  cli_session *s = shell->s;
  int rc, status = cli_open(s, s->is_read_only ? PQDB_READ : PQDB_CREATE);
  if (status != CLI_DONE) return status;
  rc = pqdb_begin(s->db, shell->ns.len > 0 ? cli_text_c(&shell->ns) : NULL);
  return rc == PQDB_OK ? CLI_DONE : report(shell, rc);
}

int cli_shell_commit(cli_shell_state *shell) {
  uint64_t count = 0;
  int rc;
  if (!cli_shell_in_transaction(shell)) return cli_usage_error(NULL, "no transaction is open");
  rc = pqdb_commit(shell->s->db, &count);
  if (rc != PQDB_OK) return report(shell, rc);
  printf("committed %" PRIu64 " event%s\n", count, count == 1 ? "" : "s");
  return CLI_DONE;
}

int cli_shell_abort(cli_shell_state *shell) {
  int rc;
  if (!cli_shell_in_transaction(shell)) return cli_usage_error(NULL, "no transaction is open");
  rc = pqdb_abort(shell->s->db);
  return rc == PQDB_OK ? CLI_DONE : report(shell, rc);
}

int cli_shell_leave(cli_shell_state *shell) {
  if (!cli_shell_in_transaction(shell)) return CLI_DONE;
  fputs("parquedb: the transaction was not committed: it is aborted\n", stderr);
  (void)pqdb_abort(shell->s->db);
  return CLI_REFUSED;
}

/* ---- rows ---- */

void cli_shell_read_rows(const cli_shell_state *shell, pqdb_hot_stats *out) {
  *out = (pqdb_hot_stats){.size = sizeof *out};
  if (shell->s->db != NULL) (void)pqdb_get_hot_stats(shell->s->db, out);
}

void cli_shell_print_rows(const cli_shell_state *shell, const pqdb_hot_stats *before) {
  static const pqdb_hot_stats none;
  pqdb_hot_stats now;
  cli_shell_read_rows(shell, &now);
  if (now.calls < before->calls) before = &none; /* the handle was opened again */
  printf("hot tier: %" PRIu64 " calls, %" PRIu64 " rows read, %" PRIu64 " rows written\n",
         now.calls - before->calls, now.rows_read - before->rows_read,
         now.rows_written - before->rows_written);
}
