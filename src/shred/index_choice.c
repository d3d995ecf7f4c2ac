/* shred/index_choice.c - statistics of paths, and which of them get a column.
 *
 *   {"n": 1, "a": {"s": "x", "t": []}}     n: int64 1    a.s: string 1, 1 byte    a.t: array 1
 *
 * A path is judged by what a sample of documents holds there: a column is worth its bytes when most
 * documents have a value that fits. The verdict says why not, for whoever asks (`stats`).
 */
#include <string.h>

#include "base/hash.h"
#include "shred/index_column.h"

enum {
  SAMPLE_MAX = 4096,      /* documents looked at, */
  SAMPLE_AGAIN = 1024,    /* where earlier ones have chosen */
  PATHS_MAX = 512,        /* different paths counted */
  PATH_DEPTH_MAX = 4,     /* objects on the way */
  PATH_LEN_MAX = 120,     /* bytes of a path */
  TEXT_LEN_AVERAGE = 64,  /* longer text is not chosen, */
  PROSE_LEN_AVERAGE = 40, /* nor sentences of which few repeat: nobody compares them as a whole */
  REPEATS_LOOKED = 64, /* texts that are compared with earlier ones, by their hashes in so many */
  SEEN_BITS = 256,     /* bits */
  KINDS = PQ_INDEX_OBJECT_ID + 1
};

typedef struct path_stat {
  pq_slice path;
  uint32_t count[KINDS]; /* values by type; [0]: anything that no column holds */
  uint32_t nulls, arrays;
  uint64_t text_len;
  uint32_t spaced; /* texts with a blank */
  uint32_t looked, repeats;
  uint8_t seen[SEEN_BITS / 8];
} path_stat;

struct pq_index_survey {
  pq_arena *arena;  /* borrowed: the paths */
  path_stat *stats; /* PATHS_MAX */
  uint32_t count, documents;
  char text[PATH_LEN_MAX + 1]; /* the path of the walk */
};

/* ---- counting ---- */

static path_stat *stat_of(pq_index_survey *c, pq_slice path) {
  path_stat *s;
  for (uint32_t i = 0; i < c->count; i++)
    if (pq_slice_eq(c->stats[i].path, path)) return &c->stats[i];
  if (c->count == PATHS_MAX) return NULL;
  s = &c->stats[c->count];
  *s = (path_stat){0};
  if (pq_arena_copy(c->arena, path, &s->path) != PQ_OK) return NULL;
  c->count++;
  return s;
}

/* Names that can stand in a dotted path. Not those of system fields: where a document lacks one, a
 * filter means the system field, which no index column knows. */
static bool is_name_usable(pq_slice name, size_t prefix_len) {
  if (name.n == 0 || name.p[0] == '$' || memchr(name.p, '.', name.n) != NULL) return false;
  if (prefix_len == 0 && pq_index_is_system(name)) return false;
  return prefix_len + 1 + name.n <= PATH_LEN_MAX;
}

/* A text that is taken for a repetition though it is none is one in eight at most. */
static void count_text(path_stat *s, pq_slice text) {
  uint64_t bit;
  s->text_len += text.n;
  s->spaced += text.n > 0 && memchr(text.p, ' ', text.n) != NULL;
  if (s->looked == REPEATS_LOOKED) return;
  bit = pq_hash(text, 0) % SEEN_BITS;
  s->repeats += s->seen[bit / 8] >> bit % 8 & 1;
  s->seen[bit / 8] |= (uint8_t)(1u << bit % 8);
  s->looked++;
}

static void count_value(path_stat *s, pq_value v) {
  pq_slice string;
  s->count[pq_index_type_of(v)]++;
  s->nulls += pq_value_type(v) == PQ_TYPE_NULL;
  s->arrays += pq_value_type(v) == PQ_TYPE_ARRAY;
  if (pq_value_string(v, &string)) count_text(s, string);
}

static int walk(pq_index_survey *c, pq_arena *scratch, pq_value object, size_t prefix_len,
                unsigned depth) {
  uint32_t n;
  pq_field *fields = pq_object_fields(scratch, object, &n);
  if (fields == NULL && pq_value_count(object) > 0) return scratch->cx->code;
  for (uint32_t i = 0; i < n; i++) {
    pq_slice name = fields[i].name;
    pq_value v = fields[i].value;
    size_t len = prefix_len;
    path_stat *s;
    if (!is_name_usable(name, prefix_len)) continue;
    if (len > 0) c->text[len++] = '.';
    memcpy(c->text + len, name.p, name.n);
    len += name.n;
    if (pq_value_type(v) == PQ_TYPE_OBJECT) {
      if (depth + 1 < PATH_DEPTH_MAX) PQ_TRY(walk(c, scratch, v, len, depth + 1));
      continue;
    }
    s = stat_of(c, (pq_slice){(const uint8_t *)c->text, len});
    if (s != NULL) count_value(s, v);
  }
  return PQ_OK;
}

int pq_index_survey_new(pq_arena *arena, pq_index_survey **out) {
  pq_index_survey *c = *out = pq_arena_calloc(arena, 1, sizeof *c);
  if (c == NULL) return arena->cx->code;
  c->arena = arena;
  c->stats = pq_arena_calloc(arena, PATHS_MAX, sizeof *c->stats);
  return c->stats == NULL ? arena->cx->code : PQ_OK;
}

int pq_index_survey_add(pq_index_survey *c, pq_arena *scratch, pq_value doc) {
  c->documents++;
  return walk(c, scratch, doc, 0, 0);
}

uint32_t pq_index_survey_documents(const pq_index_survey *c) {
  return c->documents;
}

/* ---- judging ---- */

/* The one type that fits a path; 0: there are several, or none. */
static pq_index_type only_type(const path_stat *s) {
  pq_index_type type = 0;
  for (int t = 1; t < KINDS; t++) {
    if (s->count[t] == 0) continue;
    if (type != 0 && !(type == PQ_INDEX_INT64 && t == PQ_INDEX_DOUBLE)) return 0;
    type = (pq_index_type)t;
  }
  return type;
}

static bool is_prose(const path_stat *s) {
  uint32_t texts = s->count[PQ_INDEX_STRING];
  return s->text_len > (uint64_t)PROSE_LEN_AVERAGE * texts && s->spaced > texts / 2 &&
         s->repeats < s->looked / 2;
}

static void judge(const pq_index_survey *c, const path_stat *s, pq_index_verdict *out) {
  uint32_t fitting = 0, texts = s->count[PQ_INDEX_STRING];
  for (int t = 1; t < KINDS; t++)
    fitting += s->count[t];
  *out = (pq_index_verdict){.path = s->path,
                            .type = only_type(s),
                            .documents = fitting + s->count[0],
                            .nulls = s->nulls,
                            .arrays = s->arrays,
                            .text_len = texts == 0 ? 0 : (double)s->text_len / texts};
  if (s->count[0] > 0)
    out->reason = PQ_INDEX_IS_OTHER;
  else if (out->type == 0)
    out->reason = PQ_INDEX_IS_MIXED;
  else if (fitting * 2 < c->documents)
    out->reason = PQ_INDEX_IS_RARE;
  else if (out->type == PQ_INDEX_STRING && s->text_len > (uint64_t)TEXT_LEN_AVERAGE * texts)
    out->reason = PQ_INDEX_IS_LONG;
  else if (out->type == PQ_INDEX_STRING && is_prose(s))
    out->reason = PQ_INDEX_IS_PROSE;
}

bool pq_index_survey_path(const pq_index_survey *c, uint32_t i, pq_index_verdict *out) {
  *out = (pq_index_verdict){0};
  if (i >= c->count) return false;
  judge(c, &c->stats[i], out);
  return true;
}

/* Is there a column that a filter on the path can use? */
static bool is_chosen(const pq_index_column *columns, uint32_t count, pq_slice path) {
  for (uint32_t i = 0; i < count; i++)
    if (pq_index_is_pushed(columns[i].type) && pq_slice_eq(columns[i].path, path)) return true;
  return false;
}

static bool is_wanted(const pq_index_wanted *wanted, pq_slice path) {
  for (uint32_t i = 0; i < wanted->count; i++)
    if (pq_slice_eq(wanted->paths[i], path)) return true;
  return false;
}

int pq_index_choose(pq_arena *arena, const pq_value *docs, uint32_t count,
                    const pq_index_column *old, uint32_t old_count, pq_index_column **out,
                    uint32_t *out_count) {
  return pq_index_choose_with(arena, docs, count, old, old_count, &(pq_index_wanted){0}, out,
                              out_count);
}

int pq_index_choose_with(pq_arena *arena, const pq_value *docs, uint32_t count,
                         const pq_index_column *old, uint32_t old_count,
                         const pq_index_wanted *wanted, pq_index_column **out,
                         uint32_t *out_count) {
  uint32_t step = count / (old_count > 0 ? SAMPLE_AGAIN : SAMPLE_MAX) + 1, chosen = 0;
  pq_index_survey *survey;
  pq_index_verdict v;
  *out = NULL;
  *out_count = 0;
  for (uint32_t i = 0; i < old_count; i++)
    chosen += old[i].name.n == 0;
  PQ_TRY(pq_index_survey_new(arena, &survey));
  *out = pq_arena_calloc(arena, (size_t)old_count + PQ_INDEX_COLUMNS_MAX + wanted->count,
                         sizeof **out);
  if (*out == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < count; i += step)
    PQ_TRY(pq_index_survey_add(survey, arena, docs[i]));
  if (old_count > 0) memcpy(*out, old, old_count * sizeof *old);
  *out_count = old_count;
  for (uint32_t i = 0; pq_index_survey_path(survey, i, &v); i++) {
    bool is_good = v.reason == PQ_INDEX_FITS && chosen < PQ_INDEX_COLUMNS_MAX;
    if (*out_count >= PQ_COLLECTION_COLUMNS_MAX) break;
    is_good = is_good || (v.type != 0 && is_wanted(wanted, v.path));
    if (!is_good || is_chosen(*out, *out_count, v.path)) continue;
    (*out)[(*out_count)++] = (pq_index_column){
        .path = v.path, .type = v.type, .field_id = PQ_INDEX_FIELD_ID_FIRST + (int32_t)chosen++};
  }
  return PQ_OK;
}
