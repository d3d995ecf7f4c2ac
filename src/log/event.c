/* log/event.c - words of events and the rules that every event obeys. See event.h. */
#include <string.h>

#include "base/text.h"
#include "log/log_int.h"

static const char *const op_names[] = {NULL, "CREATE", "UPDATE", "DELETE"};
static const char *const target_names[] = {NULL, "entity", "rel", "collection"};

const char *pq_event_op_name(pq_event_op op) {
  return op >= PQ_EVENT_CREATE && op <= PQ_EVENT_DELETE ? op_names[op] : "UNKNOWN";
}

const char *pq_target_name(pq_target t) {
  return t >= PQ_TARGET_ENTITY && t <= PQ_TARGET_COLLECTION ? target_names[t] : "unknown";
}

static int word_of(const char *const names[4], pq_slice word) {
  for (int i = 1; i < 4; i++)
    if (pq_slice_is(word, names[i])) return i;
  return 0;
}

pq_event_op pq_event_op_of(pq_slice word) {
  return (pq_event_op)word_of(op_names, word);
}

pq_target pq_target_of(pq_slice word) {
  return (pq_target)word_of(target_names, word);
}

bool pq_id_split(pq_slice id, pq_slice *collection, pq_slice *local) {
  const uint8_t *slash = id.n == 0 ? NULL : memchr(id.p, '/', id.n);
  *collection = (pq_slice){0};
  *local = (pq_slice){0};
  if (slash == NULL) return false;
  *collection = (pq_slice){id.p, (size_t)(slash - id.p)};
  *local = (pq_slice){slash + 1, id.n - collection->n - 1};
  return true;
}

bool pq_id_split_foreign(pq_slice id, pq_slice *ns, pq_slice *there) {
  pq_slice collection, local;
  bool is_foreign = pq_id_split(id, ns, there) && pq_id_split(*there, &collection, &local);
  if (!is_foreign) *ns = *there = (pq_slice){0};
  return is_foreign;
}

bool pq_id_is_foreign(pq_slice id) {
  pq_slice ns, there;
  return pq_id_split_foreign(id, &ns, &there);
}

static bool id_is_valid(pq_slice id) {
  pq_slice collection, local;
  return pq_id_split(id, &collection, &local) && collection.n > 0 && local.n > 0 &&
         pq_utf8_is_valid(id);
}

static const char *entity_defect(const pq_event *e) {
  if (!id_is_valid(e->id)) return "the id is not collection/localId";
  if (e->predicate.n > 0 || e->reverse.n > 0 || e->to_id.n > 0)
    return "an entity event has the fields of an edge";
  return pq_utf8_is_valid(e->type) ? NULL : "the type is not UTF-8";
}

static const char *rel_defect(const pq_event *e) {
  if (!id_is_valid(e->id)) return "the from id is not collection/localId";
  if (!id_is_valid(e->to_id)) return "the to id is not collection/localId";
  if (e->predicate.n == 0 || !pq_utf8_is_valid(e->predicate))
    return "the predicate is empty or not UTF-8";
  if (!pq_utf8_is_valid(e->reverse)) return "the reverse predicate is not UTF-8";
  return e->type.n == 0 ? NULL : "an edge event has a type";
}

static const char *collection_defect(const pq_event *e) {
  if (e->id.n == 0 || !pq_utf8_is_valid(e->id) || memchr(e->id.p, '/', e->id.n) != NULL)
    return "the id is not the name of a collection";
  if (e->type.n > 0 || e->predicate.n > 0 || e->reverse.n > 0 || e->to_id.n > 0)
    return "a collection event has the fields of an entity or edge";
  return NULL;
}

static const char *target_defect(const pq_event *e) {
  switch (e->target) {
    case PQ_TARGET_ENTITY: return entity_defect(e);
    case PQ_TARGET_REL: return rel_defect(e);
    case PQ_TARGET_COLLECTION: return collection_defect(e);
    default: return "unknown target";
  }
}

const char *pq_event_defect(const pq_cx *cx, const pq_event *e) {
  const char *defect = target_defect(e);
  if (defect != NULL) return defect;
  if (e->op < PQ_EVENT_CREATE || e->op > PQ_EVENT_DELETE) return "unknown op";
  if ((e->seq | e->version | e->txn | e->prev) > INT64_MAX) return "a number has more than 63 bits";
  if (e->seq == 0) return "seq is 0";
  if (e->prev >= e->seq) return "prev is not before seq";
  if (!pq_utf8_is_valid(e->actor) || !pq_utf8_is_valid(e->created_by))
    return "actor or created_by is not UTF-8";
  if (e->where_file.n == 0) return NULL;
  if (e->where_row > INT64_MAX) return "where_row has more than 63 bits";
  return pq_file_name_defect(cx, e->where_file);
}

const char *pq_event_after_defect(const pq_event *e) {
  if (e->target != PQ_TARGET_ENTITY) return NULL;
  if (pq_value_is_missing(e->after))
    return e->op == PQ_EVENT_DELETE ? NULL : "the document is missing";
  return pq_value_is_raw_object(e->after) ? NULL : "the document is no object";
}

void pq_event_ulid(const pq_event *e, char *out) {
  uint8_t rnd[10] = {0};
  for (int i = 0; i < 8; i++)
    rnd[9 - i] = (uint8_t)(e->seq >> (8 * i));
  pq_ulid(e->ts < 0 ? 0 : (uint64_t)(e->ts / 1000), rnd, out);
}

/* The value of a digit of Crockford's base 32 in either case; 32: it is none. */
static uint32_t digit_of(uint8_t c) {
  static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
  const char *at;
  if (c >= 'A' && c <= 'Z') c = (uint8_t)(c - 'A' + 'a');
  at = c == 0 ? NULL : strchr(digits, c);
  return at == NULL ? 32 : (uint32_t)(at - digits);
}

bool pq_event_seq_of_ulid(pq_slice text, uint64_t *seq) {
  uint64_t low = 0; /* the last 64 of 130 bits; the 16 before them are 0 */
  *seq = 0;
  if (text.n != PQ_ULID_LEN) return false;
  for (size_t i = 0; i < PQ_ULID_LEN; i++) {
    uint32_t digit = digit_of(text.p[i]);
    if (digit == 32 || (i == 0 && digit > 7)) return false; /* 128 bits are 7zzz… at most */
    if (i == 10 && digit != 0) return false;                /* 50 bits are behind us */
    if ((i == 11 || i == 12) && digit != 0) return false;
    if (i == 13 && digit > 15) return false; /* the 16th of the zero bits */
    low = low << 5 | digit;
  }
  if (low == 0 || low > INT64_MAX) return false;
  *seq = low;
  return true;
}

int64_t pq_event_ts_of_ulid(pq_slice text) {
  uint64_t ms = 0; /* the first 10 digits are 50 bits, of which 2 are 0 */
  for (size_t i = 0; i < 10; i++)
    ms = ms << 5 | digit_of(text.p[i]);
  return (int64_t)(ms * 1000);
}

int pq_event_check(pq_cx *cx, const pq_event *e) {
  const char *defect = pq_event_defect(cx, e);
  if (defect == NULL) defect = pq_event_after_defect(e);
  if (defect == NULL) return PQ_OK;
  return pq_fail(cx, PQ_EINVALID, "event %llu: %s", (unsigned long long)e->seq, defect);
}
