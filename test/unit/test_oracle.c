/* test/unit/test_oracle.c - recorded answers for filters, sorts, projections, updates, pipelines,
 * by plain evaluation: no database. See oracle_util.h; test_oracle_commands.c asks the same through
 * commands.
 */
#include "oracle_util.h"

static bool run_file(const char *name) {
  static char line[ORACLE_LINE_CAP];
  int run_count = 0, error_count = 0, counts[ORACLE_WRONG + 1] = {0};
  oracle t;
  FILE *f = oracle_open(&t, name);
  if (f == NULL) return false;
  while (t.b != NULL && fgets(line, sizeof line, f) != NULL) {
    oracle_answer ours;
    oracle_verdict verdict;
    pq_arena_clear(&t.arena);
    if (!oracle_read(&t, line)) continue;
    ours = oracle_answer_of(&t);
    verdict = oracle_judge(&t, &ours);
    counts[verdict]++;
    if (verdict == ORACLE_SAME) unit_passed++;
    if (verdict == ORACLE_SAME || verdict == ORACLE_WRONG) run_count++;
    if (verdict == ORACLE_SAME && ours.rc != PQ_OK) error_count++;
  }
  printf("%s: %d run (%d of them errors), %d skipped-unsupported, %d deviations, %d wrong\n", name,
         run_count, error_count, counts[ORACLE_UNSUPPORTED], counts[ORACLE_DEVIATES],
         counts[ORACLE_WRONG]);
  oracle_close(&t, f);
  return true;
}

int main(void) {
  if (!run_file("cases_json.jsonl") || !run_file("cases_full.jsonl"))
    printf("skipped: oracle not found\n");
  return unit_end();
}
