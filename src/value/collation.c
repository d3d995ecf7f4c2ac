/* value/collation.c - see collation.h.
 *
 * Bytes are compared first; from the first difference on, stepped back to where its code point
 * begins, both sides are folded code point by code point:
 *
 *     s t r a s s e            what is equal in bytes is equal folded
 *     s t r A s e              a = A, then s > e
 *
 * Runs of the table are found by halving; ASCII does not need it. Pure functions. Text is valid
 * UTF-8 (pq_value_check); other bytes give an order too, and nothing is read out of bounds.
 */
#include "value/collation.h"

#include "base/hash.h"
#include "base/text.h"
#include "value/fold_table.h"
#include "value/variant_int.h"

/* ---- the specification ---- */

static const char *const options[] = {"locale",          "strength",  "caseLevel",   "caseFirst",
                                      "numericOrdering", "alternate", "maxVariable", "backwards",
                                      "normalization",   NULL};

/* Languages whose dotted and dotless i fold otherwise than simple case folding does. */
static const char *const turkic[] = {"tr", "az", NULL};

/* Switches and words that we know only as ICU has them when nothing is said. */
typedef struct fixed_option {
  const char *name, *word; /* NULL: a bool, false */
} fixed_option;
static const fixed_option fixed_options[] = {{"caseLevel", NULL},  {"numericOrdering", NULL},
                                             {"backwards", NULL},  {"normalization", NULL},
                                             {"caseFirst", "off"}, {"alternate", "non-ignorable"}};

static int check_fixed(pq_cx *cx, const fixed_option *o, pq_value v) {
  pq_slice text;
  bool is_on;
  if (o->word == NULL) {
    if (!pq_value_bool(v, &is_on))
      return pq_fail(cx, PQ_EINVALID, "collation: option '%s' needs true or false", o->name);
    if (!is_on) return PQ_OK;
    return pq_fail(cx, PQ_EUNSUPPORTED, "collation: option '%s' is not supported yet", o->name);
  }
  if (!pq_value_string(v, &text))
    return pq_fail(cx, PQ_EINVALID, "collation: option '%s' needs a string", o->name);
  if (pq_slice_is(text, o->word)) return PQ_OK;
  return pq_fail(cx, PQ_EUNSUPPORTED, "collation: option '%s' is supported as '%s' only", o->name,
                 o->word);
}

static int check_option(pq_cx *cx, pq_slice name, pq_value v) {
  const char *nearest;
  for (size_t i = 0; i < sizeof fixed_options / sizeof *fixed_options; i++)
    if (pq_slice_is(name, fixed_options[i].name)) return check_fixed(cx, &fixed_options[i], v);
  if (pq_slice_is(name, "locale") || pq_slice_is(name, "strength")) return PQ_OK;
  if (pq_slice_is(name, "maxVariable"))
    return pq_fail(cx, PQ_EUNSUPPORTED, "collation: option 'maxVariable' is not supported yet");
  nearest = pq_nearest(name, options);
  return pq_fail(cx, PQ_EINVALID, "collation: unknown option '%.*s'%s%s%s",
                 (int)pq_utf8_prefix(name, 40), (const char *)name.p,
                 nearest == NULL ? "" : ": did you mean '", nearest == NULL ? "" : nearest,
                 nearest == NULL ? "" : "'?");
}

static bool is_letter(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "en", "en_US", "de@collation=phonebook": only what begins like the name of a language. */
static int check_locale(pq_cx *cx, pq_slice locale) {
  size_t n = 0;
  while (n < locale.n && is_letter(locale.p[n]))
    n++;
  if (n < 2 || n > 3 || (n < locale.n && locale.p[n] != '_' && locale.p[n] != '-'))
    return pq_fail(cx, PQ_EINVALID, "collation: '%.*s' is no locale",
                   (int)pq_utf8_prefix(locale, 40), (const char *)locale.p);
  for (size_t i = 0; turkic[i] != NULL; i++)
    if (pq_slice_is((pq_slice){locale.p, n}, turkic[i]))
      return pq_fail(cx, PQ_EUNSUPPORTED,
                     "collation: locale '%s' is not supported yet: its i folds in its own way",
                     turkic[i]);
  return PQ_OK;
}

static int check_strength(pq_cx *cx, pq_value v, bool *minds_case) {
  double strength = 3; /* ICU's default */
  if (!pq_value_is_missing(v) && !pq_value_number(v, &strength))
    return pq_fail(cx, PQ_EINVALID, "collation: option 'strength' needs a number");
  if (!(strength >= 1 && strength <= 5) || (double)(int)strength != strength)
    return pq_fail(cx, PQ_EINVALID, "collation: option 'strength' is 1, 2, 3, 4 or 5");
  *minds_case = strength == 3;
  if (strength == 2 || strength == 3) return PQ_OK;
  return pq_fail(cx, PQ_EUNSUPPORTED,
                 "collation: strength %d is not supported yet, only 2, 3 and {locale: \"simple\"}",
                 (int)strength);
}

int pq_collation_parse(pq_cx *cx, pq_value spec, pq_collation *out) {
  pq_slice locale;
  pq_field field;
  pq_walk w;
  *out = (pq_collation){0};
  if (pq_value_is_missing(spec)) return PQ_OK;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT)
    return pq_fail(cx, PQ_EINVALID, "a collation must be an object, not %s",
                   pq_type_name(pq_value_type(spec)));
  pq_walk_init(&w, spec);
  while (pq_walk_next(&w, &field))
    PQ_TRY(check_option(cx, field.name, field.value));
  if (!pq_value_string(pq_object_get_str(spec, "locale"), &locale))
    return pq_fail(cx, PQ_EINVALID, "collation: option 'locale' is missing or no string");
  if (pq_slice_is(locale, "simple")) {
    if (pq_value_count(spec) == 1) return PQ_OK;
    return pq_fail(cx, PQ_EINVALID, "collation: the locale 'simple' takes no other options");
  }
  PQ_TRY(check_locale(cx, locale));
  PQ_TRY(check_strength(cx, pq_object_get_str(spec, "strength"), &out->minds_case));
  out->is_folded = true;
  return PQ_OK;
}

/* ---- folding ---- */

uint32_t pq_fold(uint32_t code_point) {
  size_t low = 0, high = sizeof fold_runs / sizeof *fold_runs;
  uint32_t off;
  const fold_run *run;
  if (code_point < 128)
    return code_point >= 'A' && code_point <= 'Z' ? code_point + 32 : code_point;
  while (high - low > 1) { /* the last run that begins at or before the code point */
    size_t middle = low + (high - low) / 2;
    if (fold_runs[middle].first <= code_point) {
      low = middle;
    } else {
      high = middle;
    }
  }
  run = &fold_runs[low];
  off = code_point - run->first;
  if (off % run->stride != 0 || off / run->stride >= run->count) return code_point;
  return (uint32_t)((int64_t)code_point + run->delta);
}

static bool is_tail(uint8_t c) {
  return (c & 0xc0) == 0x80;
}

/* Take the first code point of `s`, which is not empty. */
static uint32_t next_code_point(pq_slice *s) {
  uint32_t c = s->p[0];
  size_t n = 1;
  if (c >= 0xc0) {
    c &= c >= 0xf0 ? 0x07 : c >= 0xe0 ? 0x0f : 0x1f;
    for (; n < s->n && n < 4 && is_tail(s->p[n]); n++)
      c = c << 6 | (s->p[n] & 0x3f);
  }
  s->p += n;
  s->n -= n;
  return c;
}

/* Which of two code points that are folded alike comes first: the small letter. */
static int compare_case(uint32_t x, uint32_t y) {
  bool is_small = pq_fold(x) == x, is_other_small = pq_fold(y) == y;
  if (is_small != is_other_small) return is_small ? -1 : 1;
  return (x > y) - (x < y);
}

int pq_text_compare(pq_slice a, pq_slice b, pq_collation collation) {
  size_t same = 0, shorter = a.n < b.n ? a.n : b.n;
  int tie = 0;
  if (!collation.is_folded) return pq_slice_cmp(a, b);
  while (same < shorter && a.p[same] == b.p[same])
    same++;
  if (same == a.n || same == b.n) return (a.n > b.n) - (a.n < b.n);
  while (same > 0 && (is_tail(a.p[same]) || is_tail(b.p[same])))
    same--;
  a = (pq_slice){a.p + same, a.n - same};
  b = (pq_slice){b.p + same, b.n - same};
  while (a.n > 0 && b.n > 0) {
    uint32_t x = next_code_point(&a), y = next_code_point(&b);
    if (pq_fold(x) != pq_fold(y)) return pq_fold(x) < pq_fold(y) ? -1 : 1;
    if (tie == 0 && collation.minds_case) tie = compare_case(x, y);
  }
  return a.n == b.n ? tie : (a.n > 0) - (b.n > 0);
}

uint64_t pq_text_hash(pq_slice text, uint64_t seed, pq_collation collation) {
  uint8_t piece[256];
  size_t n = 0;
  if (!collation.is_folded || collation.minds_case) return pq_hash(text, seed);
  while (text.n > 0) {
    uint32_t c = pq_fold(next_code_point(&text));
    pq_wr32(piece + n, c);
    n += 4;
    if (n < sizeof piece) continue;
    seed = pq_hash((pq_slice){piece, n}, seed);
    n = 0;
  }
  return pq_hash((pq_slice){piece, n}, seed);
}
