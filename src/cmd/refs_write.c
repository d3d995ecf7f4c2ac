/* cmd/refs_write.c - records of links between namespaces. See refs.h. */
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "cmd/refs.h"
#include "codec/digest.h"

enum { AT_ONCE = 500, PART_LEN = 16 };

/* ---- ids ---- */

/* What is hashed: parts, each ended by a zero byte, which no id has. */
static void hash_parts(const pq_slice *parts, int count, uint8_t out[PQ_DIGEST_LEN]) {
  static const uint8_t zero[1];
  uint64_t a = 0, b = 1;
  pq_digest d;
  pq_digest_init(&d);
  for (int i = 0; i < count; i++) {
    pq_digest_add(&d, parts[i]);
    pq_digest_add(&d, (pq_slice){zero, 1});
    a = pq_hash(parts[i], a);
    b = pq_hash(parts[i], b);
  }
  if (pq_digest_is_there()) {
    pq_digest_end(&d, out);
    return;
  }
  pq_wr64(out, a); /* a build without digests; its ids are its own */
  pq_wr64(out + 8, b);
}

static void put_hex(const uint8_t *bytes, char *out) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < PART_LEN; i++) {
    out[2 * i] = digits[bytes[i] >> 4];
    out[2 * i + 1] = digits[bytes[i] & 15];
  }
}

void pq_ref_id(const pq_ref *r, char out[PQ_REF_ID_LEN + 1]) {
  const pq_slice source[] = {r->from_ns, r->from, r->predicate};
  uint8_t hash[PQ_DIGEST_LEN];
  _Static_assert(PQ_REF_ID_LEN == 4 * PART_LEN, "two parts in hex");
  hash_parts(&r->to, 1, hash);
  put_hex(hash, out);
  hash_parts(source, 3, hash);
  put_hex(hash, out + 2 * PART_LEN);
  out[PQ_REF_ID_LEN] = '\0';
}

/* ---- commands ---- */

static int put_text(pq_buf *out, const char *name, pq_slice text) {
  PQ_TRY(pq_buf_printf(out, "\"%s\":", name));
  PQ_TRY(pq_buf_put_json_str(out, text));
  return pq_buf_put_byte(out, ',');
}

int pq_refs_put_question(pq_buf *out, pq_slice to, bool has_deleted) {
  pq_ref target = {.to = to};
  char id[PQ_REF_ID_LEN + 1];
  pq_slice ns, there;
  (void)pq_id_split_foreign(to, &ns, &there);
  pq_ref_id(&target, id);
  PQ_TRY(pq_buf_printf(out,
                       "{\"distinct\":\"" PQ_REFS "\",\"key\":\"fromNs\",\"filter\":{"
                       "\"$id\":{\"$gte\":\"" PQ_REFS "/%.*s\",\"$lt\":\"" PQ_REFS "/%.*sg\"},",
                       2 * PART_LEN, id, 2 * PART_LEN, id));
  PQ_TRY(put_text(out, "toNs", ns));
  PQ_TRY(put_text(out, "to", there));
  return pq_buf_put_str(out, has_deleted ? "\"seq\":{\"$gte\":0}}}" : "\"deleted\":false}}");
}

/* The whole record, or the one that is there. */
static int put_record(pq_buf *out, const pq_ref *r) {
  char id[PQ_REF_ID_LEN + 1];
  pq_slice ns = {0}, there = {0};
  (void)pq_id_split_foreign(r->to, &ns, &there);
  pq_ref_id(r, id);
  PQ_TRY(pq_buf_printf(out,
                       "{\"updateOne\":{\"filter\":{\"$id\":\"" PQ_REFS "/%s\"},\"upsert\":true,"
                       "\"update\":[{\"$replaceWith\":{\"$cond\":[{\"$gte\":[\"$seq\",%llu]},"
                       "\"$$ROOT\",{\"$literal\":{",
                       id, (unsigned long long)r->seq));
  PQ_TRY(put_text(out, "fromNs", r->from_ns));
  PQ_TRY(put_text(out, "from", r->from));
  PQ_TRY(put_text(out, "predicate", r->predicate));
  PQ_TRY(put_text(out, "toNs", ns));
  PQ_TRY(put_text(out, "to", there));
  PQ_TRY(put_text(out, "reverse", r->reverse));
  return pq_buf_printf(out, "\"seq\":%llu,\"deleted\":%s}}]}}]}}", (unsigned long long)r->seq,
                       r->is_deleted ? "true" : "false");
}

static int put_removal(pq_buf *out, pq_slice id) {
  PQ_TRY(pq_buf_put_str(out, "{\"deleteOne\":{\"filter\":{\"$id\":\"" PQ_REFS "/"));
  for (size_t i = 0; i < id.n; i++) /* no id has control bytes */
    PQ_TRY(id.p[i] == '"' || id.p[i] == '\\' ? pq_buf_printf(out, "\\%c", id.p[i])
                                             : pq_buf_put_byte(out, id.p[i]));
  return pq_buf_put_str(out, "\"},\"hard\":true}}");
}

int pq_refs_put_writes(pq_buf *out, const pq_ref *refs, uint32_t count, const pq_slice *wrong,
                       uint32_t wrong_count) {
  PQ_TRY(pq_buf_put_str(out, "{\"bulkWrite\":\"" PQ_REFS "\",\"actor\":\"system/refs\","
                             "\"validate\":\"off\",\"operations\":["));
  for (uint32_t i = 0; i < count; i++) {
    if (i > 0) PQ_TRY(pq_buf_put_byte(out, ','));
    PQ_TRY(put_record(out, &refs[i]));
  }
  for (uint32_t i = 0; i < wrong_count; i++) {
    if (count + i > 0) PQ_TRY(pq_buf_put_byte(out, ','));
    PQ_TRY(put_removal(out, wrong[i]));
  }
  return pq_buf_put_str(out, "]}");
}

/* ---- behind a commit ---- */

static bool is_due(const pq_event *e) {
  return e->target == PQ_TARGET_REL && pq_id_is_foreign(e->to_id);
}

bool pq_refs_are_due(const pq_command *c) {
  const pq_commit *commit = &c->s.commit;
  for (uint32_t i = 0; i < commit->count; i++)
    if (is_due(&commit->events[i])) return true;
  return false;
}

static int stage_refs_open(pq_op *op);

/* The link is stored: what is wrong with its record is only told. */
static int give_up(pq_command *c) {
  pq_inner_close(c);
  c->s.is_behind = true;
  c->op.stage = c->s.after_refs;
  return PQ_OK;
}

static int stage_refs_write(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = pq_inner_step(c);
  if (rc == PQ_NEED_IO || rc == PQ_YIELD) return rc;
  if (rc < 0 || pq_value_count(pq_object_get_str(pq_command_summary(c->inner), "errors")) > 0)
    return give_up(c);
  pq_inner_close(c);
  op->stage = stage_refs_open;
  return PQ_OK;
}

/* The next events' records as a command. */
static int open_writes(pq_command *c, const pq_ref *refs, uint32_t count) {
  pq_buf text;
  int rc;
  pq_buf_init(&text, c->op.cx, c->op.cx->limits.command_len_max);
  rc = pq_refs_put_writes(&text, refs, count, NULL, 0);
  if (rc == PQ_OK) rc = pq_inner_open(c, pq_str(PQ_SYSTEM_NS), pq_buf_slice(&text));
  pq_buf_release(&text);
  return rc;
}

static int stage_refs_open(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_commit *commit = &c->s.commit;
  pq_ref *refs = pq_arena_calloc(&op->scratch, AT_ONCE, sizeof *refs);
  uint32_t n = 0;
  if (refs == NULL) return give_up(c);
  for (; c->s.refs_next < commit->count && n < AT_ONCE; c->s.refs_next++) {
    const pq_event *e = &commit->events[c->s.refs_next];
    if (!is_due(e)) continue;
    refs[n++] = (pq_ref){.from_ns = pq_str(c->s.space->ns),
                         .from = e->id,
                         .predicate = e->predicate,
                         .reverse = e->reverse,
                         .to = e->to_id,
                         .seq = e->seq,
                         .is_deleted = e->op == PQ_EVENT_DELETE};
  }
  op->stage = n == 0 ? c->s.after_refs : stage_refs_write;
  if (n == 0 || open_writes(c, refs, n) == PQ_OK) return PQ_OK;
  return give_up(c);
}

void pq_refs_begin(pq_command *c, pq_stage_fn after) {
  c->s.refs_next = 0;
  c->s.after_refs = after;
  c->op.stage = stage_refs_open;
}

int pq_refs_put(pq_command *c) {
  return c->s.is_behind ? pq_put_text(c->db->builder, "refs", pq_str("behind")) : PQ_OK;
}
