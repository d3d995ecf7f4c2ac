/* server/mongo_duplicate.c - see mongo_duplicate.h. */
#include "server/mongo_duplicate.h"

#include <stdio.h>
#include <string.h>

#include "value/json.h"

enum { TEXT_LEN_MAX = 1 << 24, DEPTH_MAX = 100 };

/* ---- the shell's text ---- */

static int print(pq_buf *out, pq_value v, int depth);

static int print_fields(pq_buf *out, pq_value v, int depth) {
  pq_arena arena;
  uint32_t count;
  pq_field *fields;
  int rc = PQ_OK;
  pq_arena_init(&arena, out->cx, TEXT_LEN_MAX);
  fields = pq_object_fields(&arena, v, &count);
  if (fields == NULL && pq_value_count(v) > 0) rc = out->cx->code;
  if (rc == PQ_OK) rc = pq_buf_put_byte(out, '{');
  for (uint32_t i = 0; fields != NULL && i < count && rc == PQ_OK; i++) {
    rc = pq_buf_put_str(out, i == 0 ? " " : ", ");
    if (rc == PQ_OK) rc = pq_buf_put_slice(out, fields[i].name);
    if (rc == PQ_OK) rc = pq_buf_put_str(out, ": ");
    if (rc == PQ_OK) rc = print(out, fields[i].value, depth + 1);
  }
  pq_arena_release(&arena);
  PQ_TRY(rc);
  return pq_buf_put_str(out, " }");
}

static int print(pq_buf *out, pq_value v, int depth) {
  pq_slice hex;
  int64_t ms;
  if (pq_value_object_id(v, &hex))
    return pq_buf_printf(out, "ObjectId('%.*s')", (int)hex.n, (const char *)hex.p);
  if (pq_value_date_ms(v, &ms)) return pq_buf_printf(out, "new Date(%lld)", (long long)ms);
  if (depth >= DEPTH_MAX) return pq_buf_put_str(out, "...");
  if (pq_value_type(v) == PQ_TYPE_OBJECT) return print_fields(out, v, depth);
  if (pq_value_type(v) != PQ_TYPE_ARRAY) return pq_json_print(out, v, PQ_JSON_RELAXED);
  PQ_TRY(pq_buf_put_byte(out, '['));
  for (uint32_t i = 0; i < pq_value_count(v); i++) {
    PQ_TRY(pq_buf_put_str(out, i == 0 ? " " : ", "));
    PQ_TRY(print(out, pq_array_at(v, i), depth + 1));
  }
  return pq_buf_put_str(out, " ]");
}

int pq_mongo_shell_print(pq_buf *out, pq_value v) {
  return print(out, v, 0);
}

/* ---- our message ---- */

typedef struct duplicate {
  pq_slice index;        /* its name */
  pq_value pattern, key; /* missing: the message has no room for it */
} duplicate;

/* The JSON object at the beginning of `text`: its length; 0: it does not end. */
static size_t object_len(pq_slice text) {
  bool is_text = false;
  int depth = 0;
  for (size_t i = 0; i < text.n; i++) {
    uint8_t c = text.p[i];
    if (is_text && c == '\\') {
      i++;
    } else if (c == '"') {
      is_text = !is_text;
    } else if (!is_text && c == '{') {
      depth++;
    } else if (!is_text && c == '}' && --depth == 0) {
      return i + 1;
    }
  }
  return 0;
}

/* The next object of the text, which goes on behind it. */
static int take_object(pq_task *t, pq_slice *text, pq_value *out) {
  const uint8_t *brace = text->n == 0 ? NULL : memchr(text->p, '{', text->n);
  size_t len;
  int rc;
  *out = (pq_value){0};
  if (brace == NULL) return PQ_OK;
  *text = (pq_slice){brace, text->n - (size_t)(brace - text->p)};
  len = object_len(*text);
  if (len == 0) return PQ_OK;
  pq_builder_clear(t->mongo->builder);
  rc = pq_json_value(t->mongo->builder, (pq_slice){text->p, len}, &t->arena, out);
  if (rc == PQ_ENOMEM) return rc;
  if (rc != PQ_OK) *out = (pq_value){0};
  *text = (pq_slice){text->p + len, text->n - len};
  return PQ_OK;
}

static const char *find_text(pq_slice in, const char *what) {
  size_t n = strlen(what);
  for (size_t i = 0; i + n <= in.n; i++)
    if (memcmp(in.p + i, what, n) == 0) return (const char *)in.p + i;
  return NULL;
}

static int read_message(pq_task *t, pq_slice message, duplicate *out) {
  static const char mark[] = ": index '";
  const char *at = find_text(message, mark);
  pq_slice rest;
  *out = (duplicate){0};
  if (at == NULL) return PQ_OK;
  at += sizeof mark - 1;
  rest = (pq_slice){(const uint8_t *)at, message.n - (size_t)((const uint8_t *)at - message.p)};
  at = find_text(rest, "' ");
  if (at == NULL) return PQ_OK;
  out->index = (pq_slice){rest.p, (size_t)((const uint8_t *)at - rest.p)};
  rest = (pq_slice){rest.p + out->index.n, rest.n - out->index.n};
  PQ_TRY(take_object(t, &rest, &out->pattern));
  return take_object(t, &rest, &out->key);
}

/* ---- MongoDB's ---- */

static int print_text(pq_task *t, const duplicate *d, pq_buf *text) {
  PQ_TRY(pq_buf_printf(text, "E11000 duplicate key error collection: %s index: %.*s dup key: ",
                       t->full_name, (int)d->index.n, (const char *)d->index.p));
  if (pq_value_is_missing(d->key)) return pq_buf_put_str(text, "{ ... }");
  return pq_mongo_shell_print(text, d->key);
}

static void put_keys(pq_bson_out *o, const duplicate *d) {
  pq_bson_value(o, "keyPattern", d->pattern);
  pq_bson_value(o, "keyValue", d->key);
}

int pq_duplicate_put_id(pq_task *t, pq_bson_out *o, pq_value id) {
  duplicate d = {.index = PQ_SLICE("_id_")};
  pq_builder *b = t->mongo->builder;
  pq_buf text;
  int rc;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "_id"));
  PQ_TRY(pq_builder_value(b, id));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &t->arena, &d.key));
  pq_buf_init(&text, t->mongo->cx, TEXT_LEN_MAX);
  rc = print_text(t, &d, &text);
  pq_bson_begin_object(o, "keyPattern");
  pq_bson_i32(o, "_id", 1);
  pq_bson_end(o);
  pq_bson_value(o, "keyValue", d.key);
  if (rc == PQ_OK) pq_bson_text(o, "errmsg", pq_buf_slice(&text));
  pq_buf_release(&text);
  return rc;
}

/* "stage '$merge': b/~x18… exists already": the collection and the value of its `_id`. */
static int read_existing(pq_task *t, pq_slice message, pq_value *id) {
  static const char end[] = " exists already";
  size_t len = sizeof end - 1, from, n;
  char theirs[PQ_MONGO_NAME_CAP];
  pq_slice name;
  const uint8_t *slash;
  pq_bson_out o;
  pq_buf bson;
  int rc;
  *id = (pq_value){0};
  if (message.n <= len || memcmp(message.p + message.n - len, end, len) != 0) return PQ_OK;
  n = message.n - len;
  for (from = n; from > 0 && message.p[from - 1] != ' ';)
    from--;
  name = (pq_slice){message.p + from, n - from};
  slash = name.n == 0 ? NULL : memchr(name.p, '/', name.n);
  if (slash == NULL) return PQ_OK;
  pq_mongo_name_back((pq_slice){name.p, (size_t)(slash - name.p)}, theirs);
  snprintf(t->full_name, sizeof t->full_name, "%.*s.%.*s", (int)t->request->db.n,
           (const char *)t->request->db.p, PQ_MONGO_NAME_CAP, theirs);
  pq_buf_init(&bson, t->mongo->cx, TEXT_LEN_MAX);
  pq_bson_begin(&o, &bson);
  pq_mongo_put_id(&o, "_id", name);
  rc = pq_bson_finish(&o);
  if (rc == PQ_OK) rc = pq_bson_read(t->mongo->builder, pq_buf_slice(&bson), &t->arena, id);
  pq_buf_release(&bson);
  *id = pq_object_get_str(*id, "_id");
  return rc;
}

int pq_duplicate_put(pq_task *t, pq_bson_out *o, pq_slice message) {
  duplicate d;
  pq_value id;
  pq_buf text;
  int rc;
  PQ_TRY(read_message(t, message, &d));
  PQ_TRY(read_existing(t, message, &id));
  if (d.index.n == 0 && !pq_value_is_missing(id)) return pq_duplicate_put_id(t, o, id);
  if (d.index.n == 0) {
    pq_bson_text(o, "errmsg", message);
    return PQ_OK;
  }
  put_keys(o, &d);
  pq_buf_init(&text, t->mongo->cx, TEXT_LEN_MAX);
  rc = print_text(t, &d, &text);
  if (rc == PQ_OK) pq_bson_text(o, "errmsg", pq_buf_slice(&text));
  pq_buf_release(&text);
  return rc;
}

int pq_duplicate_answer(pq_task *t, const char *message) {
  char kept[PQ_MESSAGE_CAP];
  size_t n = strlen(message);
  if (n >= sizeof kept) n = sizeof kept - 1;
  memcpy(kept, message, n); /* it may stand in the context that fails next */
  kept[n] = '\0';
  if (t->is_writing) pq_bson_abandon(&t->out);
  pq_task_answer(t);
  pq_bson_double(&t->out, "ok", 0);
  PQ_TRY(pq_duplicate_put(t, &t->out, pq_str(kept)));
  pq_bson_i32(&t->out, "code", PQ_MONGO_DUPLICATE_KEY);
  pq_bson_str(&t->out, "codeName", "DuplicateKey");
  t->is_writing = false;
  PQ_TRY(pq_bson_finish(&t->out));
  t->is_done = true;
  return PQ_OK;
}
