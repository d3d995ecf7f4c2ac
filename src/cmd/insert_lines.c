/* cmd/insert_lines.c - the lines of a payload as documents, parsed side by side.
 *
 *   payload   line line line line │ line line line │ line line …   parts of about 256 KiB,
 *                 task 0               task 1          task 2      cut where lines end
 *                    └── documents and their fields that begin with '$', an arena for each part
 *
 * What depends on order (ids, errors, when to stop) is left to whoever takes the lines one after
 * the other. A command that fails as a whole does not parse its part behind a line that is wrong.
 */
#include <string.h>

#include "cmd/command_int.h"
#include "value/json.h"

enum { PART_LEN = 256 << 10 };

typedef struct pq_line_part {
  pq_slice text;
  uint64_t line; /* number of its first one */
  bool stops;    /* at an error */
  pq_cx cx;
  pq_arena arena; /* owned; with what the lines hold */
  pq_line *lines;
  uint32_t count, cap;
  pq_builder *json, *system; /* owned */
  int rc;
} pq_line_part;

void pq_lines_free(pq_command *c) {
  for (uint32_t i = 0; i < c->line_part_count; i++)
    pq_arena_release(&c->line_parts[i].arena);
  c->line_parts = NULL;
  c->line_part_count = 0;
}

/* ---- one part ---- */

/* The next line without its end; false behind the last one. */
static bool next_line(pq_slice *left, pq_slice *line) {
  const uint8_t *end = left->n == 0 ? NULL : memchr(left->p, '\n', left->n);
  size_t used = end == NULL ? left->n : (size_t)(end - left->p) + 1;
  if (left->n == 0) return false;
  *line = (pq_slice){left->p, end == NULL ? left->n : used - 1};
  *left = (pq_slice){left->p + used, left->n - used};
  return true;
}

static bool is_blank(pq_slice text) {
  size_t n = 0;
  while (n < text.n && (text.p[n] == ' ' || text.p[n] == '\r' || text.p[n] == '\t'))
    n++;
  return n == text.n;
}

static int parse_line(pq_line_part *p, pq_slice text, pq_line *out) {
  pq_json_options options = {.is_exact = true, .line_first = out->number, .system = p->system};
  pq_value system;
  size_t used;
  pq_builder_clear(p->json);
  pq_builder_clear(p->system);
  PQ_TRY(pq_json_parse(p->json, text, options, &used));
  PQ_TRY(pq_builder_view(p->system, &system));
  if (pq_value_count(system) > 0) PQ_TRY(pq_builder_finish(p->system, &p->arena, &out->system));
  return pq_builder_finish(p->json, &p->arena, &out->document);
}

static int parse_part(pq_line_part *p) {
  pq_slice left = p->text, text;
  p->lines = pq_arena_array(&p->arena, p->cap, sizeof *p->lines);
  if (p->lines == NULL) return p->cx.code;
  PQ_TRY(pq_builder_new(&p->cx, &p->json));
  PQ_TRY(pq_builder_new(&p->cx, &p->system));
  for (uint64_t number = p->line; next_line(&left, &text); number++) {
    pq_line *line = &p->lines[p->count];
    if (is_blank(text)) continue;
    pq_assert(p->count < p->cap);
    p->count++;
    *line = (pq_line){.number = number};
    line->rc = parse_line(p, text, line);
    if (line->rc == PQ_OK) continue;
    line->message = pq_arena_str(&p->arena, pq_str(p->cx.msg));
    if (line->message == NULL) return p->cx.code;
    if (p->stops) return PQ_OK;
  }
  return PQ_OK;
}

static void run_part(void *ctx, uint32_t i) {
  pq_line_part *p = &((pq_line_part *)ctx)[i];
  p->rc = parse_part(p);
  pq_builder_free(p->json);
  pq_builder_free(p->system);
  p->json = p->system = NULL;
}

/* ---- all of them ---- */

/* Cut a part off; its lines are counted, so that the next one knows its number. */
static void cut_part(pq_line_part *p, pq_slice *left) {
  const uint8_t *start = left->p;
  pq_slice text;
  while ((size_t)(left->p - start) < PART_LEN && next_line(left, &text))
    p->cap++;
  p->text = (pq_slice){start, (size_t)(left->p - start)};
}

int pq_lines_parse(pq_command *c, uint64_t first) {
  size_t most = c->payload.n / PART_LEN + 1;
  pq_slice left = c->payload;
  pq_line_part *parts = pq_arena_calloc(&c->arena, most, sizeof *parts);
  uint32_t n = 0;
  if (parts == NULL) return c->op.cx->code;
  for (; left.n > 0; n++) {
    pq_line_part *p = &parts[n];
    pq_assert(n < most);
    p->line = first;
    p->stops = !c->s.is_bulk;
    pq_task_cx(&p->cx, c->op.cx);
    pq_arena_init(&p->arena, &p->cx, p->cx.limits.op_len_max);
    cut_part(p, &left);
    first += p->cap;
  }
  c->line_parts = parts;
  c->line_part_count = n;
  pq_tasks_run(&c->db->runner, run_part, parts, n);
  for (uint32_t i = 0; i < n; i++)
    if (parts[i].rc != PQ_OK) return pq_fail(c->op.cx, parts[i].rc, "%s", parts[i].cx.msg);
  return PQ_OK;
}

uint32_t pq_lines_count(const pq_command *c) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < c->line_part_count; i++)
    count += c->line_parts[i].count;
  return count;
}

const pq_line *pq_lines_next(const pq_command *c, pq_line_place *at) {
  while (at->part < c->line_part_count) {
    const pq_line_part *p = &c->line_parts[at->part];
    if (at->line < p->count) return &p->lines[at->line++];
    at->part++;
    at->line = 0;
  }
  return NULL;
}
