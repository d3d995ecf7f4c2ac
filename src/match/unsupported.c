/* match/unsupported.c - what openCypher and GQL have and match has not: told by name, with what to
 * write instead, where a reader of the query stumbles over it.
 *
 *   a token that is not expected ─► pq_match_expected ─► is it one of these? ─► NOT_SUPPORTED
 *                                                        else VALIDATION_FAILED
 */
#include <string.h>

#include "base/text.h"
#include "match/match_int.h"

#define TEXT_ARGS(s) (int)pq_utf8_prefix((s), 40), (const char *)(s).p

typedef struct missing {
  const char *word, *instead;
} missing;

static const missing writes[] = {{"create", ""}, {"merge", ""},  {"set", ""},     {"delete", ""},
                                 {"detach", ""}, {"remove", ""}, {"foreach", ""}, {"insert", ""},
                                 {"drop", ""},   {NULL, NULL}};

static const missing clauses[] = {{"unwind", "a parameter that is a list goes with IN"},
                                  {"call", "commands are documents of their own (doc/commands.md)"},
                                  {"union", "each half is a query of its own"},
                                  {"load", "'parquedb import' reads files"},
                                  {"use", "the namespace is the command's"},
                                  {"filter", "WITH … WHERE is"},
                                  {"let", "WITH … AS is"},
                                  {"for", "a parameter that is a list goes with IN"},
                                  {"finish", "RETURN count(*) is"},
                                  {"explain", "the command's option 'explain' is"},
                                  {"profile", "the command's option 'explain' is"},
                                  {"nulls", "null is the largest"},
                                  {"between", "a <= x <= b is"},
                                  {"like", "STARTS WITH, ENDS WITH, CONTAINS and =~ are"},
                                  {"ilike", "=~ '(?i)…' is"},
                                  {"shortest", "the command 'path' is"},
                                  {NULL, NULL}};

static const missing signs[] = {{"!=", "<> is"},
                                {"==", "= is"},
                                {"||", "+ is"},
                                {"&", "a second label follows a ':'"},
                                {"!", "NOT a:Label is a condition"},
                                {NULL, NULL}};

static const missing functions[] = {{"any", "'x' IN list is"},
                                    {"all", ""},
                                    {"none", "NOT 'x' IN list is"},
                                    {"single", ""},
                                    {"reduce", ""},
                                    {"range", ""},
                                    {"extract", ""},
                                    {"filter", ""},
                                    {"tail", ""},
                                    {"reverse", ""},
                                    {"startnode", "r.from is the id"},
                                    {"endnode", "r.to is the id"},
                                    {"rand", ""},
                                    {"timestamp", "a parameter is"},
                                    {"time", ""},
                                    {"localtime", ""},
                                    {"localdatetime", "datetime is"},
                                    {"duration", ""},
                                    {"point", ""},
                                    {"distance", ""},
                                    {"isempty", "size(x) = 0 is"},
                                    {"nullif", "CASE is"},
                                    {"isnan", "x <> x is"},
                                    {"percentilecont", ""},
                                    {"percentiledisc", ""},
                                    {"stdev", ""},
                                    {"stdevp", ""},
                                    {"tostringornull", "toString is"},
                                    {"tointegerornull", "toInteger is"},
                                    {"tofloatornull", "toFloat is"},
                                    {"tobooleanornull", "toBoolean is"},
                                    {"shortestpath", "the command 'path' is"},
                                    {"allshortestpaths", "the command 'path' is"},
                                    {"pi", ""},
                                    {"e", ""},
                                    {"exp", ""},
                                    {"log", ""},
                                    {"log10", ""},
                                    {"sin", ""},
                                    {"cos", ""},
                                    {"tan", ""},
                                    {"cot", ""},
                                    {"asin", ""},
                                    {"acos", ""},
                                    {"atan", ""},
                                    {"atan2", ""},
                                    {"degrees", ""},
                                    {"radians", ""},
                                    {"haversin", ""},
                                    {"randomuuid", ""},
                                    {NULL, NULL}};

int pq_match_unsupported_at(pq_match *m, uint32_t off, const char *what) {
  unsigned line, column;
  if (what == NULL) return m->cx->code;
  pq_match_place(m, off, &line, &column);
  return pq_fail(m->cx, PQ_EUNSUPPORTED, "match: line %u, column %u: %s", line, column, what);
}

static bool is_word(pq_slice text, const char *word) {
  size_t n = strlen(word);
  if (text.n != n) return false;
  for (size_t i = 0; i < n; i++) {
    uint8_t c = text.p[i];
    if (c >= 'A' && c <= 'Z') c = (uint8_t)(c + 32);
    if (c != (uint8_t)word[i]) return false;
  }
  return true;
}

static const missing *find(const missing *list, pq_slice text) {
  for (; list->word != NULL; list++)
    if (is_word(text, list->word)) return list;
  return NULL;
}

static int refuse(pq_match *m, const pq_token *t, const missing *it) {
  return pq_match_unsupported(m, t->off, "%.*s is not supported%s%s", TEXT_ARGS(t->text),
                              it->instead[0] != 0 ? ": " : "", it->instead);
}

int pq_match_no_function(pq_match *m, const pq_token *t) {
  const missing *it = find(functions, t->text);
  if (it == NULL)
    return pq_match_fail(m, t->off, "there is no function '%.*s'", TEXT_ARGS(t->text));
  return pq_match_unsupported(m, t->off, "the function %.*s is not supported%s%s",
                              TEXT_ARGS(t->text), it->instead[0] != 0 ? ": " : "", it->instead);
}

static bool is_sign(const pq_token *t, const char *sign) {
  return t->kind == PQ_TOKEN_SIGN && pq_slice_is(t->text, sign);
}

/* Signs whose meaning depends on what stands around them. PQ_OK: it is none of these. */
static int check_sign(pq_match *m, const pq_token *t) {
  const pq_token *before = m->token > 0 ? t - 1 : NULL;
  bool is_arrow = before != NULL && (is_sign(before, ">") || is_sign(before, "-"));
  if (is_arrow && (is_sign(t, "{") || is_sign(t, "+") || is_sign(t, "*")))
    return pq_match_unsupported(m, t->off,
                                "quantified relationships are not supported: -[:knows*1..3]-> is");
  if (before != NULL && is_sign(t, "{") && before->kind == PQ_TOKEN_WORD)
    return pq_match_unsupported(m, t->off,
                                "map projections are not supported: {name: a.name} is a map");
  if (before != NULL && is_sign(t, ":") && before->kind == PQ_TOKEN_WORD &&
      is_word(before->text, "is"))
    return pq_match_unsupported(m, t->off, "tests of types are not supported");
  if (before != NULL && is_sign(t, "$") && is_sign(before, ".") && t[1].kind == PQ_TOKEN_WORD)
    return pq_match_fail(m, t->off, "a name with $ stands in back-ticks: `$%.*s`%s",
                         TEXT_ARGS(t[1].text),
                         pq_slice_is(t[1].text, "id") ? "; of a node, id(a) is the same" : "");
  return PQ_OK;
}

int pq_match_expected(pq_match *m, const char *what) {
  const pq_token *t = pq_match_now(m);
  const missing *it = t->kind == PQ_TOKEN_WORD   ? find(clauses, t->text)
                      : t->kind == PQ_TOKEN_SIGN ? find(signs, t->text)
                                                 : NULL;
  if (t->kind == PQ_TOKEN_END)
    return pq_match_fail(m, t->off, "%s is expected, but the query ends", what);
  if (t->kind == PQ_TOKEN_WORD && find(writes, t->text) != NULL)
    return pq_match_unsupported(m, t->off, "%.*s is not supported: match only reads",
                                TEXT_ARGS(t->text));
  if (it != NULL) return refuse(m, t, it);
  PQ_TRY(check_sign(m, t));
  return pq_match_fail(m, t->off, "%s is expected, not '%.*s'", what, TEXT_ARGS(t->text));
}
