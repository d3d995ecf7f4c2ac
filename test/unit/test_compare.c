/* MongoDB's order: values written in ascending order, each line of equals; hashes of equals. */
#include "base/text.h"
#include "unit.h"
#include "value/compare.h"
#include "value/json.h"

static pq_cx cx;
static pq_builder *b;
static pq_arena arena;

static void begin(void) {
  unit_cx_init(&cx);
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  pq_arena_init(&arena, &cx, 1u << 28);
}

static void end(void) {
  pq_builder_free(b);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

static pq_value value(const char *text) {
  pq_value v;
  CHECK(pq_json_value(b, pq_str(text), &arena, &v) == PQ_OK);
  if (v.p == NULL) fprintf(stderr, "%s\n", cx.msg);
  return v;
}

#define DEC(x) "{\"$numberDecimal\":\"" x "\"}"
#define DBL(x) "{\"$numberDouble\":\"" x "\"}"
#define LONG(x) "{\"$numberLong\":\"" x "\"}"
#define DATE(x) "{\"$date\":{\"$numberLong\":\"" x "\"}}"
#define BIN(x, t) "{\"$binary\":{\"base64\":\"" x "\",\"subType\":\"" t "\"}}"
#define OID(x) "{\"$oid\":\"" x "\"}"
#define RE(p, o) "{\"$regularExpression\":{\"pattern\":\"" p "\",\"options\":\"" o "\"}}"

/* Groups of equal values, ascending; NULL ends a group. */
static const char *const order[] = {
    "{\"$minKey\":1}", NULL, "null", "{\"$undefined\":true}", NULL,
    /* numbers: rules 2 and 3 */
    DBL("NaN"), DEC("NaN"), NULL, DBL("-Infinity"), DEC("-Infinity"), NULL, DEC("-1E+6000"), NULL,
    DBL("-1.7976931348623157e308"), NULL, LONG("-9223372036854775808"), DBL("-9223372036854775808"),
    DEC("-9223372036854775808"), NULL, DEC("-1.5"), "-1.5", DEC("-1.50"), NULL, "-1", DEC("-1.00"),
    DBL("-1"), NULL, DEC("-1E-6000"), NULL, "0", DBL("-0.0"), DEC("0.00"), DEC("-0"), "0.0",
    LONG("0"), NULL, DEC("1E-6000"), NULL, "5e-324", NULL, DEC("0.1"), DEC("0.10"), NULL,
    DEC("0.1000000000000000055511151231257827021"), NULL, "0.1",
    NULL, /* 0.10000000000000000555111512312578270211815834… */
    DEC("0.1000000000000000055511151231257827022"), NULL, "0.5", DEC("0.5"), DEC("0.5000"), NULL,
    "1", "1.0", LONG("1"), DEC("1"), DEC("1.000"), NULL, "9007199254740992", "9007199254740992.0",
    DEC("9007199254740992"), NULL, "9007199254740993", DEC("9007199254740993"),
    DEC("9007199254740993.0"), NULL, "9007199254740994", "9007199254740994.0", NULL,
    "9223372036854775807", DEC("9223372036854775807"), NULL, DBL("9223372036854775808"),
    DEC("9223372036854775808"), NULL, "1e38", DEC("99999999999999997748809823456034029568"), NULL,
    DEC("99999999999999999999999999999999999999"), NULL, DEC("1E+300"), NULL, "1e300", NULL,
    "1.7976931348623157e308", NULL, DEC("1.8E+308"), NULL, DBL("Infinity"), DEC("Infinity"), NULL,
    /* strings: rule 4 */
    "\"\"", NULL, "\"B\"", NULL, "\"a\"", "{\"$symbol\":\"a\"}", NULL, "\"aa\"", NULL, "\"z\"",
    NULL, "\"\xc3\xa9\"", NULL,
    /* objects: rule 5 */
    "{}", NULL, "{\"a\":1}", "{\"a\":1.0}", NULL, "{\"a\":1,\"b\":2}", NULL, "{\"b\":1}", NULL,
    "{\"b\":2,\"a\":1}", NULL, "{\"a\":\"x\"}", NULL, "{\"b\":\"a\"}", NULL,
    /* arrays */
    "[]", NULL, "[1]", "[1.0]", NULL, "[1,2]", NULL, "[2]", NULL, "[\"a\"]", NULL, "[[]]", NULL,
    /* binary: rule 6: length, subtype, bytes */
    BIN("", "00"), NULL, BIN("/w==", "00"), NULL, BIN("AA==", "05"), NULL, BIN("AQ==", "05"), NULL,
    BIN("AAA=", "00"), NULL, BIN("ABEiM0RVZneImaq7zN3u/w==", "04"),
    "{\"$uuid\":\"00112233-4455-6677-8899-aabbccddeeff\"}", NULL, OID("000000000000000000000001"),
    NULL, OID("0123456789abcdef01234567"), OID("0123456789ABCDEF01234567"), NULL, "false", NULL,
    "true", NULL, DATE("-9223372036854775808"), NULL, DATE("-1"), NULL, DATE("-0.500"), NULL,
    DATE("0"), "{\"$date\":\"1970-01-01\"}", NULL, DATE("9223372036854775807"), NULL,
    "{\"$timestamp\":{\"t\":1,\"i\":9}}", NULL, "{\"$timestamp\":{\"t\":2,\"i\":1}}", NULL,
    "{\"$timestamp\":{\"t\":4294967295,\"i\":1}}", NULL, RE("a", ""), NULL, RE("a", "i"), NULL,
    RE("b", ""), NULL, "{\"$code\":\"a\"}", NULL, "{\"$code\":\"b\"}", NULL, "{\"$maxKey\":1}",
    NULL};

enum { ORDER_COUNT = sizeof order / sizeof *order };

static void test_compare_order(void) {
  static pq_value values[ORDER_COUNT];
  static int group[ORDER_COUNT];
  int n = 0, at = 0;
  begin();
  for (int i = 0; i < ORDER_COUNT; i++) {
    if (order[i] == NULL) {
      at++;
      continue;
    }
    values[n] = value(order[i]);
    group[n++] = at;
  }
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      int want = (group[i] > group[j]) - (group[i] < group[j]);
      int is = pq_value_compare(values[i], values[j]);
      bool is_right = want == 0 ? is == 0 : want < 0 ? is < 0 : is > 0;
      CHECK(is_right);
      if (!is_right) {
        pq_buf out;
        pq_buf_init(&out, &cx, 1u << 20);
        CHECK(pq_json_print(&out, values[i], PQ_JSON_CANONICAL) == PQ_OK);
        CHECK(pq_buf_put_str(&out, "  and  ") == PQ_OK);
        CHECK(pq_json_print(&out, values[j], PQ_JSON_CANONICAL) == PQ_OK);
        fprintf(stderr, "%.*s: %d\n", (int)out.len, (char *)out.p, is);
        pq_buf_release(&out);
      }
      CHECK((pq_value_hash(values[i]) == pq_value_hash(values[j])) == (want == 0));
      CHECK(pq_value_is_equal(values[i], values[j]) == (want == 0));
    }
  end();
}

static void test_compare_missing(void) {
  pq_value missing = {0};
  begin();
  CHECK(pq_value_compare(missing, value("null")) == 0);
  CHECK(pq_value_hash(missing) == pq_value_hash(value("null")));
  CHECK(pq_value_compare(missing, value("{\"$minKey\":1}")) > 0);
  CHECK(pq_value_compare(missing, value("0")) < 0);
  CHECK(pq_number_compare(value("1"), value("1.5")) < 0);
  end();
}

/* Integers and doubles of random bits against each other, through decimals of the same value. */
static void test_compare_random(void) {
  uint64_t state = 88172645463325252u;
  char text[160], digits[40];
  begin();
  for (int i = 0; i < 3000; i++) {
    pq_value d, e;
    int64_t v;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    v = (int64_t)state >> (i % 60);
    snprintf(digits, sizeof digits, "%lld", (long long)v);
    snprintf(text, sizeof text, "{\"$numberLong\":\"%s\"}", digits);
    d = value(text);
    snprintf(text, sizeof text, "{\"$numberDecimal\":\"%s.00\"}", digits);
    e = value(text);
    CHECK(pq_value_compare(d, e) == 0 && pq_value_hash(d) == pq_value_hash(e));
    snprintf(text, sizeof text, "{\"$numberDouble\":\"%s\"}", digits);
    e = value(text);
    CHECK(((int64_t)(double)(v / 2) == v / 2) || pq_value_compare(d, e) == -pq_value_compare(e, d));
    if (v > -((int64_t)1 << 53) && v < (int64_t)1 << 53)
      CHECK(pq_value_compare(d, e) == 0 && pq_value_hash(d) == pq_value_hash(e));
    pq_arena_clear(&arena);
  }
  end();
}

/* {"kNNNNNN": number, …} with `count` names in an order that a multiplication makes; the last field
 * in document order is `last`. Names are stored sorted: the walk has to find the order. */
static void put_large(uint32_t count, uint32_t step, int32_t last) {
  char name[16];
  int rc = pq_builder_begin_object(b);
  for (uint32_t i = 0; i < count && rc == PQ_OK; i++) {
    snprintf(name, sizeof name, "k%06u", (unsigned)((uint64_t)i * step % count));
    rc = pq_builder_key_str(b, name);
    if (rc == PQ_OK) rc = pq_builder_i32(b, i + 1 == count ? last : (int32_t)i);
  }
  if (rc == PQ_OK) rc = pq_builder_end(b);
  CHECK(rc == PQ_OK);
}

static pq_value large(uint32_t count, uint32_t step, int32_t last) {
  pq_value v;
  pq_builder_clear(b);
  put_large(count, step, last);
  CHECK(pq_builder_finish(b, &arena, &v) == PQ_OK);
  return v;
}

/* Objects of many fields take a time close to their size, without memory. */
static void test_compare_large(void) {
  enum { COUNT = 200000, STEP = 77773 };
  pq_value x, y;
  begin();
  x = large(COUNT, STEP, 1);
  y = large(COUNT, STEP, 2);
  CHECK(pq_value_compare(x, y) < 0); /* the last field decides */
  CHECK(pq_value_compare(x, x) == 0);
  CHECK(pq_value_hash(x) != pq_value_hash(y));
  y = large(COUNT, 1, 2); /* stored as written */
  CHECK(pq_value_compare(x, y) > 0 && pq_value_compare(y, x) < 0);
  CHECK(pq_value_compare(y, large(COUNT, 1, 1)) > 0);
  end();
}

static pq_value nested(int32_t last) {
  static const int32_t inner[] = {1, 1, 0, 1};
  pq_value v;
  pq_builder_clear(b);
  CHECK(pq_builder_begin_object(b) == PQ_OK);
  for (int i = 0; i < 100; i++) { /* a name that does not ascend, so that this one is large too */
    char name[8];
    snprintf(name, sizeof name, "n%02d", i * 37 % 100);
    CHECK(pq_builder_key_str(b, name) == PQ_OK);
    put_large(i % 25 == 0 ? 300 : 1, 7, i == 75 ? last : inner[i / 25]);
  }
  CHECK(pq_builder_end(b) == PQ_OK);
  CHECK(pq_builder_finish(b, &arena, &v) == PQ_OK);
  return v;
}

/* Large objects inside large ones take their memory for a while. */
static void test_compare_large_nested(void) {
  begin();
  CHECK(pq_value_compare(nested(5), nested(5)) == 0);
  CHECK(pq_value_compare(nested(5), nested(6)) < 0);
  CHECK(pq_value_compare(nested(7), nested(6)) > 0);
  end();
}

/* Shortest text of a double reads back as the double. */
static void test_double_text(void) {
  static const struct {
    double v;
    const char *text;
  } cases[] = {{0, "0.0"},
               {5, "5.0"},
               {0.1, "0.1"},
               {-1.25, "-1.25"},
               {1e15, "1e+15"},
               {123456789012345.0, "123456789012345.0"},
               {1e22, "1e+22"},
               {1e300, "1e+300"},
               {0.001, "0.001"},
               {1e-5, "0.00001"},
               {1e-6, "1e-06"},
               {5e-324, "5e-324"},
               {0.30000000000000004, "0.30000000000000004"},
               {1.7976931348623157e308, "1.7976931348623157e+308"},
               {2.2250738585072014e-308, "2.2250738585072014e-308"}};
  uint64_t state = 88172645463325252u;
  char out[PQ_DOUBLE_CAP];
  double back;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK(pq_double_print(cases[i].v, out) == (int)strlen(cases[i].text));
    CHECK(strcmp(out, cases[i].text) == 0);
    if (strcmp(out, cases[i].text) != 0) fprintf(stderr, "%s\n", out);
    CHECK(pq_double_parse(pq_str(out), &back) && back == cases[i].v);
  }
  for (int i = 0; i < 20000; i++) {
    double v;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    memcpy(&v, &state, sizeof v);
    if (i % 2 == 0) v = (double)(int64_t)(state >> 20) / (i % 4 == 0 ? 1000.0 : 1e7);
    if (v != v || v > 1.7e308 || v < -1.7e308) continue;
    CHECK(pq_double_print(v, out) < PQ_DOUBLE_CAP && strpbrk(out, ".e") != NULL);
    CHECK(pq_double_parse(pq_str(out), &back) && back == v && strtod(out, NULL) == v);
  }
}

static void test_double_parse(void) {
  static const char *const good[] = {"0",
                                     "-0",
                                     "1",
                                     "0.1",
                                     "1e22",
                                     "1e23",
                                     "123456789012345678901234567890",
                                     "1e-400",
                                     "1E5",
                                     "1e+5",
                                     "0.000000000000000000000000000000000000000001",
                                     "2.2250738585072011e-308",
                                     "9007199254740993",
                                     "1.00000000000000011102230246251565404236316680908203125",
                                     "1.00000000000000011102230246251565404236316680908203124",
                                     "1.00000000000000011102230246251565404236316680908203126",
                                     "1e-10000000000000000000",
                                     "0e999999999"};
  static const char *const bad[] = {
      "",    "-",   "+1",  ".5", "1.", "01",   "1e", "1e+", "1e400", "1e99999999999",
      "NaN", "inf", "0x1", " 1", "1 ", "1.e1", "--1"};
  static char text[3000];
  double v;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    CHECK(pq_double_parse(pq_str(good[i]), &v) && v == strtod(good[i], NULL));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK(!pq_double_parse(pq_str(bad[i]), &v));
  /* a digit far behind the half-way point still rounds up */
  strcpy(text, "1.00000000000000011102230246251565404236316680908203125");
  memset(text + strlen(text), '0', 2000);
  CHECK(pq_double_parse(pq_str(text), &v) && v == 1.0);
  text[strlen(text) - 1] = '1';
  CHECK(pq_double_parse(pq_str(text), &v) && v == 1.0000000000000002);
}

int main(void) {
  RUN(test_compare_order);
  RUN(test_compare_missing);
  RUN(test_compare_random);
  RUN(test_compare_large);
  RUN(test_compare_large_nested);
  RUN(test_double_text);
  RUN(test_double_parse);
  return unit_end();
}
