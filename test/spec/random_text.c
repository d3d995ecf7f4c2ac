/* test/spec/random_text.c - see random_text.h. */
#include "random_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "spec_db.h"

uint32_t random_below(random_text *r, uint32_t n) {
  uint64_t z = r->state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (uint32_t)((z ^ z >> 31) % n);
}

bool random_chance(random_text *r, unsigned per_cent) {
  return random_below(r, 100) < per_cent;
}

void random_put(pq_buf *out, const char *format, ...) {
  char text[1024];
  va_list args;
  int n;
  va_start(args, format);
  n = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (n < 0 || (size_t)n >= sizeof text || pq_buf_put(out, text, (size_t)n) != PQ_OK)
    spec_die("random_put failed");
}

const char *random_collection(random_text *r) {
  static const char *const names[] = {"cats", "dogs", "e"};
  return names[random_chance(r, 60) ? 0 : random_below(r, 3)];
}

void random_local(random_text *r, pq_buf *out) {
  if (r->has_large_ids && r->large_count > 0 && random_chance(r, 50))
    random_put(out, "m%05u", random_below(r, r->large_count));
  else
    random_put(out, "k%02u", random_below(r, r->ids));
}

/* ---- values ---- */

typedef enum value_kind {
  KIND_INT,
  KIND_DOUBLE,
  KIND_STRING,
  KIND_DATE,
  KIND_BOOL,
  KIND_OID,
  KIND_NULL,
  KIND_LONG,
  KIND_DECIMAL,
  KIND_ODD, /* values at the edges of their types */
  KIND_ARRAY,
  KIND_OBJECT,
  KIND_COUNT
} value_kind;

static void put_odd(random_text *r, pq_buf *out) {
  static const char *const values[] = {
      "{\"$numberDouble\": \"NaN\"}",
      "{\"$numberDouble\": \"Infinity\"}",
      "{\"$numberDouble\": \"-Infinity\"}",
      "-0.0",
      "{\"$numberLong\": \"9007199254740993\"}",
      "9007199254740992.0",
      "{\"$numberLong\": \"9223372036854775807\"}",
      "{\"$numberLong\": \"-9223372036854775808\"}",
      "9223372036854775807.0",
      "1e308",
      "5e-324",
      "{\"$minKey\": 1}",
      "{\"$maxKey\": 1}",
      "{\"$timestamp\": {\"t\": 5, \"i\": 1}}",
      "{\"$regularExpression\": {\"pattern\": \"a\", \"options\": \"\"}}",
      "{\"$binary\": {\"base64\": \"AAEC\", \"subType\": \"00\"}}",
      "{\"$uuid\": \"00112233-4455-6677-8899-aabbccddeeff\"}",
      "{\"$date\": {\"$numberLong\": \"-62135596800000\"}}",
      "{\"$numberDecimal\": \"NaN\"}",
      "{\"$numberDecimal\": \"1E+30\"}",
      "2147483647",
      "-2147483648",
      "0.1"};
  random_put(out, "%s", values[random_below(r, sizeof values / sizeof *values)]);
}

static void put_string(random_text *r, pq_buf *out) {
  uint32_t n = random_below(r, 12);
  if (n == 0)
    random_put(out, "\"\"");
  else if (n == 1)
    random_put(out, "\"%090u%c\"", random_below(r, 3), 'a' + (int)random_below(r, 3));
  else if (n == 2)
    random_put(out, "\"\xc3\xa9%c\"", 'a' + (int)random_below(r, 5));
  else if (n == 3)
    random_put(out, "\"%u\"", random_below(r, 20));
  else
    random_put(out, "\"%c%u\"", 'a' + (int)random_below(r, 6), random_below(r, 4));
}

static void put_kind(random_text *r, pq_buf *out, value_kind kind, unsigned depth) {
  uint32_t n = random_chance(r, 25) ? 19 * random_below(r, 2) : random_below(r, 20);
  switch (kind) { /* the ends of the domain often: they are the bounds of pages */
    case KIND_INT: random_put(out, "%d", (int)n - 4); break;
    case KIND_DOUBLE: random_put(out, random_chance(r, 20) ? "%d" : "%d.5", (int)n - 4); break;
    case KIND_STRING: put_string(r, out); break;
    case KIND_DATE:
      random_put(out, "{\"$date\": \"20%02u-01-01T00:00:00.%06uZ\"}", n + 10,
                 random_chance(r, 20) ? random_below(r, 1000000) : 0);
      break;
    case KIND_BOOL: random_put(out, n % 2 == 0 ? "true" : "false"); break;
    case KIND_OID: random_put(out, "{\"$oid\": \"0123456789abcdef012345%02u\"}", n); break;
    case KIND_NULL: random_put(out, "null"); break;
    case KIND_LONG: random_put(out, "{\"$numberLong\": \"%d\"}", (int)n - 4); break;
    case KIND_DECIMAL: random_put(out, "{\"$numberDecimal\": \"%u.%u\"}", n, 5 * (n % 2)); break;
    case KIND_ODD: put_odd(r, out); break;
    case KIND_ARRAY:
      random_put(out, "[");
      for (uint32_t i = random_below(r, 4); i > 0; i--) {
        put_kind(r, out, depth > 1 ? KIND_INT : (value_kind)random_below(r, KIND_COUNT), depth + 1);
        if (i > 1) random_put(out, ", ");
      }
      random_put(out, "]");
      break;
    default:
      random_put(out, "{");
      if (n % 4 != 0) {
        random_put(out, "\"i\": ");
        put_kind(r, out, depth > 1 ? KIND_INT : (value_kind)random_below(r, KIND_COUNT), depth + 1);
      }
      if (n % 3 == 0) random_put(out, "%s\"b\": %u", n % 4 != 0 ? ", " : "", n);
      random_put(out, "}");
  }
}

void random_value(random_text *r, pq_buf *out) {
  put_kind(r, out, (value_kind)random_below(r, KIND_COUNT), 0);
}

/* ---- documents ---- */

static const struct {
  const char *path;
  value_kind home;
} homes[] = {{"i", KIND_INT},     {"d", KIND_DOUBLE},  {"s", KIND_STRING},  {"t", KIND_DATE},
             {"b", KIND_BOOL},    {"o", KIND_OID},     {"n.i", KIND_INT},   {"n.s", KIND_STRING},
             {"a", KIND_ARRAY},   {"x", KIND_COUNT},   {"a.0", KIND_INT},   {"a.i", KIND_INT},
             {"n", KIND_OBJECT},  {"zz", KIND_NULL},   {"n.i.b", KIND_INT}, {"x.i", KIND_COUNT},
             {"x.0.i", KIND_INT}, {"n.t.t", KIND_DATE}};
enum { HOME_COUNT = sizeof homes / sizeof *homes, FIELD_COUNT = 10 };

static void put_home(random_text *r, pq_buf *out, value_kind home, unsigned noise) {
  if (home == KIND_COUNT || random_chance(r, noise))
    random_value(r, out);
  else
    put_kind(r, out, home, 0);
}

static void put_nested(random_text *r, pq_buf *out) {
  random_put(out, "{\"i\": ");
  put_home(r, out, KIND_INT, r->noise);
  if (random_chance(r, 80)) {
    random_put(out, ", \"s\": ");
    put_home(r, out, KIND_STRING, r->noise);
  }
  if (random_chance(r, 70)) {
    random_put(out, ", \"t\": {\"t\": ");
    put_home(r, out, KIND_DATE, r->noise);
    random_put(out, "}");
  }
  random_put(out, "}");
}

void random_fields(random_text *r, pq_buf *out) {
  static const char *const others[] = {"name", "title", "version", "label", "createdAt"};
  uint32_t first = random_below(r, FIELD_COUNT);
  const char *comma = "";
  bool has_nested = false;
  for (uint32_t j = 0; j < FIELD_COUNT; j++) {
    uint32_t i = (first + j) % FIELD_COUNT;
    bool is_nested = homes[i].path[1] == '.';
    if (random_chance(r, homes[i].home == KIND_COUNT ? 60 : 12)) continue;
    if (is_nested && has_nested) continue;
    random_put(out, "%s\"%.1s\": ", comma, homes[i].path);
    comma = ", ";
    has_nested |= is_nested;
    if (is_nested && !random_chance(r, r->noise))
      put_nested(r, out);
    else
      put_home(r, out, is_nested ? KIND_COUNT : homes[i].home, r->noise);
  }
  if (!random_chance(r, 8)) return;
  random_put(out, "%s\"%s\": ", comma, others[random_below(r, 5)]);
  put_home(r, out, KIND_STRING, 30);
}

/* ---- filters ---- */

/* A path and the kind of value that may be there. */
static value_kind put_path(random_text *r, pq_buf *out) {
  static const char *const system[] = {"version", "name", "createdAt", "updatedBy", "$type"};
  static const value_kind kinds[] = {KIND_INT, KIND_STRING, KIND_DATE, KIND_STRING, KIND_STRING};
  uint32_t i = random_chance(r, 50) ? random_below(r, 8) : random_below(r, HOME_COUNT + 4);
  if (i < HOME_COUNT) {
    random_put(out, "\"%s\": ", homes[i].path);
    return homes[i].home;
  }
  i = random_below(r, 5);
  random_put(out, "\"%s\": ", system[i]);
  return kinds[i];
}

static void put_operand(random_text *r, pq_buf *out, value_kind home) {
  put_home(r, out, home, 25);
}

static void put_list(random_text *r, pq_buf *out, value_kind home) {
  random_put(out, "[");
  for (uint32_t i = random_below(r, 5); i > 0; i--) {
    put_operand(r, out, home);
    if (i > 1) random_put(out, ", ");
  }
  random_put(out, "]");
}

static void put_predicate(random_text *r, pq_buf *out, value_kind home, unsigned depth) {
  static const char *const compare[] = {"$eq", "$ne", "$gt", "$gte", "$lt", "$lte"};
  switch (random_below(r, 12)) {
    case 10: random_put(out, "{\"$size\": %u}", random_below(r, 4)); break;
    case 11:
      random_put(out, "{\"$elemMatch\": {\"%s\": ", compare[random_below(r, 6)]);
      put_operand(r, out, KIND_INT);
      random_put(out, "}}");
      break;
    case 0: random_put(out, "{\"$exists\": %s}", random_chance(r, 50) ? "true" : "false"); break;
    case 1:
    case 2:
      random_put(out, "{\"%s\": ", random_chance(r, 70) ? "$in" : "$nin");
      put_list(r, out, home);
      random_put(out, "}");
      break;
    case 3:
      random_put(out, "{\"$gte\": ");
      put_operand(r, out, home);
      random_put(out, ", \"$lt\": ");
      put_operand(r, out, home);
      random_put(out, "}");
      break;
    case 4:
      if (depth == 0) {
        random_put(out, "{\"$not\": {\"%s\": ", compare[random_below(r, 6)]);
        put_operand(r, out, home);
        random_put(out, "}}");
        break;
      } /* fall through */
    case 5:
    case 6:
    case 7:
      random_put(out, "{\"%s\": ", compare[random_below(r, 6)]);
      put_operand(r, out, home);
      random_put(out, "}");
      break;
    default: put_operand(r, out, home); break;
  }
}

static void put_id_leaf(random_text *r, pq_buf *out) {
  static const char *const compare[] = {"$eq", "$gt", "$gte", "$lt", "$lte", "$ne"};
  uint32_t n = random_below(r, 8);
  const char *collection = random_collection(r);
  random_put(out, "\"$id\": ");
  if (n < 6) {
    random_put(out, "{\"%s\": \"%s/", compare[n], collection);
    random_local(r, out);
    random_put(out, "\"}");
    return;
  }
  random_put(out, "{\"$in\": [");
  for (uint32_t i = random_below(r, 6) + 1; i > 0; i--) {
    random_put(out, "\"%s/", collection);
    random_local(r, out);
    random_put(out, i > 1 ? "\", " : "\"");
  }
  random_put(out, "]}");
}

void random_filter(random_text *r, pq_buf *out, unsigned depth) {
  static const char *const joins[] = {"$and", "$or", "$nor"};
  uint32_t n = random_below(r, 10);
  random_put(out, "{");
  if (n == 0 && depth == 0) {
    /* everything */
  } else if (n <= 2 && depth < 2) {
    random_put(out, "\"%s\": [", joins[random_below(r, 3)]);
    for (uint32_t i = random_below(r, 3) + 1; i > 0; i--) {
      random_filter(r, out, depth + 1);
      if (i > 1) random_put(out, ", ");
    }
    random_put(out, "]");
  } else if (n == 3) {
    put_id_leaf(r, out);
  } else {
    put_predicate(r, out, put_path(r, out), 0);
  }
  if (depth == 0 && n > 3 && random_chance(r, 40)) {
    random_put(out, ", \"$and\": [");
    random_filter(r, out, 1);
    random_put(out, "]");
  }
  random_put(out, "}");
}

void random_sort(random_text *r, pq_buf *out) {
  static const char *const paths[] = {"i", "d", "s", "t", "n.i", "a", "x", "name", "version", "o"};
  uint32_t first = random_below(r, 10), count = random_below(r, 2) + 1;
  random_put(out, "{");
  for (uint32_t i = 0; i < count; i++)
    random_put(out, "%s\"%s\": %d", i > 0 ? ", " : "", paths[(first + 3 * i) % 10],
               random_chance(r, 50) ? 1 : -1);
  random_put(out, "}");
}

/* ---- updates ---- */

/* Operators that the engine may or may not have: the model asks the same parser. */
static void put_other_operator(random_text *r, pq_buf *out) {
  static const char *const names[] = {"$mul", "$min", "$max", "$push", "$addToSet", "$pull"};
  static const char *const paths[] = {"i", "d", "s", "a", "a", "a"};
  uint32_t n = random_below(r, 8);
  if (n == 6) {
    random_put(out, "\"$rename\": {\"i\": \"x\"}");
  } else if (n == 7) {
    random_put(out, "\"$pop\": {\"a\": %d}", random_chance(r, 50) ? 1 : -1);
  } else {
    random_put(out, "\"%s\": {\"%s\": ", names[n], paths[n]);
    put_home(r, out, KIND_INT, 30);
    random_put(out, "}");
  }
}

void random_update(random_text *r, pq_buf *out) {
  static const char *const paths[] = {"i",   "d",   "s",   "t", "b",    "o",
                                      "n.i", "n.s", "a.1", "x", "n.q.r"};
  uint32_t n = random_below(r, 10);
  random_put(out, "{");
  if (n == 0) {
    random_fields(r, out);
  } else if (n <= 2) {
    random_put(out, "\"$unset\": {\"%s\": \"\"}", paths[random_below(r, 11)]);
  } else if (n == 3) {
    put_other_operator(r, out);
  } else if (n <= 4) {
    random_put(out, "\"$inc\": {\"%s\": %d%s}", random_chance(r, 50) ? "i" : "n.i",
               (int)random_below(r, 5) - 2, random_chance(r, 20) ? ".5" : "");
  } else {
    uint32_t i = random_below(r, FIELD_COUNT);
    random_put(out, "\"$set\": {\"%s\": ", homes[i].path);
    put_home(r, out, homes[i].home, r->noise);
    n = random_below(r, 11);
    if (random_chance(r, 40) && strcmp(paths[n], homes[i].path) != 0) {
      random_put(out, ", \"%s\": ", paths[n]);
      random_value(r, out);
    }
    random_put(out, "}");
  }
  random_put(out, "}");
}
