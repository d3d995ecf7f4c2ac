/* cmd/payload_lines.c - the lines of a payload, one value each, for link and replay. What `insert`
 * does with its lines is in insert_lines.c.
 */
#include <string.h>

#include "cmd/command_int.h"
#include "value/json.h"

static int take_lines(pq_command *c, pq_line_taker take, pq_arena *scratch, pq_builder *json) {
  pq_slice left = c->payload;
  uint64_t line = c->s.args.line > 0 ? c->s.args.line : 1;
  for (; left.n > 0; line++) {
    const uint8_t *end = memchr(left.p, '\n', left.n);
    pq_slice text = {left.p, end == NULL ? left.n : (size_t)(end - left.p)};
    size_t used = end == NULL ? text.n : text.n + 1, parsed, blank = 0;
    pq_value v;
    int rc;
    left = (pq_slice){left.p + used, left.n - used};
    while (blank < text.n && text.p[blank] <= ' ')
      blank++;
    if (blank == text.n) continue;
    pq_builder_clear(json);
    PQ_TRY(pq_json_parse(json, text, (pq_json_options){.is_exact = true, .line_first = line},
                         &parsed));
    PQ_TRY(pq_builder_view(json, &v));
    c->s.line = line;
    rc = take(c, scratch, v);
    if (rc != PQ_OK)
      return pq_fail(c->op.cx, rc, "line %llu: %s", (unsigned long long)line, c->op.cx->msg);
  }
  return PQ_OK;
}

int pq_payload_lines(pq_command *c, pq_line_taker take) {
  pq_builder *json;
  pq_arena scratch;
  int rc;
  if (c->payload.n == 0) return PQ_OK;
  PQ_TRY(pq_builder_new(c->op.cx, &json));
  pq_arena_init(&scratch, c->op.cx, c->op.cx->limits.op_len_max);
  rc = take_lines(c, take, &scratch, json);
  pq_builder_free(json);
  pq_arena_release(&scratch);
  c->s.line = 0;
  return rc;
}
