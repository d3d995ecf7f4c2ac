/* Unit tests of io/op.c: the step loop, and that a broken restart rule stops the program. */
#ifndef __wasi__ /* no processes there */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "io/op.h"
#include "unit.h"

typedef struct state {
  int yields;
  char text[8];
} state;

static int runs; /* of stages: outside of the state, so that counting breaks no rule */

/* Answer all requests: object "x" holds "x". */
static int answer(pq_op *op) {
  pq_io_req r;
  int n = 0;
  while (pq_fetch_take(&op->fetch, &r)) {
    pq_fetch_done(&op->fetch, r.id, PQ_OK, pq_str(r.key), NULL);
    n++;
  }
  return n;
}

static int run(pq_op *op) {
  int rc;
  while ((rc = pq_op_step(op, 7)) == PQ_NEED_IO)
    CHECK(answer(op) > 0);
  return rc;
}

/* ---- stages that keep the rule ---- */

static int stage_last(pq_op *op) {
  state *s = op->state;
  runs++;
  s->text[2] = '!';
  CHECK(op->now_us == 7);
  op->stage = NULL;
  return PQ_OK;
}

/* Asks for two objects at once, then keeps their text in the operation's memory. */
static int stage_two(pq_op *op) {
  state *s = op->state;
  pq_slice a, b;
  int rc, rc2;
  runs++;
  if (pq_arena_alloc(&op->scratch, 100000) == NULL) return op->cx->code;
  rc = pq_fetch_get(&op->fetch, "a", 10, &a);
  rc2 = pq_fetch_get(&op->fetch, "b", 10, &b);
  if (rc < 0 || rc2 < 0) return rc < 0 ? rc : rc2;
  if (rc == PQ_NEED_IO || rc2 == PQ_NEED_IO) return PQ_NEED_IO;
  if (pq_arena_str(&op->arena, a) == NULL) return op->cx->code;
  s->text[0] = (char)a.p[0];
  s->text[1] = (char)b.p[0];
  op->stage = stage_last;
  return PQ_OK;
}

static void test_op_restart(void) {
  pq_cx cx;
  pq_op op;
  state s = {0};
  unit_cx_init(&cx);
  runs = 0;
  CHECK(pq_op_init(&op, &cx, &s, sizeof s, stage_two) == PQ_OK);
  CHECK(pq_op_step(&op, 1) == PQ_NEED_IO);
  CHECK(op.rounds == 1 && op.stage == stage_two && s.text[0] == 0);
  CHECK(answer(&op) == 2); /* both in one round */
  CHECK(pq_op_step(&op, 7) == PQ_OK);
  CHECK(op.stage == NULL && strcmp(s.text, "ab!") == 0);
  CHECK(runs == 3 && op.rounds == 1);
  CHECK(op.fetch.stat_requests == 2);
  CHECK(pq_op_step(&op, 9) == PQ_OK && runs == 3); /* finished stays finished */
  pq_op_release(&op);
  pq_op_release(&op);
  CHECK(unit_live_len == 0);
}

/* A driver may answer one at a time: the stage is run again each time. */
static void test_op_one_by_one(void) {
  pq_cx cx;
  pq_op op;
  pq_io_req a, b;
  state s = {0};
  unit_cx_init(&cx);
  runs = 0;
  CHECK(pq_op_init(&op, &cx, &s, sizeof s, stage_two) == PQ_OK);
  CHECK(pq_op_step(&op, 7) == PQ_NEED_IO);
  CHECK(pq_fetch_take(&op.fetch, &a) && pq_fetch_take(&op.fetch, &b));
  pq_fetch_done(&op.fetch, b.id, PQ_OK, PQ_SLICE("b"), NULL);
  CHECK(pq_op_step(&op, 7) == PQ_NEED_IO && op.rounds == 2);
  pq_fetch_done(&op.fetch, a.id, PQ_OK, PQ_SLICE("a"), NULL);
  CHECK(pq_op_step(&op, 7) == PQ_OK && strcmp(s.text, "ab!") == 0);
  CHECK(runs == 4);
  pq_op_release(&op);
}

static int stage_yields(pq_op *op) {
  state *s = op->state;
  runs++;
  if (++s->yields == 3) op->stage = stage_last;
  return PQ_YIELD;
}

static void test_op_yield(void) {
  pq_cx cx;
  pq_op op;
  state s = {0};
  unit_cx_init(&cx);
  runs = 0;
  CHECK(pq_op_init(&op, &cx, &s, sizeof s, stage_yields) == PQ_OK);
  for (int i = 1; i <= 3; i++) {
    CHECK(pq_op_step(&op, 7) == PQ_OK);
    CHECK(runs == i && op.stage != NULL);
  }
  CHECK(pq_op_step(&op, 7) == PQ_OK && op.stage == NULL && runs == 4);
  CHECK(op.rounds == 0);
  pq_op_release(&op);
}

static int stage_fails(pq_op *op) {
  pq_slice out;
  PQ_TRY(pq_fetch_get(&op->fetch, "a", 10, &out));
  return pq_fail(op->cx, PQ_ECORRUPT, "a is wrong");
}

static void test_op_failure(void) {
  pq_cx cx;
  pq_op op;
  pq_io_req r;
  state s = {0};
  unit_cx_init(&cx);
  CHECK(pq_op_init(&op, &cx, &s, sizeof s, stage_fails) == PQ_OK);
  CHECK(run(&op) == PQ_ECORRUPT && strcmp(cx.msg, "a is wrong") == 0);
  pq_op_release(&op);
  CHECK(pq_op_init(&op, &cx, &s, sizeof s, stage_two) == PQ_OK);
  CHECK(pq_op_step(&op, 7) == PQ_NEED_IO);
  while (pq_fetch_take(&op.fetch, &r))
    pq_fetch_done(&op.fetch, r.id, PQ_EIO, (pq_slice){0}, "no");
  CHECK(pq_op_step(&op, 7) == PQ_EIO);
  CHECK(strstr(cx.msg, "no") != NULL && s.text[0] == 0);
  pq_op_release(&op);
  CHECK(unit_live_len == 0);
}

static void test_op_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_cx cx;
    pq_op op;
    state s = {0};
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = pq_op_init(&op, &cx, &s, sizeof s, stage_two);
    if (rc == PQ_OK) rc = run(&op);
    pq_op_release(&op);
  }
}

/* ---- stages that break it ---- */

#ifndef __wasi__

static int stage_changes_state(pq_op *op) {
  state *s = op->state;
  pq_slice out;
  s->text[3]++;
  PQ_TRY(pq_fetch_get(&op->fetch, "a", 10, &out));
  op->stage = NULL;
  return PQ_OK;
}

static int stage_uses_arena(pq_op *op) {
  pq_slice out;
  if (pq_arena_alloc(&op->arena, 100) == NULL) return op->cx->code;
  PQ_TRY(pq_fetch_get(&op->fetch, "a", 10, &out));
  op->stage = NULL;
  return PQ_OK;
}

static int stage_moves_on(pq_op *op) {
  pq_slice out;
  op->stage = stage_last;
  return pq_fetch_get(&op->fetch, "a", 10, &out);
}

/* Does running the stage to its end stop the program? In a child, whose words are not shown. */
static bool is_stopped(pq_stage_fn stage) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    pq_cx cx;
    pq_op op;
    state s = {0};
    int fd = open("/dev/null", O_WRONLY);
    if (fd >= 0) dup2(fd, STDERR_FILENO);
    pq_cx_init(&cx, NULL, NULL);
    if (pq_op_init(&op, &cx, &s, sizeof s, stage) == PQ_OK) (void)run(&op);
    _exit(0);
  }
  if (child < 0 || waitpid(child, &status, 0) != child) return false;
  return WIFSIGNALED(status) ? WTERMSIG(status) == SIGABRT : WEXITSTATUS(status) != 0;
}

static void test_op_broken_rule(void) {
  CHECK(!is_stopped(stage_two));
  CHECK(is_stopped(stage_changes_state));
  CHECK(is_stopped(stage_uses_arena));
  CHECK(is_stopped(stage_moves_on));
}
#endif

int main(void) {
  RUN(test_op_restart);
  RUN(test_op_one_by_one);
  RUN(test_op_yield);
  RUN(test_op_failure);
  RUN(test_op_oom);
#ifndef __wasi__
  RUN(test_op_broken_rule);
#endif
  return unit_end();
}
