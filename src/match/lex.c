/* match/lex.c - the text of a query as tokens, and what is said of mistakes in it.
 *
 *   MATCH (a:Person {age: 3}) // …      word ( word : word { word : number } )
 *
 * Comments are white space. Texts stand in '…' or "…", with the escapes of openCypher; names with
 * anything in them in `…`. "1..3" is a number, "..", and a number.
 */
#include <string.h>

#include "base/text.h"
#include "match/match_int.h"

enum { TEXT_MAX = 1 << 20 };

void pq_match_place(const pq_match *m, uint32_t off, unsigned *line, unsigned *column) {
  *line = *column = 1;
  for (uint32_t i = 0; i < off && i < m->text.n; i++) {
    *column = m->text.p[i] == '\n' ? 1 : *column + 1;
    if (m->text.p[i] == '\n') ++*line;
  }
}

int pq_match_fail_at(pq_match *m, uint32_t off, const char *what) {
  unsigned line, column;
  if (what == NULL) return m->cx->code;
  pq_match_place(m, off, &line, &column);
  return pq_fail(m->cx, PQ_EINVALID, "match: line %u, column %u: %s", line, column, what);
}

static bool is_space(uint8_t c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_digit(uint8_t c) {
  return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static uint8_t at(const pq_match *m, uint32_t i) {
  return i < m->text.n ? m->text.p[i] : 0;
}

/* White space and comments. */
static int skip(pq_match *m, uint32_t *i) {
  for (;;) {
    uint32_t begin;
    while (*i < m->text.n && is_space(m->text.p[*i]))
      ++*i;
    if (at(m, *i) != '/') return PQ_OK;
    begin = *i;
    if (at(m, *i + 1) == '/') {
      while (*i < m->text.n && m->text.p[*i] != '\n')
        ++*i;
    } else if (at(m, *i + 1) == '*') {
      for (*i += 2; *i < m->text.n && !(at(m, *i) == '*' && at(m, *i + 1) == '/');)
        ++*i;
      if (*i >= m->text.n) return pq_match_fail(m, begin, "the comment does not end");
      *i += 2;
    } else {
      return PQ_OK;
    }
  }
}

static size_t put_utf8(uint8_t *p, uint32_t c) {
  if (c < 0x80) {
    p[0] = (uint8_t)c;
    return 1;
  }
  if (c < 0x800) {
    p[0] = (uint8_t)(0xc0 | c >> 6);
    p[1] = (uint8_t)(0x80 | (c & 63));
    return 2;
  }
  p[0] = (uint8_t)(0xe0 | c >> 12);
  p[1] = (uint8_t)(0x80 | (c >> 6 & 63));
  p[2] = (uint8_t)(0x80 | (c & 63));
  return 3;
}

/* \uXXXX of which four digits begin at i. */
static bool read_hex(const pq_match *m, uint32_t i, uint32_t *out) {
  *out = 0;
  for (uint32_t d = 0; d < 4; d++) {
    uint8_t c = at(m, i + d);
    uint32_t v = is_digit(c) ? (uint32_t)(c - '0') : (uint32_t)((c | 32) - 'a') + 10;
    if (!is_digit(c) && ((c | 32) < 'a' || (c | 32) > 'f')) return false;
    *out = *out << 4 | v;
  }
  return *out > 0 && (*out < 0xd800 || *out > 0xdfff);
}

static int read_escape(pq_match *m, uint32_t *i, uint8_t *out, size_t *n) {
  static const char names[] = "ntrbf\\'\"/`", meant[] = "\n\t\r\b\f\\'\"/`";
  uint8_t c = at(m, *i + 1);
  const char *found = c != 0 ? strchr(names, c) : NULL;
  uint32_t code;
  if (found != NULL) {
    out[(*n)++] = (uint8_t)meant[found - names];
    *i += 2;
    return PQ_OK;
  }
  if (c != 'u' || !read_hex(m, *i + 2, &code))
    return pq_match_fail(m, *i, "no escape of openCypher: \\n \\t \\\\ \\' \\\" \\u0041 are");
  *n += put_utf8(out + *n, code);
  *i += 6;
  return PQ_OK;
}

/* '…', "…" or `…`, in which a doubled ` is one. */
static int read_quoted(pq_match *m, uint32_t *i, pq_slice *out) {
  uint32_t begin = *i;
  uint8_t quote = m->text.p[begin];
  uint8_t *p = pq_arena_alloc(&m->arena, m->text.n - begin);
  size_t n = 0;
  if (p == NULL) return m->cx->code;
  for (++*i;;) {
    if (*i >= m->text.n) return pq_match_fail(m, begin, "the quotation does not end");
    if (m->text.p[*i] == quote) {
      if (quote != '`' || at(m, *i + 1) != '`') break;
      ++*i;
    }
    if (m->text.p[*i] == '\\' && quote != '`')
      PQ_TRY(read_escape(m, i, p, &n));
    else
      p[n++] = m->text.p[(*i)++];
  }
  ++*i;
  *out = (pq_slice){p, n};
  return PQ_OK;
}

static void read_number(const pq_match *m, uint32_t *i) {
  while (is_digit(at(m, *i)))
    ++*i;
  if (at(m, *i) == '.' && is_digit(at(m, *i + 1)))
    for (++*i; is_digit(at(m, *i));)
      ++*i;
  if ((at(m, *i) | 32) == 'e') {
    uint32_t sign = at(m, *i + 1) == '+' || at(m, *i + 1) == '-';
    if (!is_digit(at(m, *i + 1 + sign))) return;
    for (*i += 1 + sign; is_digit(at(m, *i));)
      ++*i;
  }
}

static int read_sign(pq_match *m, uint32_t *i) {
  static const char two[][3] = {"<>", "<=", ">=", "=~", "..", "!=", "==", "||"};
  uint8_t c = m->text.p[*i];
  for (size_t k = 0; k < sizeof two / sizeof *two; k++)
    if (c == (uint8_t)two[k][0] && at(m, *i + 1) == (uint8_t)two[k][1]) {
      *i += 2;
      return PQ_OK;
    }
  if (c == 0 || strchr("()[]{},:.|-<>=+*/%^$;&!", c) == NULL)
    return pq_match_fail(m, *i, "a character that no query has here: '%c'",
                         c >= 32 && c < 127 ? c : '?');
  ++*i;
  return PQ_OK;
}

static int read_token(pq_match *m, uint32_t *i, pq_token *t) {
  uint8_t c = m->text.p[*i];
  *t = (pq_token){.off = *i};
  if (c == '\'' || c == '"' || c == '`') {
    t->kind = c == '`' ? PQ_TOKEN_QUOTED : PQ_TOKEN_TEXT;
    return read_quoted(m, i, &t->text);
  }
  if (is_letter(c)) {
    t->kind = PQ_TOKEN_WORD;
    while (is_letter(at(m, *i)) || is_digit(at(m, *i)))
      ++*i;
  } else if (is_digit(c) ||
             (c == '.' && is_digit(at(m, *i + 1)) && (*i == 0 || m->text.p[*i - 1] != '.'))) {
    t->kind = PQ_TOKEN_NUMBER;
    read_number(m, i);
  } else {
    t->kind = PQ_TOKEN_SIGN;
    PQ_TRY(read_sign(m, i));
  }
  t->text = (pq_slice){m->text.p + t->off, *i - t->off};
  return PQ_OK;
}

int pq_match_lex(pq_match *m) {
  uint32_t i = 0, cap = 0;
  if (m->text.n > TEXT_MAX)
    return pq_fail(m->cx, PQ_ELIMIT, "match: the query has more than %d bytes", TEXT_MAX);
  if (!pq_utf8_is_valid(m->text)) return pq_fail(m->cx, PQ_EINVALID, "match: text is not UTF-8");
  for (;;) {
    PQ_TRY(pq_match_grow(&m->arena, &m->tokens, m->token_count, &cap, sizeof *m->tokens));
    PQ_TRY(skip(m, &i));
    if (i >= m->text.n) break;
    PQ_TRY(read_token(m, &i, &m->tokens[m->token_count]));
    m->token_count++;
  }
  m->tokens[m->token_count++] = (pq_token){.kind = PQ_TOKEN_END, .off = (uint32_t)m->text.n};
  return PQ_OK;
}
