/* server/request.c - see request.h. */
#include "server/request.h"

#include <string.h>

#include "server/bson_value.h"
#include "server/capnweb_job.h"
#include "server/native.h"

pq_request *pq_request_new(pq_cx *cx) {
  pq_request *r = pq_alloc(cx, NULL, 0, sizeof *r);
  if (r == NULL) return NULL;
  memset(r, 0, sizeof *r);
  pq_arena_init(&r->arena, cx, cx->limits.op_len_max);
  return r;
}

void pq_request_free(pq_request *r) {
  pq_cx *cx;
  if (r == NULL) return;
  cx = r->arena.cx;
  pq_native_free(r->native);
  pq_arena_release(&r->arena);
  pq_buf_release(&r->answer);
  pq_rpc_request_free(r->rpc);
  pq_alloc(cx, r, sizeof *r, 0);
}

static int put_sequence(pq_builder *b, const pq_wire_sequence *s) {
  pq_slice left = s->documents, document;
  PQ_TRY(pq_builder_key(b, s->name));
  PQ_TRY(pq_builder_begin_array(b));
  while (pq_wire_next(&left, &document))
    PQ_TRY(pq_bson_put(b, document));
  return pq_builder_end(b);
}

/* An OP_QUERY names the database in its collection: "admin.$cmd". */
static int read_db(pq_request *r, const pq_wire_message *m) {
  const uint8_t *dot;
  if (!m->is_query) {
    (void)pq_value_string(pq_object_get_str(r->command, "$db"), &r->db);
    return PQ_OK;
  }
  dot = m->ns.n == 0 ? NULL : memchr(m->ns.p, '.', m->ns.n);
  if (dot == NULL || !pq_slice_is((pq_slice){dot, m->ns.n - (size_t)(dot - m->ns.p)}, ".$cmd"))
    return pq_fail(r->arena.cx, PQ_EUNSUPPORTED,
                   "OP_QUERY is not supported but for commands of old handshakes: use OP_MSG");
  return pq_arena_copy(&r->arena, (pq_slice){m->ns.p, (size_t)(dot - m->ns.p)}, &r->db);
}

int pq_request_read(pq_request *r, pq_builder *b, const pq_wire_message *m) {
  pq_field *fields;
  uint32_t count;
  r->request_id = m->request_id;
  r->is_reply = m->is_query;
  r->is_silent = m->is_silent;
  r->is_compressed = m->is_compressed;
  r->has_checksum = m->has_checksum;
  r->allows_exhaust = m->allows_exhaust;
  r->packer = m->packer;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_bson_put_fields(b, m->body));
  for (uint32_t i = 0; i < m->sequence_count; i++)
    PQ_TRY(put_sequence(b, &m->sequences[i]));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &r->arena, &r->command));
  fields = pq_object_fields(&r->arena, r->command, &count);
  if (fields == NULL || count == 0)
    return pq_fail(r->arena.cx, PQ_EINVALID, "a command is a document whose first field names it");
  r->name = fields[0].name;
  return read_db(r, m);
}
