/* test/spec/spec_case.c - running the cases of a file on every backend. See spec_case.h.
 *
 *   > command ─► payload lines ─► run it ─► the lines up to the next command must fit the reply
 *                                        └► flush, reopen (variants)
 */
#include "spec_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "spec_match.h"

const spec_variant spec_variants[] = {
    {.name = "memory", .store = SPEC_MEMORY, .checks_cost = true},
    {.name = "shuffle", .store = SPEC_SHUFFLE, .seed = 1},
    {.name = "shuffle", .store = SPEC_SHUFFLE, .seed = 2},
    {.name = "flushed", .store = SPEC_SHUFFLE, .seed = 3, .flushes = true, .has_reader = true},
    {.name = "disk", .store = SPEC_DISK},
    {.name = "flushed", .store = SPEC_MEMORY, .flushes = true},
    {.name = "reopened", .store = SPEC_MEMORY, .reopens = true},
    {.name = "reopened", .store = SPEC_MEMORY, .reopens = true, .flushes = true},
    {.name = "compacted", .store = SPEC_MEMORY, .flushes = true, .compacts = true},
    {.name = "compacted",
     .store = SPEC_SHUFFLE,
     .seed = 4,
     .flushes = true,
     .compacts = true,
     .reopens = true,
     .has_reader = true},
    {.name = "reader", .store = SPEC_MEMORY, .has_reader = true},
    {.name = "reader", .store = SPEC_MEMORY, .has_reader = true, .flushes = true},
    {.name = "maintained", .store = SPEC_MEMORY, .maintains = true},
    {.name = "maintained", .store = SPEC_SHUFFLE, .seed = 5, .maintains = true, .has_reader = true},
    {.name = "maintained", .store = SPEC_MEMORY, .maintains = true, .reopens = true},
    {.name = "bulk", .store = SPEC_MEMORY, .bulks = true, .has_reader = true},
    {.name = "bulk", .store = SPEC_SHUFFLE, .seed = 6, .bulks = true, .reopens = true},
    {.name = "bulk", .store = SPEC_MEMORY, .bulks = true, .maintains = true},
    {.name = "paced", .store = SPEC_MEMORY, .stride = 1},
    {.name = "paced", .store = SPEC_SHUFFLE, .seed = 7, .stride = 1, .flushes = true},
    {.name = "paced", .store = SPEC_SHUFFLE, .seed = 8, .stride = 40, .reopens = true},
};
const size_t spec_variant_count = sizeof spec_variants / sizeof *spec_variants;

enum { KEPT_MAX = 10 };

typedef struct spec_run_state {
  const spec_file *file;
  const spec_variant *variant;
  pq_slice name; /* of the case */
  spec_db db;
  char ns[160];
  int64_t clock_us; /* set by `time`, else 0 */
  spec_reply reply;
  bool has_reply, is_ok;
  char *kept[KEPT_MAX]; /* owned: texts that `keep` took, for "@0" … in commands */
} spec_run_state;

/* ---- payloads: "| text" is a line, "|*N text" is N lines ---- */

/* ${i}, ${i*3%7}, ${i:4}: the number of the line, calculated from left to right, zero-padded. */
static size_t expand(pq_buf *out, pq_slice text, size_t at, uint64_t i) {
  uint64_t v = i, operand, width = 0;
  at += 3; /* "${i" */
  while (at < text.n && text.p[at] != '}') {
    uint8_t op = text.p[at++];
    for (operand = 0; at < text.n && text.p[at] >= '0' && text.p[at] <= '9'; at++)
      operand = operand * 10 + (uint64_t)(text.p[at] - '0');
    if (op == '*') v *= operand;
    if (op == '%') v %= operand;
    if (op == '/') v /= operand;
    if (op == '+') v += operand;
    if (op == ':') width = operand;
  }
  if (pq_buf_printf(out, "%0*llu", (int)width, (unsigned long long)v) != PQ_OK)
    spec_die("%s", spec_cx()->msg);
  return at + 1;
}

static void put_payload(pq_buf *out, pq_slice text) {
  uint64_t count = 1;
  if (text.n > 1 && text.p[0] == '*') {
    size_t n = 1;
    for (count = 0; n < text.n && text.p[n] >= '0' && text.p[n] <= '9'; n++)
      count = count * 10 + (uint64_t)(text.p[n] - '0');
    if (n < text.n && text.p[n] == ' ') n++;
    text = (pq_slice){text.p + n, text.n - n};
  }
  for (uint64_t i = 0; i < count; i++) {
    for (size_t at = 0; at < text.n;) {
      bool is_variable = text.n - at > 3 && memcmp(text.p + at, "${i", 3) == 0;
      if (is_variable)
        at = expand(out, text, at, i);
      else if (pq_buf_put_byte(out, text.p[at++]) != PQ_OK)
        spec_die("%s", spec_cx()->msg);
    }
    if (pq_buf_put_byte(out, '\n') != PQ_OK) spec_die("%s", spec_cx()->msg);
  }
}

/* ---- failures ---- */

static void complain(spec_run_state *r, const spec_line *line, const char *what) {
  char *got = r->has_reply ? spec_reply_text(&r->reply) : spec_format("%s", "");
  r->is_ok = false;
  fprintf(stderr, "%s:%d: %.*s on %s (seed %llu%s%s): %s\n  expected %s %.*s\n  got:\n%s",
          r->file->path, line->number, (int)r->name.n, (const char *)r->name.p, r->variant->name,
          (unsigned long long)r->variant->seed,
          r->variant->maintains  ? ", maintains"
          : r->variant->compacts ? ", compacts"
          : r->variant->flushes  ? ", flushes"
                                 : "",
          r->variant->reopens ? ", reopens" : "", what, line->mark, (int)line->text.n,
          (const char *)line->text.p, got);
  free(got);
}

/* ---- the reply ---- */

static void check_error(spec_run_state *r, const spec_line *line) {
  const uint8_t *space = memchr(line->text.p, ' ', line->text.n);
  size_t n = space == NULL ? line->text.n : (size_t)(space - line->text.p);
  pq_slice code = {line->text.p, n};
  char *fragment = spec_format("%.*s", space == NULL ? 0 : (int)(line->text.n - n - 1),
                               space == NULL ? "" : (const char *)space + 1);
  if (r->reply.rc >= 0 || !pq_slice_is(code, pq_status_name(r->reply.rc)))
    complain(r, line, "another outcome");
  else if (strstr(r->reply.message, fragment) == NULL)
    complain(r, line, "another message");
  free(fragment);
}

static bool match_line(const spec_line *line, pq_value got) {
  pq_arena arena;
  bool is_match;
  pq_arena_init(&arena, spec_cx(), SIZE_MAX / 2);
  is_match = spec_match(spec_json(&arena, line->text), got, strcmp(line->mark, "<") != 0);
  pq_arena_release(&arena);
  return is_match;
}

/* Item lines [first, last) against the items, in order or (`<~`) in any order. */
static void check_items(spec_run_state *r, const spec_line *first, const spec_line *last,
                        const spec_line *command) {
  bool is_open = false, is_unordered = false;
  uint32_t wanted = 0;
  bool *used = calloc((size_t)r->reply.count + 1, 1);
  if (used == NULL) spec_die("out of memory");
  for (const spec_line *l = first; l < last && r->is_ok; l++) {
    uint32_t at = wanted;
    if (strcmp(l->mark, "<*") == 0) is_open = true;
    if (strcmp(l->mark, "<~") == 0) is_unordered = true;
    if (strcmp(l->mark, "<") != 0 && strcmp(l->mark, "<+") != 0) continue;
    wanted++;
    if (is_unordered)
      for (at = 0; at < r->reply.count && (used[at] || !match_line(l, r->reply.items[at]));)
        at++;
    if (at >= r->reply.count || !match_line(l, r->reply.items[at]))
      complain(r, l, "this item is missing");
    else
      used[at] = true;
  }
  free(used);
  if (r->is_ok && !is_open && r->reply.count != wanted) complain(r, command, "more items");
}

static void check_reply(spec_run_state *r, const spec_line *command, const spec_line *first,
                        const spec_line *last) {
  for (const spec_line *l = first; l < last; l++) {
    if (strcmp(l->mark, "!") != 0) continue;
    check_error(r, l);
    return;
  }
  if (r->reply.rc != PQ_OK) {
    complain(r, command, "it failed");
    return;
  }
  check_items(r, first, last, command);
  for (const spec_line *l = first; l < last && r->is_ok; l++)
    if (strcmp(l->mark, "=") == 0 && !match_line(l, r->reply.summary))
      complain(r, l, "another summary");
}

/* ---- commands and directives ---- */

static bool is_read(pq_slice command) {
  static const char *const reads[] = {
      "get",         "find",     "findOne",  "count",     "estimatedCount", "exists",
      "distinct",    "related",  "traverse", "history",   "files",          "stats",
      "collections", "subgraph", "path",     "connected", "neighbourhood",  "match"};
  char name[24] = "";
  size_t i = 0, n = 0;
  while (i < command.n && (command.p[i] == '{' || command.p[i] == ' '))
    i++;
  if (i < command.n && command.p[i] == '"') i++;
  while (i < command.n && command.p[i] != '"' && n < sizeof name - 1)
    name[n++] = (char)command.p[i++];
  name[n] = '\0';
  for (i = 0; i < sizeof reads / sizeof *reads; i++)
    if (strcmp(reads[i], name) == 0) return true;
  return false;
}

static void between(spec_run_state *r) {
  if (r->variant->flushes) free(spec_text(&r->db, "{\"flush\": 1}"));
  if (r->variant->maintains) free(spec_text(&r->db, "{\"maintain\": 1}"));
  if (r->variant->compacts) free(spec_text(&r->db, "{\"compact\": \"\"}"));
  if (r->variant->reopens && spec_reopen(&r->db) != PQ_OK)
    spec_die("cannot open the warehouse again: %s", r->db.cx.msg);
}

/* The command with "@0" … "@9" replaced by what was kept; owned by the caller. */
static char *with_kept(const spec_run_state *r, pq_slice text) {
  pq_buf out;
  char *copy;
  pq_buf_init(&out, spec_cx(), SIZE_MAX / 2);
  for (size_t i = 0; i < text.n; i++) {
    bool is_name = text.p[i] == '@' && i + 1 < text.n && text.p[i + 1] >= '0' &&
                   text.p[i + 1] <= '9' && r->kept[text.p[i + 1] - '0'] != NULL;
    int rc = is_name ? pq_buf_printf(&out, "%s", r->kept[text.p[i + 1] - '0'])
                     : pq_buf_put_byte(&out, text.p[i]);
    if (rc != PQ_OK) spec_die("%s", spec_cx()->msg);
    i += is_name;
  }
  copy = spec_format("%.*s", (int)out.len, out.len == 0 ? "" : (const char *)pq_buf_slice(&out).p);
  pq_buf_release(&out);
  return copy;
}

/* "keep 1 nextCursor": the text of a field of the summary, as "@1" from here on. */
static void keep_field(spec_run_state *r, const spec_line *line) {
  pq_slice name = {line->text.p + 7, line->text.n - 7}, text;
  uint32_t at = (uint32_t)line->text.p[5] - '0';
  if (at >= KEPT_MAX || !pq_value_string(pq_object_get(r->reply.summary, name), &text)) {
    complain(r, line, "the summary has no such text");
    return;
  }
  free(r->kept[at]);
  r->kept[at] = spec_format("%.*s", (int)text.n, (const char *)text.p);
}

/* Run the command of lines[i]; returns the index after its payload and expectations. */
static size_t run_command(spec_run_state *r, size_t i) {
  const spec_line *lines = r->file->lines, *command = &lines[i++];
  char *text = with_kept(r, command->text);
  size_t first;
  pq_buf payload;
  pq_buf_init(&payload, spec_cx(), SIZE_MAX / 2);
  for (; i < r->file->count && strcmp(lines[i].mark, "|") == 0; i++)
    put_payload(&payload, lines[i].text);
  for (first = i; i < r->file->count && strchr("<=!", lines[i].mark[0]) != NULL;)
    i++;
  spec_reply_release(&r->reply);
  r->db.now_us += 1000000;
  if (r->clock_us != 0) r->db.now_us = r->clock_us;
  r->clock_us = 0;
  if (r->variant->has_reader && is_read(command->text))
    spec_run_reader(&r->db, pq_str(text), pq_buf_slice(&payload), &r->reply);
  else
    spec_run(&r->db, pq_str(text), pq_buf_slice(&payload), &r->reply);
  r->has_reply = true;
  free(text);
  pq_buf_release(&payload);
  check_reply(r, command, lines + first, lines + i);
  if (r->reply.rc == PQ_OK) between(r);
  return i;
}

static void check_cost(spec_run_state *r, const spec_line *line) {
  char *text = spec_format("cost requests=%llu rounds=%llu", (unsigned long long)r->reply.requests,
                           (unsigned long long)r->reply.rounds);
  if (r->variant->checks_cost && !pq_slice_is(line->text, text)) complain(r, line, text);
  free(text);
}

static void run_directive(spec_run_state *r, const spec_line *line) {
  pq_slice text = line->text;
  if (pq_slice_is(text, "flush")) {
    free(spec_text(&r->db, "{\"flush\": 1}"));
  } else if (pq_slice_is(text, "reopen")) {
    if (spec_reopen(&r->db) != PQ_OK) spec_die("cannot open again: %s", r->db.cx.msg);
  } else if (text.n > 3 && memcmp(text.p, "ns ", 3) == 0) {
    snprintf(r->ns, sizeof r->ns, "%.*s", (int)text.n - 3, (const char *)text.p + 3);
    r->db.ns = r->ns;
  } else if (text.n > 5 && memcmp(text.p, "time ", 5) == 0) {
    if (!pq_time_parse((pq_slice){text.p + 5, text.n - 5}, &r->clock_us))
      spec_die("%s:%d: not a time", r->file->path, line->number);
  } else if (text.n > 5 && memcmp(text.p, "cost ", 5) == 0) {
    check_cost(r, line);
  } else if (text.n > 7 && memcmp(text.p, "keep ", 5) == 0) {
    keep_field(r, line);
  } else {
    spec_die("%s:%d: no such directive", r->file->path, line->number);
  }
}

/* "--- only a b" and "--- not a b" right after the case line. */
static bool is_for(const spec_run_state *r, const spec_line *line) {
  char *list = spec_format(" %.*s ", (int)line->text.n, (const char *)line->text.p);
  char *name = spec_format(" %s ", r->variant->name);
  bool is_named = strstr(list, name) != NULL, is_only = strncmp(list, " only ", 6) == 0;
  bool is_not = strncmp(list, " not ", 5) == 0;
  bool is_flush =
      is_not && strstr(list, " flushed ") != NULL && (r->variant->flushes || r->variant->maintains);
  bool is_reopen = is_not && strstr(list, " reopened ") != NULL && r->variant->reopens;
  bool is_reader = is_not && strstr(list, " reader ") != NULL && r->variant->has_reader;
  free(list);
  free(name);
  if (is_only) return is_named;
  return !(is_not && (is_named || is_flush || is_reopen || is_reader));
}

static bool is_selector(const spec_line *line) {
  return strcmp(line->mark, "---") == 0 &&
         ((line->text.n > 5 && memcmp(line->text.p, "only ", 5) == 0) ||
          (line->text.n > 4 && memcmp(line->text.p, "not ", 4) == 0));
}

/* After a case everything that is stored must agree with everything else. */
static void check_whole(spec_run_state *r) {
  spec_reply reply;
  char *text;
  if (!r->is_ok) return;
  spec_run(&r->db, PQ_SLICE("{\"verify\": 1}"), (pq_slice){0}, &reply);
  text = spec_reply_text(&reply);
  r->is_ok = reply.rc == PQ_EPATH || strstr(text, "\"problems\":{\"$numberInt\":\"0\"}") != NULL;
  if (!r->is_ok)
    fprintf(stderr, "%s: %.*s on %s: verify:\n%s\n", r->file->path, (int)r->name.n,
            (const char *)r->name.p, r->variant->name, text);
  spec_reply_release(&reply);
  free(text);
}

/* Run the case whose lines are [first, last). */
static bool run_case(spec_run_state *r, size_t first, size_t last) {
  int64_t leaked;
  uint32_t bulk = spec_bulk;
  if (r->variant->bulks) spec_bulk = 1;
  spec_stride = r->variant->stride;
  if (r->variant->maintains)
    spec_start_low(&r->db, r->variant->store, r->variant->seed);
  else
    spec_start(&r->db, r->variant->store, r->variant->seed);
  if (r->variant->has_reader && spec_open_reader(&r->db) != PQ_OK)
    spec_die("cannot open a reader: %s", r->db.reader_cx.msg);
  for (size_t i = first; i < last && r->is_ok;) {
    const spec_line *line = &r->file->lines[i];
    if (strcmp(line->mark, ">") == 0) {
      i = run_command(r, i);
    } else if (strcmp(line->mark, "---") == 0) {
      run_directive(r, line);
      i++;
    } else {
      spec_die("%s:%d: this line needs a command above it", r->file->path, line->number);
    }
  }
  spec_reply_release(&r->reply);
  check_whole(r);
  for (size_t i = 0; i < KEPT_MAX; i++)
    free(r->kept[i]);
  leaked = spec_end(&r->db);
  spec_bulk = bulk;
  spec_stride = 0;
  if (leaked == 0) return r->is_ok;
  fprintf(stderr, "%s: %.*s on %s: %lld bytes leaked\n", r->file->path, (int)r->name.n,
          (const char *)r->name.p, r->variant->name, (long long)leaked);
  return false;
}

void spec_file_run(const spec_file *f, const char *only, uint64_t *passed, uint64_t *failed) {
  size_t last;
  for (size_t first = 0; first < f->count; first = last) {
    char *name =
        spec_format("%.*s", (int)f->lines[first].text.n, (const char *)f->lines[first].text.p);
    bool is_wanted = only == NULL || strstr(name, only) != NULL;
    bool has_failed = false;
    free(name);
    for (last = first + 1; last < f->count && strcmp(f->lines[last].mark, "#") != 0;)
      last++;
    for (size_t v = 0; is_wanted && v < spec_variant_count && !has_failed; v++) {
      spec_run_state r = {
          .file = f, .variant = &spec_variants[v], .is_ok = true, .name = f->lines[first].text};
      size_t at = first + 1;
      bool is_chosen = spec_variants[v].store != SPEC_DISK || spec_has_disk();
      for (; at < last && is_selector(&f->lines[at]); at++)
        is_chosen = is_chosen && is_for(&r, &f->lines[at]);
      if (!is_chosen) continue;
      has_failed = !run_case(&r, at, last);
      *(has_failed ? failed : passed) += 1;
    }
  }
}
