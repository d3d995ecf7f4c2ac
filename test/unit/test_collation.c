/* test/unit/test_collation.c - texts compared by folded code points; what a collation may say. */
#include "unit.h"
#include "value/builder.h"
#include "value/compare.h"
#include "value/json.h"

static const pq_collation folded = {.is_folded = true};

static int sign(int c) {
  return (c > 0) - (c < 0);
}

static int compare(const char *a, const char *b) {
  int c = pq_text_compare(pq_str(a), pq_str(b), folded);
  CHECK(sign(pq_text_compare(pq_str(b), pq_str(a), folded)) == -sign(c));
  CHECK((c == 0) == (pq_text_hash(pq_str(a), 1, folded) == pq_text_hash(pq_str(b), 1, folded)));
  return sign(c);
}

static void test_collation_fold(void) {
  CHECK(pq_fold('A') == 'a' && pq_fold('Z') == 'z' && pq_fold('[') == '[' && pq_fold('@') == '@');
  CHECK(pq_fold(0xc4) == 0xe4 && pq_fold(0xd7) == 0xd7 && pq_fold(0xe4) == 0xe4);
  CHECK(pq_fold(0x100) == 0x101 && pq_fold(0x101) == 0x101 && pq_fold(0x12e) == 0x12f);
  CHECK(pq_fold(0x178) == 0xff && pq_fold(0x130) == 0x130 && pq_fold(0xb5) == 0x3bc);
  CHECK(pq_fold(0x3a3) == 0x3c3 && pq_fold(0x3c2) == 0x3c3 && pq_fold(0x1e9e) == 0xdf);
  CHECK(pq_fold(0x212a) == 'k' && pq_fold(0x10400) == 0x10428 && pq_fold(0x1e900) == 0x1e922);
  CHECK(pq_fold(0x1f88) == 0x1f80 && pq_fold(0x10ffff) == 0x10ffff);
}

/* Folding twice changes nothing. */
static void test_collation_fold_is_stable(void) {
  for (uint32_t c = 0; c < 0x110000; c++)
    if (pq_fold(pq_fold(c)) != pq_fold(c)) CHECK(c == 0);
}

static void test_collation_compare(void) {
  CHECK(compare("abc", "ABC") == 0);
  CHECK(compare("abc", "ABD") < 0);
  CHECK(compare("a", "B") < 0 && compare("A", "b") < 0);
  CHECK(compare("a", "\xc3\xa1") < 0 && compare("\xc3\xa1", "\xc3\x81") == 0);
  CHECK(compare("", "a") < 0 && compare("", "") == 0 && compare("ab", "A") > 0);
  CHECK(compare("K", "\xe2\x84\xaa") == 0); /* the sign of kelvin: lengths differ */
  CHECK(compare("x\xe2\x84\xaay", "xky") == 0 && compare("x\xe2\x84\xaa", "xkz") < 0);
  CHECK(compare("stra\xc3\x9f"
                "e",
                "STRASSE") > 0); /* simple folding: one code point to one */
  CHECK(compare("\xc3\xa4z", "\xc3\x84Z") == 0 && compare("\xc3\xa4", "\xc3\xa5") < 0);
  CHECK(pq_text_compare(PQ_SLICE("a"), PQ_SLICE("B"), (pq_collation){0}) > 0);
  /* what is no UTF-8 is compared somehow, within its bounds */
  CHECK(compare("\xc3", "\xe2\x84") != 0 && compare("\x84\x84", "\x84") > 0);
}

/* A word as long as the pieces that are hashed, and around them. */
static void test_collation_hash_pieces(void) {
  char lower[200], upper[200];
  for (size_t n = 0; n < sizeof lower; n++) {
    lower[n] = 'q';
    upper[n] = 'Q';
    CHECK(pq_text_hash((pq_slice){(const uint8_t *)lower, n + 1}, 0, folded) ==
          pq_text_hash((pq_slice){(const uint8_t *)upper, n + 1}, 0, folded));
  }
}

static void test_collation_values(void) {
  static const char *const texts[] = {"\"b\"",          "[1, \"B\"]", "{\"x\": \"Y\"}",
                                      "{\"x\": \"y\"}", "[1, \"b\"]", "\"B\"",
                                      "{\"X\": \"y\"}"};
  static const int groups[] = {0, 1, 2, 2, 1, 0, 3};
  enum { COUNT = sizeof texts / sizeof *texts };
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  pq_value v[COUNT];
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  for (int i = 0; i < COUNT; i++)
    CHECK(pq_json_value(b, pq_str(texts[i]), &arena, &v[i]) == PQ_OK);
  for (int i = 0; i < COUNT; i++) {
    for (int k = 0; k < COUNT; k++) {
      bool is_same = groups[i] == groups[k];
      CHECK((pq_value_collate(v[i], v[k], folded) == 0) == is_same);
      CHECK((pq_value_hash_collated(v[i], folded) == pq_value_hash_collated(v[k], folded)) ==
            is_same);
      CHECK((pq_value_compare(v[i], v[k]) == 0) == (i == k));
    }
  }
  pq_builder_free(b);
  pq_arena_release(&arena);
}

/* ---- the specification ---- */

static int parse(const char *text, bool *is_folded, char *message, size_t cap) {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  pq_value v;
  pq_collation out;
  int rc;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  CHECK(pq_json_value(b, pq_str(text), &arena, &v) == PQ_OK);
  rc = pq_collation_parse(&cx, v, &out);
  *is_folded = out.is_folded;
  snprintf(message, cap, "%s", rc == PQ_OK ? "" : cx.msg);
  pq_builder_free(b);
  pq_arena_release(&arena);
  return rc;
}

static bool is_parsed(const char *text, bool want_folded) {
  char message[512];
  bool is_folded;
  return parse(text, &is_folded, message, sizeof message) == PQ_OK && is_folded == want_folded;
}

static bool fails(const char *text, int code, const char *part) {
  char message[512];
  bool is_folded;
  int rc = parse(text, &is_folded, message, sizeof message);
  bool out = rc == code && !is_folded && strstr(message, part) != NULL;
  if (!out) fprintf(stderr, "%s: %s\n", text, message);
  return out;
}

static void test_collation_parse(void) {
  CHECK(is_parsed("{\"locale\": \"simple\"}", false));
  CHECK(is_parsed("{\"locale\": \"en\", \"strength\": 2}", true));
  CHECK(
      is_parsed("{\"locale\": \"en_US\", \"strength\": 2.0, \"caseLevel\": false, "
                "\"caseFirst\": \"off\", \"numericOrdering\": false, "
                "\"alternate\": \"non-ignorable\", \"backwards\": false, "
                "\"normalization\": false}",
                true));
  CHECK(is_parsed("{\"locale\": \"en\"}", true));
  CHECK(is_parsed("{\"locale\": \"en\", \"strength\": 3}", true));
  CHECK(fails("{\"locale\": \"en\", \"strength\": 4}", PQ_EUNSUPPORTED, "strength 4"));
  CHECK(fails("{\"locale\": \"en\", \"strength\": 1}", PQ_EUNSUPPORTED, "strength 1"));
  CHECK(fails("{\"locale\": \"en\", \"strength\": 6}", PQ_EINVALID, "'strength' is 1"));
  CHECK(fails("{\"locale\": \"en\", \"strength\": 2.5}", PQ_EINVALID, "'strength' is 1"));
  CHECK(fails("{\"locale\": \"en\", \"strength\": \"2\"}", PQ_EINVALID, "needs a number"));
  CHECK(fails("{\"locale\": \"simple\", \"strength\": 2}", PQ_EINVALID, "no other options"));
  CHECK(fails("{\"strength\": 2}", PQ_EINVALID, "'locale' is missing"));
  CHECK(fails("{\"locale\": 5}", PQ_EINVALID, "'locale' is missing"));
  CHECK(fails("{\"locale\": \"\"}", PQ_EINVALID, "is no locale"));
  CHECK(fails("{\"locale\": \"english\", \"strength\": 2}", PQ_EINVALID, "is no locale"));
  CHECK(fails("{\"locale\": \"tr\", \"strength\": 2}", PQ_EUNSUPPORTED, "'tr'"));
  CHECK(fails("{\"locale\": \"en\", \"strenth\": 2}", PQ_EINVALID, "did you mean 'strength'"));
  CHECK(fails("{\"locale\": \"en\", \"numericOrdering\": true}", PQ_EUNSUPPORTED,
              "'numericOrdering'"));
  CHECK(fails("{\"locale\": \"en\", \"caseFirst\": \"upper\"}", PQ_EUNSUPPORTED, "'caseFirst'"));
  CHECK(fails("{\"locale\": \"en\", \"backwards\": 1}", PQ_EINVALID, "true or false"));
  CHECK(fails("{\"locale\": \"en\", \"maxVariable\": \"punct\"}", PQ_EUNSUPPORTED, "maxVariable"));
  CHECK(fails("[]", PQ_EINVALID, "must be an object"));
}

/* Strength 3: the order of strength 2, and what is equal there by its case. */
static void test_collation_case(void) {
  static const char *const sorted[] = {"",   "a", "A", "ab", "aB",     "Ab",     "AB",
                                       "Az", "b", "B", "Z",  "\u00e1", "\u00c1", "\u00e1a"};
  static const pq_collation minding = {.is_folded = true, .minds_case = true};
  enum { COUNT = sizeof sorted / sizeof *sorted };
  for (int i = 0; i < COUNT; i++) {
    for (int k = 0; k < COUNT; k++) {
      int c = sign(pq_text_compare(pq_str(sorted[i]), pq_str(sorted[k]), minding));
      CHECK(c == (i > k) - (i < k));
      CHECK((c == 0) == (pq_text_hash(pq_str(sorted[i]), 1, minding) ==
                         pq_text_hash(pq_str(sorted[k]), 1, minding)));
    }
  }
}

int main(void) {
  RUN(test_collation_case);
  RUN(test_collation_fold);
  RUN(test_collation_fold_is_stable);
  RUN(test_collation_compare);
  RUN(test_collation_hash_pieces);
  RUN(test_collation_values);
  RUN(test_collation_parse);
  return unit_end();
}
