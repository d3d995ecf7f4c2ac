/* expr/regex.c - see regex.h.
 *
 * PCRE2 frees and asks again when a match needs more room than the one before. Blocks carry their
 * size in front and go to a list from which the next request that fits takes them:
 *
 *   arena:  [size|........]  [size|....]  ...        unused ─► [size|next] ─► [size|next]
 */
#include "expr/regex.h"

#include <assert.h>
#include <string.h>

#include "expr/expr_int.h"

static bool has_option(pq_slice options, char letter) {
  return options.n > 0 && memchr(options.p, letter, options.n) != NULL;
}

/* ---- the prefix ---- */

static bool is_meta(uint8_t c) {
  return strchr("\\^$.[]|()?*+{}", c) != NULL; /* NUL too */
}

static bool is_escapable(uint8_t c) {
  return is_meta(c) || c == '-' || c == '/';
}

bool pq_regex_is_plain(pq_slice pattern, pq_slice options) {
  if (has_option(options, 'i') || has_option(options, 'x')) return false;
  for (size_t i = 0; i < pattern.n; i++)
    if (is_meta(pattern.p[i])) return false;
  return true;
}

int pq_regex_prefix(pq_arena *arena, pq_slice pattern, pq_slice options, pq_slice *out) {
  uint8_t *text;
  size_t n = 0, last = 0, i = 1;
  *out = (pq_slice){0};
  if (pattern.n < 2 || pattern.p[0] != '^') return PQ_OK;
  if (has_option(options, 'i') || has_option(options, 'm') || has_option(options, 'x'))
    return PQ_OK;
  if (memchr(pattern.p, '|', pattern.n) != NULL) return PQ_OK;
  text = pq_arena_alloc(arena, pattern.n);
  if (text == NULL) return arena->cx->code;
  for (; i < pattern.n; i++) {
    uint8_t c = pattern.p[i];
    bool is_escaped = c == '\\' && i + 1 < pattern.n && is_escapable(pattern.p[i + 1]);
    if (is_escaped) c = pattern.p[++i];
    if (c == 0 || (!is_escaped && is_meta(c))) break;
    if ((c & 0xc0) != 0x80) last = n; /* the start of the newest code point */
    text[n++] = c;
  }
  /* What stands in front of ?, * or { need not be there, and between them \\E or (?#…) may stand.
   */
  if (i < pattern.n && strchr("+.[$", pattern.p[i]) == NULL) n = last;
  *out = (pq_slice){text, n};
  return PQ_OK;
}

#ifdef PQ_HAVE_PCRE2

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static const char letters[] = "imsxu";

enum {
  PATTERN_LEN_MAX = 32764,       /* MongoDB's */
  HEAP_KIB_MAX = 65536,          /* of one match */
  DEPTH_MAX = 1000000,           /* of backtracking */
  STEPS_BASE = 10 * 1000 * 1000, /* of a text: about a third of a second */
  STEPS_PER_BYTE = 16,
  PLAIN_TEXT_LEN_MAX = 8192, /* above it a repeat tried from every start takes too long */
  PLAIN_STEPS = 10 * 1000 * 1000,
  BLOCK_HEADER_LEN = 16
};
#define SET_STEPS_MAX 4000000000u /* of all texts: minutes */

typedef struct block {
  size_t len; /* behind the header */
  struct block *next;
} block;
static_assert(sizeof(block) <= BLOCK_HEADER_LEN, "a block's header");

struct pq_regex_set {
  pq_arena *arena; /* borrowed */
  block *unused;
  pcre2_general_context *general;
  pcre2_compile_context *compile;
  pcre2_match_context *match;
  pcre2_match_data *data;
  uint64_t steps_left; /* of the set */
  uint64_t text_steps; /* of the text at hand */
  size_t last_position;
  int status;
};

struct pq_regex {
  pq_regex_set *set;
  pq_slice pattern;
  uint32_t options;
  pcre2_code *plain;
  pcre2_code *counted;    /* made when it is needed first */
  pcre2_match_data *data; /* with groups; the same */
};

static void *block_alloc(PCRE2_SIZE len, void *ud) {
  pq_regex_set *s = ud;
  size_t size;
  uint8_t *p;
  for (block **at = &s->unused; *at != NULL; at = &(*at)->next) {
    block *found = *at;
    if (found->len < len || found->len / 2 > len) continue;
    *at = found->next;
    return (uint8_t *)found + BLOCK_HEADER_LEN;
  }
  if (!pq_add_size(len, BLOCK_HEADER_LEN, &size)) return NULL;
  p = pq_arena_alloc(s->arena, size);
  if (p == NULL) return NULL;
  *(block *)(void *)p = (block){.len = len};
  return p + BLOCK_HEADER_LEN;
}

static void block_free(void *p, void *ud) {
  pq_regex_set *s = ud;
  block *b;
  if (p == NULL) return;
  b = (block *)(void *)((uint8_t *)p - BLOCK_HEADER_LEN);
  b->next = s->unused;
  s->unused = b;
}

/* A step of the counted code: one, and the characters gone over since the last. */
static int count_step(pcre2_callout_block *at, void *ud) {
  pq_regex_set *s = ud;
  size_t from = s->last_position, to = at->current_position;
  uint64_t cost = 1 + (from < to ? to - from : from - to);
  s->last_position = to;
  if (cost > s->text_steps || cost > s->steps_left) return PCRE2_ERROR_MATCHLIMIT;
  s->text_steps -= cost;
  s->steps_left -= cost;
  return 0;
}

int pq_regex_set_new(pq_arena *arena, pq_regex_set **out) {
  pq_regex_set *s = pq_arena_calloc(arena, 1, sizeof *s);
  *out = NULL;
  if (s == NULL) return arena->cx->code;
  s->arena = arena;
  s->steps_left = SET_STEPS_MAX;
  s->general = pcre2_general_context_create(block_alloc, block_free, s);
  if (s->general == NULL) return arena->cx->code;
  s->compile = pcre2_compile_context_create(s->general);
  s->match = pcre2_match_context_create(s->general);
  s->data = pcre2_match_data_create(1, s->general);
  if (s->compile == NULL || s->match == NULL || s->data == NULL) return arena->cx->code;
  (void)pcre2_set_max_pattern_length(s->compile, PATTERN_LEN_MAX);
  (void)pcre2_set_newline(s->compile, PCRE2_NEWLINE_LF);
  (void)pcre2_set_heap_limit(s->match, HEAP_KIB_MAX);
  (void)pcre2_set_depth_limit(s->match, DEPTH_MAX);
  *out = s;
  return PQ_OK;
}

int pq_regex_set_status(const pq_regex_set *s) {
  return s->status;
}

void pq_regex_set_renew(pq_regex_set *s) {
  s->steps_left = SET_STEPS_MAX;
  s->status = PQ_OK;
}

static int read_options(pq_regex_set *s, pq_slice options, uint32_t *out) {
  static const uint32_t bits[] = {PCRE2_CASELESS, PCRE2_MULTILINE, PCRE2_DOTALL, PCRE2_EXTENDED,
                                  PCRE2_UTF};
  *out = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_NEVER_BACKSLASH_C;
  for (size_t i = 0; i < options.n; i++) {
    const char *letter = options.p[i] == 0 ? NULL : strchr(letters, options.p[i]);
    if (letter == NULL)
      return pq_fail(s->arena->cx, PQ_EFILTER,
                     "the options '%.*s' of a regular expression: letters of '%s' are allowed",
                     PQ_SHOW(options), letters);
    *out |= bits[letter - letters];
  }
  return PQ_OK;
}

static int compile(pq_regex *r, uint32_t more, pcre2_code **out) {
  pq_cx *cx = r->set->arena->cx;
  uint8_t message[160];
  size_t offset;
  int rc;
  *out = pcre2_compile(r->pattern.n == 0 ? (const uint8_t *)"" : r->pattern.p, r->pattern.n,
                       r->options | more, &rc, &offset, r->set->compile);
  if (*out != NULL) return PQ_OK;
  if (rc == PCRE2_ERROR_HEAP_FAILED) return cx->code;
  if (pcre2_get_error_message(rc, message, sizeof message) < 0) message[0] = 0;
  return pq_fail(cx, PQ_EFILTER, "the regular expression '%.*s' is malformed at byte %zu: %s",
                 PQ_SHOW(r->pattern), offset, (const char *)message);
}

int pq_regex_compile(pq_regex_set *s, pq_slice pattern, pq_slice options, pq_regex **out) {
  pq_cx *cx = s->arena->cx;
  pq_regex *r = pq_arena_calloc(s->arena, 1, sizeof *r);
  *out = NULL;
  if (r == NULL) return cx->code;
  *r = (pq_regex){.set = s, .pattern = pattern};
  if (pattern.n > PATTERN_LEN_MAX)
    return pq_fail(cx, PQ_ELIMIT, "a regular expression has at most %d bytes, this one %zu",
                   (int)PATTERN_LEN_MAX, pattern.n);
  if (pattern.n > 0 && memchr(pattern.p, 0, pattern.n) != NULL)
    return pq_fail(cx, PQ_EFILTER, "a regular expression cannot hold a NUL");
  PQ_TRY(read_options(s, options, &r->options));
  PQ_TRY(compile(r, 0, &r->plain));
  *out = r;
  return PQ_OK;
}

static int run(pq_regex *r, const pcre2_code *code, pq_slice text, size_t from) {
  return pcre2_match(code, text.n == 0 ? (const uint8_t *)"" : text.p, text.n, from,
                     PCRE2_NO_UTF_CHECK, r->data != NULL ? r->data : r->set->data, r->set->match);
}

static int run_counted(pq_regex *r, pq_slice text, size_t from) {
  pq_regex_set *s = r->set;
  if (r->counted == NULL) {
    s->status = compile(r, PCRE2_AUTO_CALLOUT, &r->counted);
    if (s->status != PQ_OK) return PCRE2_ERROR_NOMATCH;
  }
  if (from == 0) s->text_steps = STEPS_BASE + (uint64_t)text.n * STEPS_PER_BYTE;
  s->last_position = from;
  (void)pcre2_set_match_limit(s->match, UINT32_MAX);
  (void)pcre2_set_callout(s->match, count_step, s);
  return run(r, r->counted, text, from);
}

static bool search(pq_regex *r, pq_slice text, size_t from) {
  pq_regex_set *s = r->set;
  pq_cx *cx = s->arena->cx;
  int rc = PCRE2_ERROR_MATCHLIMIT;
  if (s->status != PQ_OK) return false;
  if (text.n <= PLAIN_TEXT_LEN_MAX) {
    (void)pcre2_set_match_limit(s->match, PLAIN_STEPS / (uint32_t)(text.n + 1));
    rc = run(r, r->plain, text, from);
  }
  if (rc == PCRE2_ERROR_MATCHLIMIT) rc = run_counted(r, text, from);
  if (rc >= 0) return true;
  if (rc == PCRE2_ERROR_NOMATCH) return false;
  if (rc == PCRE2_ERROR_NOMEMORY)
    s->status = cx->code;
  else
    s->status = pq_fail(
        cx, PQ_ELIMIT, "the regular expression '%.*s' takes too %s on a text of %zu bytes",
        PQ_SHOW(r->pattern),
        rc == PCRE2_ERROR_HEAPLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT ? "much memory" : "many steps",
        text.n);
  return false;
}

bool pq_regex_match(pq_regex *r, pq_slice text) {
  return search(r, text, 0);
}

uint32_t pq_regex_group_count(const pq_regex *r) {
  uint32_t n = 0;
  (void)pcre2_pattern_info(r->plain, PCRE2_INFO_CAPTURECOUNT, &n);
  return n;
}

bool pq_regex_find(pq_regex *r, pq_slice text, size_t from, pq_regex_span *spans) {
  uint32_t count = pq_regex_group_count(r) + 1;
  const size_t *at;
  if (r->data == NULL) {
    r->data = pcre2_match_data_create(count, r->set->general);
    if (r->data == NULL && r->set->status == PQ_OK) r->set->status = r->set->arena->cx->code;
  }
  /* The budget begins anew even when the first match needs the plain code only. */
  if (from == 0) r->set->text_steps = STEPS_BASE + (uint64_t)text.n * STEPS_PER_BYTE;
  if (r->data == NULL || !search(r, text, from)) return false;
  at = pcre2_get_ovector_pointer(r->data);
  for (uint32_t i = 0; i < count; i++) {
    bool is_set = at[2 * i] != PCRE2_UNSET && at[2 * i] <= at[2 * i + 1];
    spans[i] = is_set ? (pq_regex_span){(int64_t)at[2 * i], (int64_t)at[2 * i + 1]}
                      : (pq_regex_span){-1, -1};
  }
  return true;
}

#else

struct pq_regex_set {
  pq_arena *arena;
};

int pq_regex_set_new(pq_arena *arena, pq_regex_set **out) {
  *out = pq_arena_calloc(arena, 1, sizeof **out);
  if (*out == NULL) return arena->cx->code;
  (*out)->arena = arena;
  return PQ_OK;
}

int pq_regex_set_status(const pq_regex_set *s) {
  (void)s;
  return PQ_OK;
}

void pq_regex_set_renew(pq_regex_set *s) {
  (void)s;
}

int pq_regex_compile(pq_regex_set *s, pq_slice pattern, pq_slice options, pq_regex **out) {
  (void)options;
  *out = NULL;
  return pq_fail(s->arena->cx, PQ_EUNSUPPORTED,
                 "the regular expression '%.*s' is not supported: built without PCRE2",
                 PQ_SHOW(pattern));
}

bool pq_regex_match(pq_regex *r, pq_slice text) {
  (void)r;
  (void)text;
  return false;
}

uint32_t pq_regex_group_count(const pq_regex *r) {
  (void)r;
  return 0;
}

bool pq_regex_find(pq_regex *r, pq_slice text, size_t from, pq_regex_span *spans) {
  (void)r;
  (void)text;
  (void)from;
  (void)spans;
  return false;
}

#endif
