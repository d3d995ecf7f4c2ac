/* cmd/explain_options.c - the options `explain`, `price` and `budget`, and what prices mean.
 *
 *   explain: true │ "plan" │ {"cache": "cold" │ "warm"}
 *   price:   "r2" │ "s3"   │ {"read": 0.4, "write": 5, "egress": 90}
 *   budget:  {"requests": 100, "bytes": 1000000}
 */
#include <string.h>

#include "cmd/command_int.h"

/* List prices in dollars, as doc/explain.md has them with their date. */
static const pq_price prices[] = {
    {"r2", 0.36, 4.50, 0.0},
    {"s3", 0.40, 5.00, 0.09},
};

static int refuse(pq_command *c, const char *option, const char *expected) {
  return pq_fail(c->op.cx, PQ_EINVALID, "%s: option '%s' must be %s", c->s.spec->name, option,
                 expected);
}

static int parse_explain(pq_command *c, pq_value v) {
  static const char expected[] = "true, false, \"plan\" or {\"cache\": \"cold\" or \"warm\"}";
  pq_explain_args *e = &c->s.explain;
  pq_slice text;
  if (pq_value_bool(v, &c->s.args.is_explain)) return PQ_OK;
  c->s.args.is_explain = e->is_plan = true;
  if (pq_value_string(v, &text))
    return pq_slice_is(text, "plan") ? PQ_OK : refuse(c, "explain", expected);
  if (pq_value_type(v) != PQ_TYPE_OBJECT || pq_value_count(v) != 1 ||
      !pq_value_string(pq_object_get_str(v, "cache"), &text))
    return refuse(c, "explain", expected);
  e->is_warm = pq_slice_is(text, "warm");
  return e->is_warm || pq_slice_is(text, "cold") ? PQ_OK : refuse(c, "explain", expected);
}

static int parse_price(pq_command *c, pq_value v) {
  static const char expected[] =
      "\"r2\", \"s3\" or {\"read\", \"write\", \"egress\": dollars, 0 or more}";
  static const char *const names[] = {"read", "write", "egress"};
  pq_price *price = &c->s.explain.price;
  double *members[] = {&price->read, &price->write, &price->egress};
  uint32_t found = 0;
  pq_slice text;
  *price = (pq_price){.name = "own"};
  if (pq_value_string(v, &text)) {
    for (size_t i = 0; i < sizeof prices / sizeof *prices; i++) {
      if (!pq_slice_is(text, prices[i].name)) continue;
      *price = prices[i];
      return PQ_OK;
    }
    return refuse(c, "price", expected);
  }
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return refuse(c, "price", expected);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    pq_value member = pq_object_get_str(v, names[i]);
    if (pq_value_is_missing(member)) continue;
    if (!pq_value_number(member, members[i]) || !(*members[i] >= 0 && *members[i] < 1e9))
      return refuse(c, "price", expected);
    found++;
  }
  return found > 0 && found == pq_value_count(v) ? PQ_OK : refuse(c, "price", expected);
}

static int parse_budget(pq_command *c, pq_value v) {
  static const char expected[] = "{\"requests\": number, \"bytes\": number}, or one of them";
  static const char *const names[] = {"requests", "bytes"};
  pq_explain_args *e = &c->s.explain;
  uint64_t *members[] = {&e->requests_max, &e->bytes_max};
  uint32_t found = 0;
  e->has_budget = true;
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return refuse(c, "budget", expected);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    pq_value member = pq_object_get_str(v, names[i]);
    double d;
    *members[i] = UINT64_MAX;
    if (pq_value_is_missing(member)) continue;
    if (!pq_value_number(member, &d) || !(d >= 0 && d < 9e15) || d != (double)(uint64_t)d)
      return refuse(c, "budget", expected);
    *members[i] = (uint64_t)d;
    found++;
  }
  return found > 0 && found == pq_value_count(v) ? PQ_OK : refuse(c, "budget", expected);
}

int pq_explain_options(pq_command *c) {
  const pq_args *args = &c->s.args;
  const pq_explain_args *e = &c->s.explain;
  if (args->given & PQ_OPT_EXPLAIN) PQ_TRY(parse_explain(c, args->explain));
  if (args->given & PQ_OPT_PRICE) PQ_TRY(parse_price(c, args->price));
  if (args->given & PQ_OPT_BUDGET) PQ_TRY(parse_budget(c, args->budget));
  if (e->price.name != NULL && !args->is_explain)
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: option 'price' goes with 'explain'",
                   c->s.spec->name);
  if (e->has_budget && args->is_explain && !e->is_plan)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "%s: option 'budget' goes with \"explain\": \"plan\", or without 'explain'",
                   c->s.spec->name);
  return PQ_OK;
}

bool pq_plan_is_wanted(const pq_command *c) {
  const pq_explain_args *e = &c->s.explain;
  return (e->is_plan || e->has_budget || c->s.args.is_explain) && pq_plan_kind(c) != PQ_PLAN_NONE;
}

double pq_price_of(const pq_price *p, const pq_cost *cost) {
  double reads = (double)(cost->requests - cost->listings - cost->hot);
  double sum = reads * p->read / 1e6 + (double)cost->listings * p->write / 1e6 +
               (double)(cost->bytes - cost->hot_bytes) * p->egress / 1e9;
  /* Billionths of a dollar are enough, and look better than all digits. */
  return sum < 1e6 ? (double)(uint64_t)(sum * 1e9 + 0.5) / 1e9 : sum;
}
