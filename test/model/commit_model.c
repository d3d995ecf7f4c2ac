/* test/model/commit_model.c - the commit protocol (doc/formats/log.md) as a model, searched breadth
 * first until every state was seen or one breaks a promise.
 *
 *   two writers   open, fence, upload, put, read back, read the boundary, acknowledge
 *   collector     of each: checkpoint, raise the boundary, delete entries, delete files
 *   one reader    refreshes, or begins anew at the checkpoint
 *   the store     a reply may get lost, done or not; a put may land at any later time
 *
 * Nobody has to move: to stall is to let the others go first. Nothing here knows the time.
 *
 * Promised, in every state:
 *   1  an acknowledged commit is in the log, or in the checkpoint that stands for it
 *   2  the file of each commit there is in the store
 *   3  what the reader saw at a place is what was acknowledged there
 *   4  a reader that is "up to date" has all that was acknowledged when it asked
 *
 * Each variant leaves one thing out, and must break a promise: the trace says how.
 *   commit_model [--trace] [VARIANT]      last line: N passed, N failed
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 4, WRITERS = 2, COMMITS = 2 };

typedef enum variant {
  RIGHT,          /* without the reader, who changes nothing for the others */
  RIGHT_READER,   /* with it, and one entry less */
  DELETES_FILES,  /* 1: a commit that seems to have failed takes its file along */
  TRUSTS_PUT,     /* 2: acknowledged without a look at the boundary */
  TRUSTS_ABSENT,  /* 2: a reader that slept takes "absent" or an entry as it is */
  IGNORES_EPOCHS, /* 3: unknown files of any epoch are deleted */
  PLAIN_BOUNDARY, /* 4: the boundary is put without a condition */
  DELETES_FIRST,  /* entries are deleted before the boundary is raised */
  VARIANTS
} variant;

static const char *const variant_names[] = {"right",          "right, read",   "deletes-files",
                                            "trusts-put",     "trusts-absent", "ignores-epochs",
                                            "plain-boundary", "deletes-first"};

/* A commit is 1 + writer * 4 + k: k = 0 the fence, then 1 … COMMITS. 0: none. */
static uint8_t commit_of(int w, int k) {
  return (uint8_t)(1 + w * 4 + k);
}
static int writer_of(uint8_t commit) {
  return (commit - 1) / 4;
}
static int number_of(uint8_t commit) {
  return (commit - 1) % 4;
}
/* Bit of its file; fences have none. */
static uint8_t file_of(uint8_t commit) {
  int k = number_of(commit);
  return k == 0 ? 0 : (uint8_t)(1 << (writer_of(commit) * COMMITS + k - 1));
}

enum { CLOSED, OPENING, WALKED, READY, UPLOADED, PUTTING, UNCLEAR, STORED, STOPPED };
enum { AT_REST, PLANNED, RAISING, RAISED, SWEPT, FINISHED };

typedef struct writer {
  uint8_t pc, base, epoch, k, start;
  uint8_t chain[SLOTS]; /* what it knows: commits of slots 1 … base */
  uint8_t gc, gc_entry, gc_was;
  uint8_t gc_chain[SLOTS];
  uint8_t late_slot, late_commit;  /* a put of an entry that may still land */
  uint8_t late_boundary, late_was; /* the same of the boundary */
} writer;

typedef struct state {
  uint8_t log[SLOTS], acked[SLOTS];
  uint8_t ckpt_entry, ckpt[SLOTS];
  uint8_t boundary, files;
  writer w[WRITERS];
  uint8_t reader_pc, reader_at, reader_got, reader_limit;
  uint8_t seen[SLOTS];
} state;

/* ---- the set of states ---- */

typedef struct node {
  state s;
  uint32_t parent;
  uint8_t who, detail;
  const char *move;
} node;

typedef struct search {
  variant variant;
  int slots; /* of SLOTS */
  bool has_reader;
  node *nodes;
  uint32_t count, cap;
  uint32_t *table; /* index + 1 */
  uint32_t table_cap;
  uint32_t from; /* being expanded */
  const char *broken;
} search;

static uint64_t hash_of(const state *s) {
  const uint8_t *p = (const uint8_t *)s;
  uint64_t h = 0xcbf29ce484222325u;
  for (size_t i = 0; i < sizeof *s; i++)
    h = (h ^ p[i]) * 0x100000001b3u;
  return h ^ h >> 29;
}

static void *must(void *p) {
  if (p != NULL) return p;
  fprintf(stderr, "out of memory\n");
  exit(2);
}

static void grow(search *x) {
  if (x->count == x->cap) {
    x->cap = x->cap == 0 ? 1 << 12 : x->cap * 2;
    x->nodes = must(realloc(x->nodes, x->cap * sizeof *x->nodes));
  }
  if (x->count * 2 < x->table_cap) return;
  x->table_cap = x->table_cap == 0 ? 1 << 14 : x->table_cap * 2;
  free(x->table);
  x->table = must(calloc(x->table_cap, sizeof *x->table));
  for (uint32_t i = 0; i < x->count; i++) {
    uint32_t at = (uint32_t)hash_of(&x->nodes[i].s) & (x->table_cap - 1);
    while (x->table[at] != 0)
      at = (at + 1) & (x->table_cap - 1);
    x->table[at] = i + 1;
  }
}

/* ---- what is promised ---- */

/* The commit that a slot holds for all who begin now. */
static uint8_t chain_at(const state *s, int slot) {
  return slot <= s->ckpt_entry ? s->ckpt[slot - 1] : s->log[slot - 1];
}

static const char *broken(const state *s) {
  for (int n = 1; n <= SLOTS; n++) {
    uint8_t c = chain_at(s, n), a = s->acked[n - 1];
    if (a != 0 && a != c) return "an acknowledged commit is lost";
    if (c != 0 && (s->files & file_of(c)) != file_of(c)) return "the file of a commit is missing";
    if (a != 0 && n <= s->reader_at && s->seen[n - 1] != a)
      return "the reader saw another commit than the one acknowledged";
  }
  return NULL;
}

/* What is over need not be told apart. */
static void forget(state *s) {
  for (int i = 0; i < WRITERS; i++) {
    writer *w = &s->w[i];
    if (w->gc != FINISHED) continue;
    w->gc_entry = w->gc_was = 0;
    memset(w->gc_chain, 0, sizeof w->gc_chain);
  }
}

static void add(search *x, const state *given, const char *move, int who, int detail) {
  state copy = *given;
  const state *s = &copy;
  uint32_t at;
  node *n;
  forget(&copy);
  grow(x);
  at = (uint32_t)hash_of(s) & (x->table_cap - 1);
  for (; x->table[at] != 0; at = (at + 1) & (x->table_cap - 1))
    if (memcmp(&x->nodes[x->table[at] - 1].s, s, sizeof *s) == 0) return;
  x->table[at] = x->count + 1;
  n = &x->nodes[x->count++];
  n->s = *s;
  n->parent = x->from;
  n->move = move;
  n->who = (uint8_t)who;
  n->detail = (uint8_t)detail;
  if (x->broken == NULL) x->broken = broken(s);
}

/* ---- the store ---- */

static bool put_new(state *s, int slot, uint8_t commit) {
  if (s->log[slot - 1] != 0) return false;
  s->log[slot - 1] = commit;
  return true;
}

static bool put_boundary(const search *x, state *s, uint8_t was, uint8_t value) {
  if (x->variant != PLAIN_BOUNDARY && s->boundary != was) return false;
  s->boundary = value;
  return true;
}

/* Puts whose sender has given up waiting. */
static void move_late(search *x, const state *s, int w) {
  state t = *s;
  if (s->w[w].late_commit != 0) {
    (void)put_new(&t, s->w[w].late_slot, s->w[w].late_commit);
    t.w[w].late_commit = t.w[w].late_slot = 0;
    add(x, &t, "late put of entry", w, s->w[w].late_slot);
  }
  t = *s;
  if (s->w[w].late_boundary != 0) {
    (void)put_boundary(x, &t, s->w[w].late_was, s->w[w].late_boundary);
    t.w[w].late_boundary = t.w[w].late_was = 0;
    add(x, &t, "late put of boundary", w, s->w[w].late_boundary);
  }
}

/* ---- a writer ---- */

static void stop(state *t, int w) {
  t->w[w].pc = STOPPED;
}

static void open_walk(state *t, int w, int slots) {
  writer *me = &t->w[w];
  me->base = me->start;
  while (me->base < slots && t->log[me->base] != 0) {
    me->chain[me->base] = t->log[me->base];
    me->base++;
  }
  me->pc = WALKED;
}

static void move_open(search *x, const state *s, int w) {
  state t = *s;
  writer *me = &t.w[w];
  if (me->pc == CLOSED) {
    me->pc = OPENING;
    me->start = s->ckpt_entry;
    memcpy(me->chain, s->ckpt, sizeof me->chain);
    add(x, &t, "opens at checkpoint", w, s->ckpt_entry);
  } else if (me->pc == OPENING) {
    open_walk(&t, w, x->slots);
    add(x, &t, "walks to entry", w, me->base);
  } else if (s->boundary > me->start + 1) {
    me->pc = CLOSED;
    memset(me->chain, 0, sizeof me->chain);
    me->base = me->start = 0;
    add(x, &t, "finds the boundary at", w, s->boundary);
  } else {
    me->pc = READY;
    me->epoch = 1;
    if (me->base > 0) me->epoch = (uint8_t)(t.w[writer_of(me->chain[me->base - 1])].epoch + 1);
    me->start = 0;
    add(x, &t, "takes epoch", w, me->epoch);
  }
}

/* The put of an entry: done, refused, lost before or behind the store, or on its way for long. */
static void move_put(search *x, const state *s, int w) {
  const writer *old = &s->w[w];
  int slot = old->base + 1;
  uint8_t commit = commit_of(w, old->k);
  state t = *s;
  bool is_done = put_new(&t, slot, commit);
  t.w[w].pc = is_done ? STORED : UNCLEAR;
  add(x, &t, is_done ? "stores entry" : "is refused entry", w, slot);
  t.w[w].pc = UNCLEAR;
  if (is_done) add(x, &t, "stores, but does not hear, entry", w, slot);
  t = *s;
  t.w[w].pc = UNCLEAR;
  add(x, &t, "loses its put of entry", w, slot);
  if (old->late_commit != 0) return;
  t.w[w].late_slot = (uint8_t)slot;
  t.w[w].late_commit = commit;
  add(x, &t, "waits in vain for entry", w, slot);
}

static void move_read_back(search *x, const state *s, int w) {
  const writer *old = &s->w[w];
  int slot = old->base + 1;
  uint8_t mine = commit_of(w, old->k), there = s->log[slot - 1];
  state t = *s;
  writer *me = &t.w[w];
  if (x->variant == DELETES_FILES && old->k > 0 && there != mine) {
    t.files &= (uint8_t)~file_of(mine);
    stop(&t, w);
    add(x, &t, "gives up, deletes the file of entry", w, slot);
    return;
  }
  if (there == mine) {
    me->pc = STORED;
    add(x, &t, "reads back its own entry", w, slot);
  } else if (there == 0) {
    me->pc = PUTTING;
    add(x, &t, "finds nothing, tries again entry", w, slot);
  } else if (old->k == 0 && t.w[writer_of(there)].epoch < old->epoch) {
    me->chain[slot - 1] = there; /* an older writer slipped in: build on it */
    me->base++;
    me->pc = me->base < x->slots ? PUTTING : STOPPED;
    add(x, &t, "rebases on entry", w, slot);
  } else {
    stop(&t, w);
    add(x, &t, "is fenced at entry", w, slot);
  }
}

static void move_acknowledge(search *x, const state *s, int w) {
  const writer *old = &s->w[w];
  int slot = old->base + 1;
  state t = *s;
  writer *me = &t.w[w];
  if (x->variant != TRUSTS_PUT && s->boundary > slot) {
    stop(&t, w);
    add(x, &t, "is behind the boundary with entry", w, slot);
    return;
  }
  me->chain[slot - 1] = commit_of(w, old->k);
  if (t.acked[slot - 1] == 0)
    t.acked[slot - 1] = commit_of(w, old->k);
  else
    x->broken = "two commits are acknowledged at one place";
  me->base++;
  me->k++;
  me->pc = READY;
  add(x, &t, "acknowledges entry", w, slot);
}

static void move_writer(search *x, const state *s, int w) {
  const writer *old = &s->w[w];
  state t = *s;
  switch (old->pc) {
    case CLOSED:
    case OPENING:
    case WALKED: move_open(x, s, w); break;
    case READY:
      if (old->base == x->slots || old->k > COMMITS) break;
      t.w[w].pc = PUTTING;
      if (old->k > 0) t.files |= file_of(commit_of(w, old->k));
      add(x, &t, old->k > 0 ? "uploads a file for entry" : "fences at entry", w, old->base + 1);
      break;
    case PUTTING: move_put(x, s, w); break;
    case UNCLEAR: move_read_back(x, s, w); break;
    case STORED: move_acknowledge(x, s, w); break;
    default: break;
  }
}

/* ---- a collector ---- */

static void delete_entries(state *t, const writer *me) {
  for (int n = 1; n <= me->gc_entry; n++)
    t->log[n - 1] = 0;
}

static void move_raise(search *x, const state *s, int w) {
  const writer *old = &s->w[w];
  uint8_t value = (uint8_t)(old->gc_entry + 1);
  state t = *s;
  bool is_done = put_boundary(x, &t, old->gc_was, value);
  t.w[w].gc = is_done ? RAISED : FINISHED;
  add(x, &t, is_done ? "raises the boundary to" : "is refused boundary", w, value);
  t = *s;
  t.w[w].gc = FINISHED;
  t.w[w].late_boundary = value;
  t.w[w].late_was = old->gc_was;
  add(x, &t, "waits in vain for boundary", w, value);
}

/* Files that its chain does not name, of epochs that can commit no more. */
static void sweep(const search *x, state *t, int w) {
  const writer *me = &t->w[w];
  uint8_t named = 0;
  for (int n = 0; n < me->gc_entry; n++)
    if (me->gc_chain[n] != 0) named |= file_of(me->gc_chain[n]);
  for (int o = 0; o < WRITERS; o++)
    for (int k = 1; k <= COMMITS; k++) {
      uint8_t bit = file_of(commit_of(o, k));
      bool is_over = x->variant == IGNORES_EPOCHS ? o != w : t->w[o].epoch < me->epoch;
      if (is_over && (named & bit) == 0) t->files &= (uint8_t)~bit;
    }
}

static void move_collector(search *x, const state *s, int w) {
  const writer *old = &s->w[w];
  state t = *s;
  writer *me = &t.w[w];
  switch (old->gc) {
    case AT_REST:
      if (old->k == 0 || old->pc < READY) break; /* until its fence is in the log */
      me->gc_entry = old->base;
      memcpy(me->gc_chain, old->chain, sizeof me->gc_chain);
      me->gc = PLANNED;
      if (old->base > t.ckpt_entry) {
        t.ckpt_entry = old->base;
        memcpy(t.ckpt, old->chain, sizeof t.ckpt);
      }
      add(x, &t, "collector: checkpoint", w, old->base);
      break;
    case PLANNED:
      me->gc = s->boundary <= old->gc_entry ? RAISING : FINISHED;
      me->gc_was = s->boundary;
      if (x->variant == DELETES_FIRST) delete_entries(&t, old);
      add(x, &t, "collector: reads the boundary", w, s->boundary);
      break;
    case RAISING: move_raise(x, s, w); break;
    case RAISED:
      delete_entries(&t, old);
      me->gc = SWEPT;
      add(x, &t, "collector: deletes entries up to", w, old->gc_entry);
      break;
    case SWEPT:
      sweep(x, &t, w);
      me->gc = FINISHED;
      add(x, &t, "collector: deletes files, as of entry", w, old->gc_entry);
      break;
    default: break;
  }
}

/* ---- the reader ---- */

static int newest_acked(const state *s) {
  int n = SLOTS;
  while (n > 0 && s->acked[n - 1] == 0)
    n--;
  return n;
}

static void move_reader(search *x, const state *s) {
  state t = *s;
  int at = s->reader_at;
  if (s->reader_pc == 0) {
    t.reader_pc = 1;
    t.reader_got = at < x->slots ? s->log[at] : 0;
    t.reader_limit = (uint8_t)newest_acked(s);
    add(x, &t, "asks for entry", WRITERS, at + 1);
    return;
  }
  t.reader_pc = t.reader_got = t.reader_limit = 0;
  if (x->variant != TRUSTS_ABSENT && s->boundary > at + 1) {
    t.reader_at = s->ckpt_entry;
    memcpy(t.seen, s->ckpt, sizeof t.seen);
    add(x, &t, "begins anew at checkpoint", WRITERS, s->ckpt_entry);
    return;
  }
  if (s->reader_got != 0) {
    t.seen[at] = s->reader_got;
    t.reader_at++;
  } else if (s->reader_limit > at) {
    x->broken = "a reader that is up to date lacks an acknowledged commit";
  }
  add(x, &t, s->reader_got != 0 ? "applies entry" : "is up to date at", WRITERS,
      s->reader_got != 0 ? at + 1 : at);
}

/* ---- searching ---- */

static void print_move(const node *n) {
  if (n->who == WRITERS)
    printf("    reader: %s %d\n", n->move, n->detail);
  else
    printf("    writer %c: %s %d\n", 'A' + n->who, n->move, n->detail);
}

static void print_trace(const search *x) {
  uint32_t path[1000], n = 0;
  for (uint32_t i = x->count - 1; i != 0 && n < 1000; i = x->nodes[i].parent)
    path[n++] = i;
  while (n > 0)
    print_move(&x->nodes[path[--n]]);
  printf("    => %s\n", x->broken);
}

static bool run(variant v, bool is_trace) {
  search x = {.variant = v, .slots = SLOTS, .has_reader = v != RIGHT};
  state first;
  bool is_right;
  if (v == RIGHT_READER) x.slots = SLOTS - 1;
  memset(&first, 0, sizeof first);
  first.boundary = 1;
  add(&x, &first, "", 0, 0);
  for (x.from = 0; x.from < x.count && x.broken == NULL; x.from++) {
    state s = x.nodes[x.from].s;
    for (int w = 0; w < WRITERS && x.broken == NULL; w++) {
      move_late(&x, &s, w);
      if (x.broken == NULL) move_writer(&x, &s, w);
      if (x.broken == NULL) move_collector(&x, &s, w);
    }
    if (x.broken == NULL && x.has_reader) move_reader(&x, &s);
  }
  is_right = (x.broken == NULL) == (v <= RIGHT_READER);
  printf("%s: %u states, %s\n", variant_names[v], x.count,
         x.broken == NULL ? "all promises kept" : x.broken);
  if (x.broken != NULL && (is_trace || !is_right)) print_trace(&x);
  free(x.nodes);
  free(x.table);
  return is_right;
}

int main(int argc, char **argv) {
  bool is_trace = argc > 1 && strcmp(argv[1], "--trace") == 0;
  const char *only = argc > 1 + is_trace ? argv[1 + is_trace] : NULL;
  int passed = 0, failed = 0;
  for (int v = RIGHT; v < VARIANTS; v++) {
    if (only != NULL && strcmp(only, variant_names[v]) != 0) continue;
    *(run((variant)v, is_trace) ? &passed : &failed) += 1;
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
