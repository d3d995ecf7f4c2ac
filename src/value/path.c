/* value/path.c - see path.h. */
#include "value/path.h"

#include <string.h>

/* The index that the digits mean; PQ_PATH_NO_INDEX for anything else. */
static uint32_t index_of(pq_slice name) {
  uint64_t v = 0;
  if (name.n == 0 || name.n > 10 || (name.p[0] == '0' && name.n > 1)) return PQ_PATH_NO_INDEX;
  for (size_t i = 0; i < name.n; i++) {
    if (name.p[i] < '0' || name.p[i] > '9') return PQ_PATH_NO_INDEX;
    v = v * 10 + (uint64_t)(name.p[i] - '0');
  }
  return v < PQ_PATH_NO_INDEX ? (uint32_t)v : PQ_PATH_NO_INDEX;
}

/* Text for messages: at most 40 bytes of it. */
static int shown(pq_slice text) {
  return text.n > 40 ? 40 : (int)text.n;
}

static int split(pq_cx *cx, pq_path *path) {
  const uint8_t *p = path->text.p, *end = p + path->text.n;
  uint32_t count = 0;
  for (;; p++) {
    const uint8_t *dot = memchr(p, '.', (size_t)(end - p));
    pq_slice name = {p, (size_t)((dot == NULL ? end : dot) - p)};
    if (name.n == 0)
      return pq_fail(cx, PQ_EINVALID, "path \"%.*s\" has an empty part", shown(path->text),
                     (const char *)path->text.p);
    path->parts[count++] = (pq_path_part){name, index_of(name)};
    if (dot == NULL) break;
    p = dot;
  }
  path->count = count;
  return PQ_OK;
}

int pq_path_parse(pq_arena *arena, pq_slice text, pq_path *out) {
  pq_cx *cx = arena->cx;
  pq_path path = {0};
  uint64_t count = 1;
  *out = path;
  if (text.n == 0) return pq_fail(cx, PQ_EINVALID, "path \"\" is empty");
  for (size_t i = 0; i < text.n; i++)
    count += text.p[i] == '.';
  if (count > cx->limits.depth_max)
    return pq_fail(cx, PQ_ELIMIT, "path \"%.*s\" has more than %u parts", shown(text),
                   (const char *)text.p, cx->limits.depth_max);
  PQ_TRY(pq_arena_copy(arena, text, &path.text));
  path.parts = pq_arena_calloc(arena, (size_t)count, sizeof *path.parts);
  if (path.parts == NULL) return cx->code;
  PQ_TRY(split(cx, &path));
  *out = path;
  return PQ_OK;
}

pq_value pq_path_get(pq_value v, const pq_path *path) {
  for (uint32_t i = 0; i < path->count && v.p != NULL; i++) {
    const pq_path_part *part = &path->parts[i];
    if (pq_value_is_raw_object(v))
      v = pq_object_get(v, part->name);
    else if (part->index != PQ_PATH_NO_INDEX)
      v = pq_array_at(v, part->index);
    else
      v = (pq_value){0};
  }
  return v;
}
