/* server/fail_point.c - see fail_point.h. */
#include "server/fail_point.h"

#include <string.h>

#include "server/mongo_error.h"

enum { CONFIG_LEN_MAX = 1 << 20 };

struct pq_fail_point {
  pq_arena arena;      /* of `data` */
  pq_builder *builder; /* owned */
  pq_value data;
  bool is_on, is_of_writes,
      is_of_cursors;   /* of writes with a txnNumber: onPrimaryTransactionalWrite */
  int64_t skip, times; /* of the commands that it is about; times -1: all */
};

pq_fail_point *pq_fail_point_new(pq_cx *cx) {
  pq_fail_point *f = pq_alloc(cx, NULL, 0, sizeof *f);
  if (f == NULL) return NULL;
  memset(f, 0, sizeof *f);
  pq_arena_init(&f->arena, cx, CONFIG_LEN_MAX);
  if (pq_builder_new(cx, &f->builder) == PQ_OK) return f;
  pq_alloc(cx, f, sizeof *f, 0);
  return NULL;
}

void pq_fail_point_free(pq_fail_point *f) {
  pq_cx *cx;
  if (f == NULL) return;
  cx = f->arena.cx;
  pq_arena_release(&f->arena);
  pq_builder_free(f->builder);
  pq_alloc(cx, f, sizeof *f, 0);
}

static pq_value field(const pq_fail_point *f, const char *name) {
  return pq_object_get_str(f->data, name);
}

static int64_t number(pq_value v, int64_t otherwise) {
  double d;
  return pq_value_number(v, &d) && d >= 0 && d < INT32_MAX ? (int64_t)d : otherwise;
}

static bool flag(pq_value v) {
  bool is_true = false;
  return pq_value_bool(v, &is_true) && is_true;
}

static int copy(pq_fail_point *f, pq_arena *arena, pq_value v, pq_value *out) {
  *out = (pq_value){0};
  if (pq_value_is_missing(v)) return PQ_OK;
  pq_builder_clear(f->builder);
  PQ_TRY(pq_builder_value(f->builder, v));
  return pq_builder_finish(f->builder, arena, out);
}

/* ---- a command ---- */

static bool is_retryable(const pq_request *r) {
  static const char *const writes[] = {"insert", "update", "delete", "findAndModify", NULL};
  for (size_t i = 0; writes[i] != NULL; i++)
    if (pq_slice_is(r->name, writes[i]))
      return !pq_value_is_missing(pq_object_get_str(r->command, "txnNumber"));
  return false;
}

static bool is_meant(const pq_fail_point *f, const pq_request *r) {
  pq_value names = field(f, "failCommands");
  pq_slice text, app = {0};
  if (f->is_of_writes) return is_retryable(r);
  if (f->is_of_cursors) return pq_slice_is(r->name, "getMore");
  if (pq_value_string(field(f, "appName"), &app) && !pq_slice_is(app, r->client->app)) return false;
  for (uint32_t i = 0; i < pq_value_count(names); i++)
    if (pq_value_string(pq_array_at(names, i), &text) && pq_slice_eq(text, r->name)) return true;
  return false;
}

/* What a server says itself when such an error ends a getMore of a change stream. (MongoDB:
 * isResumableChangeStreamError in error_labels.cpp) */
static int put_resumable(pq_arena *arena, pq_fail_action *a) {
  static const int codes[] = {6,   7,    43,    63,    89,    91,    133,   150,   189, 234,
                              262, 9001, 10107, 11600, 11602, 13388, 13435, 13436, 0};
  pq_builder *b;
  int rc, i = 0;
  while (codes[i] != 0 && codes[i] != a->code)
    i++;
  if (codes[i] == 0) return PQ_OK;
  PQ_TRY(pq_builder_new(arena->cx, &b));
  rc = pq_builder_begin_array(b);
  if (rc == PQ_OK) rc = pq_builder_str(b, "ResumableChangeStreamError");
  if (rc == PQ_OK) rc = pq_builder_end(b);
  if (rc == PQ_OK) rc = pq_builder_finish(b, arena, &a->labels);
  pq_builder_free(b);
  return rc;
}

int pq_fail_point_check(pq_fail_point *f, pq_request *r) {
  pq_fail_action *a = &r->fail;
  if (!f->is_on || !is_meant(f, r)) return PQ_OK;
  if (f->skip > 0) {
    f->skip--;
    return PQ_OK;
  }
  if (f->times > 0 && --f->times == 0) f->is_on = false;
  if (f->is_of_writes) {
    pq_value closes = field(f, "closeConnection");
    a->code = (int)number(field(f, "failBeforeCommitExceptionCode"), 0);
    a->must_close = pq_value_is_missing(closes) || flag(closes);
    a->is_done_first = a->code == 0;
    return PQ_OK;
  }
  a->code = (int)number(field(f, "errorCode"), 0);
  a->must_close = flag(field(f, "closeConnection"));
  if (flag(field(f, "blockConnection"))) a->block_ms = (uint32_t)number(field(f, "blockTimeMS"), 0);
  if (f->is_of_cursors) return put_resumable(&r->arena, a);
  PQ_TRY(copy(f, &r->arena, field(f, "errorLabels"), &a->labels));
  return copy(f, &r->arena, field(f, "writeConcernError"), &a->concern_error);
}

void pq_fail_point_give_back(pq_fail_point *f) {
  if (f->times < 0 || !f->is_of_writes) return;
  f->times++;
  f->is_on = true;
}

/* ---- the order ---- */

static int refuse_unknown(pq_fail_point *f, pq_value data) {
  static const char *const known[] = {"failCommands",
                                      "errorCode",
                                      "closeConnection",
                                      "writeConcernError",
                                      "errorLabels",
                                      "blockConnection",
                                      "blockTimeMS",
                                      "appName",
                                      "errorExtraInfo",
                                      "failInternalCommands",
                                      "threadName",
                                      "failBeforeCommitExceptionCode",
                                      NULL};
  pq_field at;
  for (uint32_t i = 0; pq_object_at(data, i, &at); i++) {
    const char *const *name = known;
    while (*name != NULL && !pq_slice_is(at.name, *name))
      name++;
    if (*name == NULL)
      return pq_fail(f->arena.cx, PQ_EINVALID, "configureFailPoint: data.%.*s is not known",
                     (int)(at.name.n > 40 ? 40 : at.name.n), (const char *)at.name.p);
  }
  return PQ_OK;
}

int pq_fail_point_set(pq_fail_point *f, const pq_request *r, pq_bson_out *o) {
  pq_value mode = pq_object_get_str(r->command, "mode"),
           data = pq_object_get_str(r->command, "data");
  pq_slice name = {0}, text = {0};
  (void)pq_value_string(pq_object_get(r->command, r->name), &name);
  if (!pq_slice_is(name, "failCommand") && !pq_slice_is(name, "onPrimaryTransactionalWrite") &&
      !pq_slice_is(name, "failGetMoreAfterCursorCheckout"))
    return pq_fail(f->arena.cx, PQ_EINVALID,
                   "configureFailPoint: there are failCommand, onPrimaryTransactionalWrite and "
                   "failGetMoreAfterCursorCheckout");
  PQ_TRY(refuse_unknown(f, data));
  f->is_on = true;
  f->is_of_writes = pq_slice_is(name, "onPrimaryTransactionalWrite");
  f->is_of_cursors = pq_slice_is(name, "failGetMoreAfterCursorCheckout");
  f->skip = number(pq_object_get_str(mode, "skip"), 0);
  f->times = number(pq_object_get_str(mode, "times"), -1);
  if (pq_value_type(mode) != PQ_TYPE_OBJECT) {
    bool is_off = pq_value_string(mode, &text) && pq_slice_is(text, "off");
    if (!is_off && !pq_slice_is(text, "alwaysOn"))
      return pq_fail(f->arena.cx, PQ_EINVALID,
                     "configureFailPoint: mode is 'off', 'alwaysOn', {times} or {skip}");
    f->is_on = !is_off;
  }
  if (f->times == 0) f->is_on = false;
  pq_arena_clear(&f->arena);
  PQ_TRY(copy(f, &f->arena, data, &f->data));
  pq_bson_i32(o, "count", 0);
  return PQ_OK;
}
