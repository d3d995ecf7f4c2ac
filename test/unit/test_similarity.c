/* test/unit/test_similarity.c - how alike texts are: values that are known, and what always holds.
 */
#include <string.h>

#include "unit.h"
#include "value/similarity.h"

static double of(const char *a, const char *b) {
  double s = pq_similarity(pq_str(a), pq_str(b));
  double back = pq_similarity(pq_str(b), pq_str(a));
  CHECK(s >= 0 && s <= 1 && s - back < 1e-12 && back - s < 1e-12);
  return s;
}

static bool is(double a, double b) {
  return a - b < 5e-5 && b - a < 5e-5;
}

/* Winkler's own examples. */
static void test_similarity_known(void) {
  CHECK(is(of("MARTHA", "MARHTA"), 0.9611));
  CHECK(is(of("DWAYNE", "DUANE"), 0.84));
  CHECK(is(of("DIXON", "DICKSONX"), 0.8133));
  CHECK(is(of("JONES", "JOHNSON"), 0.8324));
  CHECK(is(of("ABROMS", "ABRAMS"), 0.9222));
  CHECK(is(of("JERALDINE", "GERALDINE"), 0.9259));
  CHECK(is(of("SHACKLEFORD", "SHACKELFORD"), 0.9818));
  CHECK(is(of("abc", "xyz"), 0));
}

static void test_similarity_folds(void) {
  CHECK(of("Graph Databases", "graph   DATABASES") == 1);
  CHECK(of("  x y\t", "X\nY") == 1);
  CHECK(of("\xc3\x84rger", "\xc3\xa4RGER") == 1);
  CHECK(of("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80") == 1);
  CHECK(of("\xce\xa3\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x82",
           "\xcf\x83\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x83") == 1);
  CHECK(of("\xc3\xa4\xc3\xb6", "ao") == 0);
}

static void test_similarity_ends(void) {
  char a[4000], b[4000];
  CHECK(of("", "") == 1 && of("", "a") == 0 && of(" ", "") == 1 && of("a", "a") == 1);
  CHECK(of("a", "b") == 0);
  memset(a, 'x', sizeof a);
  memset(b, 'x', sizeof b);
  a[sizeof a - 1] = b[sizeof b - 1] = '\0';
  b[3000] = 'y'; /* behind what counts */
  CHECK(of(a, b) == 1);
  b[100] = 'y';
  CHECK(of(a, b) > 0.9 && of(a, b) < 1);
  CHECK(pq_similarity((pq_slice){(const uint8_t *)"\xf0\xc3\xff", 3}, pq_str("a")) == 0);
  CHECK(pq_similarity((pq_slice){0}, (pq_slice){0}) == 1);
}

int main(void) {
  RUN(test_similarity_known);
  RUN(test_similarity_folds);
  RUN(test_similarity_ends);
  return unit_end();
}
