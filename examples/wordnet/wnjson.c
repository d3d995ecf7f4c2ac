/* wnjson.c - writes the lines that wnjson.h shows. */
#include "wnjson.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *reserve(wn_lines *lines, size_t more) {
  if (more > lines->cap - lines->len) {
    size_t cap = (lines->cap + more) * 2;
    char *grown = realloc(lines->p, cap);
    if (grown == NULL) {
      fputs("wordnet: out of memory\n", stderr);
      exit(1);
    }
    lines->p = grown;
    lines->cap = cap;
  }
  return lines->p + lines->len;
}

static void put(wn_lines *lines, const char *text) {
  size_t len = strlen(text);
  memcpy(reserve(lines, len), text, len);
  lines->len += len;
}

/* A JSON string; in a word (`is_word`) an underscore stands for a space. */
static void put_string(wn_lines *lines, wn_text text, bool is_word) {
  char *start = reserve(lines, text.len * 6 + 2);
  char *out = start;
  *out++ = '"';
  for (size_t i = 0; i < text.len; i++) {
    char c = text.p[i];
    if (c == '"' || c == '\\') *out++ = '\\';
    if ((unsigned char)c < 0x20) {
      out += snprintf(out, 7, "\\u%04x", (unsigned)(unsigned char)c);
    } else {
      *out++ = is_word && c == '_' ? ' ' : c;
    }
  }
  *out++ = '"';
  lines->len += (size_t)(out - start);
}

static void put_word(wn_lines *lines, wn_text word) {
  wn_text marker;
  put_string(lines, wn_word_plain(word, &marker), true);
}

static void end_line(wn_lines *lines) {
  put(lines, "\n");
  lines->line_count++;
}

void wn_lines_clear(wn_lines *lines) {
  lines->len = 0;
  lines->line_count = 0;
}

void wn_lines_free(wn_lines *lines) {
  free(lines->p);
  *lines = (wn_lines){0};
}

/* ---- edges ---- */

static int compare_edges(const wn_pointer *a, const wn_pointer *b) {
  int order = strcmp(a->relation->name, b->relation->name);
  return order != 0 ? order : strcmp(a->to, b->to);
}

static int compare_pointers(const void *left, const void *right) {
  const wn_pointer *a = left, *b = right;
  int order = compare_edges(a, b);
  if (order != 0) return order;
  if (a->source_word != b->source_word) return a->source_word < b->source_word ? -1 : 1;
  return (a->target_word > b->target_word) - (a->target_word < b->target_word);
}

void wn_sort_pointers(wn_synset *synset) {
  qsort(synset->pointers, synset->pointer_count, sizeof(wn_pointer), compare_pointers);
}

/* The index after the last pointer of the edge that starts at `first`. */
static size_t edge_end(const wn_synset *synset, size_t first) {
  size_t end = first + 1;
  while (end < synset->pointer_count &&
         compare_edges(&synset->pointers[first], &synset->pointers[end]) == 0) {
    end++;
  }
  return end;
}

/* "words":[["wet","dry"],...] of the pointers first..end. */
static void put_word_pairs(wn_lines *lines, const wn_dict *dict, const wn_synset *synset,
                           size_t first, size_t end) {
  put(lines, "\"words\":[");
  for (size_t i = first; i < end; i++) {
    const wn_pointer *pointer = &synset->pointers[i];
    put(lines, i == first ? "[" : ",[");
    put_word(lines, wn_word(dict, synset->id, pointer->source_word));
    put(lines, ",");
    put_word(lines, wn_word(dict, pointer->to, pointer->target_word));
    put(lines, "]");
  }
  put(lines, "]");
}

size_t wn_put_edges(wn_lines *lines, const wn_dict *dict, const wn_synset *synset) {
  size_t count = 0;
  for (size_t i = 0, end; i < synset->pointer_count; i = end) {
    const wn_pointer *pointer = &synset->pointers[i];
    end = edge_end(synset, i);
    put(lines, "{\"from\":\"synsets/");
    put(lines, synset->id);
    put(lines, "\",\"predicate\":\"");
    put(lines, pointer->relation->name);
    put(lines, "\",\"to\":\"synsets/");
    put(lines, pointer->to);
    put(lines, "\",\"reverse\":\"");
    put(lines, pointer->relation->reverse);
    put(lines, "\"");
    if (synset->pointers[end - 1].source_word != 0) {
      put(lines, ",\"data\":{");
      put_word_pairs(lines, dict, synset, i, end);
      put(lines, "}");
    }
    put(lines, "}");
    end_line(lines);
    count++;
  }
  return count;
}

/* ---- synsets ---- */

static void put_words(wn_lines *lines, const wn_synset *synset) {
  wn_text marker;
  bool has_marker = false;
  put(lines, ",\"words\":[");
  for (size_t i = 0; i < synset->word_count; i++) {
    if (i > 0) put(lines, ",");
    put_word(lines, synset->words[i]);
    wn_word_plain(synset->words[i], &marker);
    has_marker |= marker.len > 0;
  }
  put(lines, "]");
  if (!has_marker) return;
  put(lines, ",\"markers\":[");
  for (size_t i = 0; i < synset->word_count; i++) {
    wn_word_plain(synset->words[i], &marker);
    if (i > 0) put(lines, ",");
    put_string(lines, marker, false);
  }
  put(lines, "]");
}

static void put_inline_pointers(wn_lines *lines, const wn_dict *dict, const wn_synset *synset) {
  put(lines, ",\"pointers\":[");
  for (size_t i = 0, end; i < synset->pointer_count; i = end) {
    const wn_pointer *pointer = &synset->pointers[i];
    end = edge_end(synset, i);
    put(lines, i == 0 ? "{\"predicate\":\"" : ",{\"predicate\":\"");
    put(lines, pointer->relation->name);
    put(lines, "\",\"to\":\"synsets/");
    put(lines, pointer->to);
    put(lines, "\"");
    if (synset->pointers[end - 1].source_word != 0) {
      put(lines, ",");
      put_word_pairs(lines, dict, synset, i, end);
    }
    put(lines, "}");
  }
  put(lines, "]");
}

void wn_put_synset(wn_lines *lines, const wn_dict *dict, const wn_synset *synset,
                   bool with_pointers) {
  char pos[2] = {synset->pos, '\0'};
  put(lines, "{\"$id\":\"");
  put(lines, synset->id);
  put(lines, "\",\"name\":");
  put_word(lines, synset->words[0]);
  put(lines, ",\"pos\":\"");
  put(lines, pos);
  put(lines, "\",\"lexname\":\"");
  put(lines, synset->lexname);
  put(lines, "\"");
  put_words(lines, synset);
  put(lines, ",\"gloss\":");
  put_string(lines, synset->gloss, false);
  if (with_pointers) put_inline_pointers(lines, dict, synset);
  put(lines, "}");
  end_line(lines);
}
