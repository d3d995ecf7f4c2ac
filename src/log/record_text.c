/* log/record_text.c - the records of files in log entries and checkpoints, read in one walk.
 *
 *   {"entry":40, …,"files":[{"kind":"data","name":"data/…", …},{…}],"collections":[…], …}
 *                           └── straight into pq_file_info ───┘
 *   {"entry":40, …,"files":[],"collections":[…], …}        the rest: a document, as ever
 *
 * Whoever opens a namespace reads a record of every file that it ever had. As parts of a document
 * they cost ten times what this walk does. It knows one form, that of pq_file_info_put: its fields
 * in its order, without spaces and escapes. A text with anything else, or with a record that is not
 * valid, is left to the document's reader as a whole, which takes every form and says what is
 * wrong. So what is accepted, and as what, is the same either way (test/fuzz/fuzz_log_entry.c).
 */
#include <string.h>

#include "log/log_int.h"

enum { HEAD_LEN_MAX = 4096, DIGITS_MAX = 18 };

/* The rest of the text. A part that is not as expected moves nothing, or makes is_other true. */
typedef struct walk {
  const pq_log_doc *d;
  const uint8_t *p, *end;
  bool is_other;
} walk;

static bool take(walk *w, const char *text) {
  size_t n = strlen(text);
  if ((size_t)(w->end - w->p) < n || memcmp(w->p, text, n) != 0) return false;
  w->p += n;
  return true;
}

static void expect(walk *w, const char *text) {
  if (!take(w, text)) w->is_other = true;
}

/* A string without escapes, up to its closing quote. */
static pq_slice read_text(walk *w) {
  const uint8_t *from = w->p, *p = from;
  while (p < w->end && *p != '"' && *p != '\\' && *p >= 0x20)
    p++;
  w->p = p;
  expect(w, "\"");
  return (pq_slice){from, (size_t)(p - from)};
}

static int64_t read_i64(walk *w) {
  bool is_negative = take(w, "-");
  const uint8_t *from = w->p;
  int64_t n = 0;
  while (w->p < w->end && w->p - from < DIGITS_MAX && (uint8_t)(*w->p - '0') < 10)
    n = n * 10 + (*w->p++ - '0');
  if (w->p == from || (*from == '0' && w->p - from > 1)) w->is_other = true;
  return is_negative ? -n : n; /* a 19th digit is no end of a field */
}

static uint64_t read_u64(walk *w) {
  if (w->p < w->end && *w->p == '-') w->is_other = true;
  return (uint64_t)read_i64(w);
}

static uint32_t read_u32(walk *w) {
  uint64_t n = read_u64(w);
  if (n > UINT32_MAX) w->is_other = true;
  return (uint32_t)n;
}

/* Bytes that the record may borrow. */
static int keep(const walk *w, pq_slice in, pq_slice *out) {
  *out = in;
  return w->d->is_text_kept ? PQ_OK : pq_arena_copy(w->d->arena, in, out);
}

static int read_place(walk *w, const pq_file_info *f, pq_bloom_place *out) {
  *out = (pq_bloom_place){.min = f->id_min, .max = f->id_max};
  expect(w, "{\"off\":");
  out->off = read_u64(w);
  expect(w, ",\"len\":");
  out->len = read_u32(w);
  expect(w, ",\"crc\":");
  out->crc = read_u32(w);
  if (take(w, ",\"min\":\"")) {
    PQ_TRY(keep(w, read_text(w), &out->min));
    expect(w, ",\"max\":\"");
    PQ_TRY(keep(w, read_text(w), &out->max));
  }
  if (take(w, ",\"bytes\":\"")) {
    pq_slice digits = read_text(w);
    if (digits.n / 4 > out->len || out->len > PQ_BLOOM_PLACE_LEN_MAX) w->is_other = true;
    if (w->is_other) return PQ_OK;
    PQ_TRY(pq_bloom_bytes_get(w->d->arena, digits, out->len, &out->bytes));
    if (out->bytes.p == NULL) w->is_other = true;
  }
  expect(w, "}");
  return PQ_OK;
}

/* The array behind its bracket. */
static int read_blooms(walk *w, pq_file_info *f) {
  pq_bloom_place places[PQ_FILE_BLOOMS_MAX], *kept;
  uint32_t n = 0, bounded = 0;
  do {
    if (n == PQ_FILE_BLOOMS_MAX) w->is_other = true;
    if (w->is_other) return PQ_OK;
    PQ_TRY(read_place(w, f, &places[n]));
    bounded += places[n++].min.p != f->id_min.p;
  } while (take(w, ","));
  expect(w, "]");
  if (bounded != (n > 1 ? n : 0)) w->is_other = true;
  kept = pq_arena_array(w->d->arena, n, sizeof *kept);
  if (kept == NULL) return w->d->cx->code;
  memcpy(kept, places, n * sizeof *kept);
  f->blooms = kept;
  f->bloom_count = n;
  return PQ_OK;
}

static int read_types(walk *w, pq_file_info *f) {
  pq_slice *types = pq_arena_array(w->d->arena, PQ_FILE_TYPES_MAX, sizeof *types);
  if (types == NULL) return w->d->cx->code;
  do {
    if (f->type_count == PQ_FILE_TYPES_MAX || !take(w, "\"")) w->is_other = true;
    if (w->is_other) return PQ_OK;
    PQ_TRY(keep(w, read_text(w), &types[f->type_count++]));
  } while (take(w, ","));
  expect(w, "]");
  f->types = types;
  return PQ_OK;
}

static int read_ids(walk *w, pq_file_info *f) {
  expect(w, ",\"idMin\":\"");
  PQ_TRY(keep(w, read_text(w), &f->id_min));
  expect(w, ",\"idMax\":\"");
  PQ_TRY(keep(w, read_text(w), &f->id_max));
  if (take(w, ",\"blooms\":[")) PQ_TRY(read_blooms(w, f));
  if (!w->is_other && take(w, ",\"types\":[")) PQ_TRY(read_types(w, f));
  return PQ_OK;
}

static void read_numbers(walk *w, pq_file_info *f) {
  f->has_form = take(w, ",\"formSeq\":");
  if (f->has_form) f->form_seq = read_u64(w);
  expect(w, ",\"len\":");
  f->len = read_u64(w);
  expect(w, ",\"footerLen\":");
  f->footer_len = read_u64(w);
  expect(w, ",\"rows\":");
  f->row_count = read_u64(w);
  f->has_foreign = take(w, ",\"foreign\":true");
  f->has_crc = take(w, ",\"crc\":");
  if (f->has_crc) {
    f->crc = read_u32(w);
    expect(w, ",\"footerCrc\":");
    f->footer_crc = read_u32(w);
  }
  if (!pq_file_has_seqs(f->kind)) return;
  expect(w, ",\"seqLo\":");
  f->seq_lo = read_u64(w);
  expect(w, ",\"seqHi\":");
  f->seq_hi = read_u64(w);
  expect(w, ",\"tsLo\":");
  f->ts_lo = read_i64(w);
  expect(w, ",\"tsHi\":");
  f->ts_hi = read_i64(w);
}

static void read_lifetime(walk *w, pq_file_info *f) {
  expect(w, ",\"added\":");
  f->added = read_u64(w);
  if (!take(w, ",\"removed\":")) return;
  f->removed = read_u64(w);
  if (!take(w, ",\"freedAt\":")) return;
  f->freed_at = read_i64(w);
  if (f->freed_at <= 0) w->is_other = true;
}

static int read_record(walk *w, pq_file_info *out) {
  pq_file_info f = {.removed = PQ_ENTRY_NONE};
  pq_slice name;
  *out = (pq_file_info){0};
  expect(w, "{\"kind\":\"");
  f.kind = pq_file_kind_of(read_text(w));
  expect(w, ",\"name\":\"");
  name = read_text(w);
  if (w->is_other || f.kind == 0) return PQ_OK;
  f.name = pq_arena_str(w->d->arena, name);
  if (f.name == NULL) return w->d->cx->code;
  if (f.kind == PQ_FILE_DATA) {
    expect(w, ",\"collection\":\"");
    PQ_TRY(keep(w, read_text(w), &f.collection));
  }
  read_numbers(w, &f);
  if (pq_file_has_ids(f.kind)) PQ_TRY(read_ids(w, &f));
  if (w->d->is_checkpoint) read_lifetime(w, &f);
  expect(w, "}");
  if (!w->is_other && pq_file_info_defect(w->d->cx, &f) == NULL) *out = f;
  return PQ_OK;
}

/* Behind the bracket of the array `field`, which must stand in the outermost object; NULL. */
static const uint8_t *find_array(pq_slice line, const char *field) {
  size_t head = line.n < HEAD_LEN_MAX ? line.n : HEAD_LEN_MAX, n = strlen(field);
  if (head == 0 || line.p[0] != '{') return NULL;
  for (size_t i = 1; i < head && line.p[i] != '{' && line.p[i] != '\\'; i++) {
    if (line.p[i] != '[') continue;
    if (i < n + 4 || memcmp(line.p + i - n - 4, ",\"", 2) != 0 ||
        memcmp(line.p + i - n - 2, field, n) != 0 || memcmp(line.p + i - 2, "\":", 2) != 0)
      return NULL;
    return line.p + i + 1;
  }
  return NULL;
}

static int grow(pq_arena *arena, pq_file_records *r, uint32_t *cap) {
  uint32_t more = *cap == 0 ? 4 : *cap * 2;
  pq_file_info *files;
  if (r->count < *cap) return PQ_OK;
  files = pq_arena_array(arena, more, sizeof *files);
  if (files == NULL) return arena->cx->code;
  if (r->count > 0) memcpy(files, r->files, r->count * sizeof *files);
  r->files = files;
  *cap = more;
  return PQ_OK;
}

int pq_file_records_read(const pq_log_doc *d, const char *field, pq_slice line,
                         pq_file_records *out) {
  pq_file_records r = {0};
  const uint8_t *from = find_array(line, field);
  walk w = {.d = d, .p = from, .end = line.p + line.n};
  uint32_t cap = 0;
  *out = (pq_file_records){0};
  if (from == NULL) return PQ_OK;
  do {
    PQ_TRY(grow(d->arena, &r, &cap));
    PQ_TRY(read_record(&w, &r.files[r.count]));
    if (w.is_other || r.files[r.count].kind == 0) return PQ_OK;
    r.count++;
  } while (take(&w, ","));
  if (w.p == w.end || *w.p != ']') return PQ_OK;
  r.from = (size_t)(from - line.p);
  r.to = (size_t)(w.p - line.p);
  *out = r;
  return PQ_OK;
}
