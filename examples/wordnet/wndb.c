/* wndb.c - reads the database files of WordNet; wndb.h has the picture. */
#include "wndb.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const FILE_NAMES[WN_FILES] = {"adj", "noun", "adv", "verb"};
static const char FILE_LETTERS[] = "anrv";

/* lexnames(5WN): the index is the number. */
static const char *const LEXNAMES[] = {
    "adj.all",          "adj.pert",           "adv.all",
    "noun.Tops",        "noun.act",           "noun.animal",
    "noun.artifact",    "noun.attribute",     "noun.body",
    "noun.cognition",   "noun.communication", "noun.event",
    "noun.feeling",     "noun.food",          "noun.group",
    "noun.location",    "noun.motive",        "noun.object",
    "noun.person",      "noun.phenomenon",    "noun.plant",
    "noun.possession",  "noun.process",       "noun.quantity",
    "noun.relation",    "noun.shape",         "noun.state",
    "noun.substance",   "noun.time",          "verb.body",
    "verb.change",      "verb.cognition",     "verb.communication",
    "verb.competition", "verb.consumption",   "verb.contact",
    "verb.creation",    "verb.emotion",       "verb.motion",
    "verb.perception",  "verb.possession",    "verb.social",
    "verb.stative",     "verb.weather",       "adj.ppl"};
enum { LEXNAME_COUNT = sizeof(LEXNAMES) / sizeof(LEXNAMES[0]) };

/* wninput(5WN). Where WordNet keeps no inverse pointer the reverse name is NAME_of. */
static const wn_relation RELATIONS[] = {{"!", "antonym", "antonym"},
                                        {"@", "hypernym", "hyponym"},
                                        {"@i", "instance_hypernym", "instance_hyponym"},
                                        {"~", "hyponym", "hypernym"},
                                        {"~i", "instance_hyponym", "instance_hypernym"},
                                        {"#m", "member_holonym", "member_meronym"},
                                        {"#s", "substance_holonym", "substance_meronym"},
                                        {"#p", "part_holonym", "part_meronym"},
                                        {"%m", "member_meronym", "member_holonym"},
                                        {"%s", "substance_meronym", "substance_holonym"},
                                        {"%p", "part_meronym", "part_holonym"},
                                        {"=", "attribute", "attribute"},
                                        {"+", "derivationally_related", "derivationally_related"},
                                        {"&", "similar_to", "similar_to"},
                                        {"$", "verb_group", "verb_group"},
                                        {"*", "entailment", "entailment_of"},
                                        {">", "cause", "cause_of"},
                                        {"^", "also_see", "also_see_of"},
                                        {"<", "participle", "participle_of"},
                                        {";c", "domain_topic", "domain_topic_member"},
                                        {";r", "domain_region", "domain_region_member"},
                                        {";u", "domain_usage", "domain_usage_member"},
                                        {"-c", "domain_topic_member", "domain_topic"},
                                        {"-r", "domain_region_member", "domain_region"},
                                        {"-u", "domain_usage_member", "domain_usage"}};
static const wn_relation PERTAINYM = {"\\", "pertainym", "pertainym_of"};
static const wn_relation DERIVED_FROM = {"\\", "derived_from_adjective",
                                         "derived_from_adjective_of"};

static bool fail(wn_dict *dict, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  vsnprintf(dict->message, sizeof(dict->message), fmt, args);
  va_end(args);
  return false;
}

/* ---- the files ---- */

static bool read_file(wn_dict *dict, const char *path, char **text, size_t *len) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return fail(dict, "cannot open %s: %s", path, strerror(errno));
  size_t cap = (size_t)1 << 20;
  *text = malloc(cap + 1);
  while (*text != NULL) {
    *len += fread(*text + *len, 1, cap - *len, file);
    if (*len < cap) break;
    cap *= 2;
    char *grown = realloc(*text, cap + 1);
    if (grown == NULL) free(*text);
    *text = grown;
  }
  bool is_read = *text != NULL && !ferror(file);
  fclose(file);
  if (!is_read) return fail(dict, "cannot read %s", path);
  (*text)[*len] = '\0';
  return true;
}

bool wn_open(wn_dict *dict, const char *dir) {
  *dict = (wn_dict){0};
  for (size_t i = 0; i < WN_FILES; i++) {
    char path[4096];
    int len = snprintf(path, sizeof(path), "%s/data.%s", dir, FILE_NAMES[i]);
    if (len < 0 || (size_t)len >= sizeof(path)) return fail(dict, "the folder's name is too long");
    if (!read_file(dict, path, &dict->text[i], &dict->len[i])) return false;
  }
  return true;
}

void wn_close(wn_dict *dict) {
  for (size_t i = 0; i < WN_FILES; i++)
    free(dict->text[i]);
  *dict = (wn_dict){0};
}

/* ---- one line ---- */

typedef struct cursor {
  const char *p;
  const char *end; /* at the newline */
} cursor;

/* The next word of the line; empty at its end. */
static wn_text next_word(cursor *line) {
  while (line->p < line->end && *line->p == ' ')
    line->p++;
  wn_text word = {line->p, 0};
  while (line->p < line->end && *line->p != ' ')
    line->p++;
  word.len = (size_t)(line->p - word.p);
  return word;
}

/* A number of `digits` digits in `base`; false when it is anything else. */
static bool next_number(cursor *line, size_t digits, int base, unsigned *out) {
  wn_text word = next_word(line);
  char tmp[9] = "";
  char *end;
  if (word.len != digits || digits >= sizeof(tmp)) return false;
  memcpy(tmp, word.p, word.len);
  *out = (unsigned)strtoul(tmp, &end, base);
  return *end == '\0';
}

static bool next_words(cursor *line, wn_synset *synset) {
  unsigned count, lex_id;
  if (!next_number(line, 2, 16, &count) || count == 0) return false;
  synset->word_count = count;
  for (size_t i = 0; i < count; i++) {
    synset->words[i] = next_word(line);
    if (synset->words[i].len == 0 || !next_number(line, 1, 16, &lex_id)) return false;
  }
  return true;
}

static const wn_relation *find_relation(wn_text symbol, char file_letter) {
  if (symbol.len == 1 && symbol.p[0] == '\\') {
    return file_letter == 'r' ? &DERIVED_FROM : &PERTAINYM;
  }
  for (size_t i = 0; i < sizeof(RELATIONS) / sizeof(RELATIONS[0]); i++) {
    const char *known = RELATIONS[i].symbol;
    if (strlen(known) == symbol.len && memcmp(known, symbol.p, symbol.len) == 0) {
      return &RELATIONS[i];
    }
  }
  return NULL;
}

static bool next_pointer(cursor *line, char file_letter, wn_pointer *out) {
  wn_text symbol = next_word(line);
  unsigned offset, words;
  if (!next_number(line, 8, 10, &offset)) return false;
  wn_text pos = next_word(line);
  if (pos.len != 1 || !next_number(line, 4, 16, &words)) return false;
  char letter = pos.p[0] == 's' ? 'a' : pos.p[0];
  out->relation = find_relation(symbol, file_letter);
  out->source_word = words >> 8;
  out->target_word = words & 0xff;
  snprintf(out->to, sizeof(out->to), "%c%08u", letter, offset % 100000000);
  return out->relation != NULL && strchr(FILE_LETTERS, letter) != NULL;
}

static bool parse_head(cursor *line, char letter, size_t off, wn_synset *synset) {
  unsigned offset, lex_num;
  if (!next_number(line, 8, 10, &offset) || offset != off) return false;
  if (!next_number(line, 2, 10, &lex_num) || lex_num >= LEXNAME_COUNT) return false;
  wn_text pos = next_word(line);
  if (pos.len != 1) return false;
  synset->pos = pos.p[0];
  synset->lexname = LEXNAMES[lex_num];
  snprintf(synset->id, sizeof(synset->id), "%c%08u", letter, offset % 100000000);
  return next_words(line, synset);
}

static bool parse_line(cursor *line, char letter, size_t off, wn_synset *synset) {
  unsigned count;
  if (!parse_head(line, letter, off, synset)) return false;
  if (!next_number(line, 3, 10, &count)) return false;
  synset->pointer_count = count;
  for (size_t i = 0; i < count; i++) {
    if (!next_pointer(line, letter, &synset->pointers[i])) return false;
  }
  const char *bar = memchr(line->p, '|', (size_t)(line->end - line->p));
  if (bar == NULL) return false;
  const char *end = line->end;
  do
    bar++;
  while (bar < end && *bar == ' ');
  while (end > bar && end[-1] == ' ')
    end--;
  synset->gloss = (wn_text){bar, (size_t)(end - bar)};
  return true;
}

static cursor line_at(const wn_dict *dict, size_t file_idx, size_t off) {
  const char *p = dict->text[file_idx] + off;
  const char *end = memchr(p, '\n', dict->len[file_idx] - off);
  return (cursor){p, end == NULL ? dict->text[file_idx] + dict->len[file_idx] : end};
}

/* ---- reading ---- */

void wn_rewind(wn_dict *dict) {
  dict->file_idx = 0;
  dict->off = 0;
}

int wn_next(wn_dict *dict, wn_synset *synset) {
  while (dict->file_idx < WN_FILES) {
    if (dict->off >= dict->len[dict->file_idx]) {
      dict->file_idx++;
      dict->off = 0;
      continue;
    }
    size_t off = dict->off;
    cursor line = line_at(dict, dict->file_idx, off);
    dict->off += (size_t)(line.end - line.p) + 1;
    if (*line.p == ' ') continue; /* the licence */
    if (parse_line(&line, FILE_LETTERS[dict->file_idx], off, synset)) return 1;
    fail(dict, "data.%s: the line at byte %zu is malformed", FILE_NAMES[dict->file_idx], off);
    return -1;
  }
  return 0;
}

wn_text wn_word(const wn_dict *dict, const char *id, unsigned num) {
  const char *letter = strchr(FILE_LETTERS, id[0]);
  size_t file_idx = letter == NULL ? WN_FILES : (size_t)(letter - FILE_LETTERS);
  size_t off = (size_t)strtoul(id + 1, NULL, 10);
  wn_text word = {"", 0};
  unsigned count;
  if (file_idx >= WN_FILES || off >= dict->len[file_idx]) return word;
  cursor line = line_at(dict, file_idx, off);
  for (int i = 0; i < 3; i++)
    next_word(&line); /* offset, lexicographer file, type */
  if (!next_number(&line, 2, 16, &count) || num == 0 || num > count) return word;
  for (unsigned i = 0; i < num; i++) {
    word = next_word(&line);
    next_word(&line); /* lex_id */
  }
  return word;
}

wn_text wn_word_plain(wn_text word, wn_text *marker) {
  const char *open = word.len == 0 ? NULL : memchr(word.p, '(', word.len);
  *marker = (wn_text){"", 0};
  if (open == NULL || open == word.p || word.p[word.len - 1] != ')') return word;
  size_t len = (size_t)(open - word.p);
  *marker = (wn_text){open + 1, word.len - len - 2};
  return (wn_text){word.p, len};
}
