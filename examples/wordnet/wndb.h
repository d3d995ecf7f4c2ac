/* wndb.h - reads the database files of WordNet 3.0 (wndb(5WN), lexnames(5WN), wninput(5WN)).
 *
 * The idea: the four files are read whole; a synset is parsed from its line when it is asked for.
 * A pointer names its target by byte offset in the target's file, so that the line of the target
 * is found without any index:
 *
 *     data.noun: 00001740 03 n 01 entity 0 003 ~ 00001930 n 0000 ... | that which is perceived
 *                                              |
 *                offset 1930 of data.noun  <---+
 *
 * Memory: the text belongs to wn_dict; a wn_synset borrows from it and is reused line after line.
 */
#ifndef WORDNET_WNDB_H
#define WORDNET_WNDB_H

#include <stdbool.h>
#include <stddef.h>

enum {
  WN_ID_CAP = 10,        /* "n00001740" and NUL */
  WN_WORDS_MAX = 255,    /* w_cnt is two hexadecimal digits */
  WN_POINTERS_MAX = 999, /* p_cnt is three decimal digits */
  WN_FILES = 4,
  WN_MESSAGE_CAP = 512
};

typedef struct wn_text {
  const char *p; /* borrowed from the dictionary */
  size_t len;
} wn_text;

/* One kind of pointer: its name, and the name of the same relation seen from the target. */
typedef struct wn_relation {
  const char *symbol; /* as the files write it */
  const char *name;
  const char *reverse;
} wn_relation;

typedef struct wn_pointer {
  const wn_relation *relation;
  char to[WN_ID_CAP];
  unsigned source_word; /* 1, 2, ... of this synset; 0: the pointer is between the synsets */
  unsigned target_word;
} wn_pointer;

typedef struct wn_synset {
  char id[WN_ID_CAP];  /* letter of the file and offset; satellites ('s') are in the file 'a' */
  char pos;            /* n v a s r */
  const char *lexname; /* "noun.animal" */
  wn_text words[WN_WORDS_MAX]; /* with underscores and syntactic markers, as in the file */
  size_t word_count;
  wn_pointer pointers[WN_POINTERS_MAX];
  size_t pointer_count;
  wn_text gloss;
} wn_synset;

typedef struct wn_dict {
  char *text[WN_FILES]; /* owned; adj, noun, adv, verb: the order of the ids */
  size_t len[WN_FILES];
  size_t file_idx; /* where wn_next() stands */
  size_t off;
  char message[WN_MESSAGE_CAP]; /* of the last failure */
} wn_dict;

/* Read the files data.* of folder `dir`. False on failure, with a message. */
bool wn_open(wn_dict *dict, const char *dir);
void wn_close(wn_dict *dict);

/* Start again at the first synset. */
void wn_rewind(wn_dict *dict);
/* Parse the next synset, in the order of the ids: 1, 0 at the end, -1 on failure with a message. */
int wn_next(wn_dict *dict, wn_synset *synset);

/* Word number `num` (from 1) of the synset `id`; an empty text when there is none. */
wn_text wn_word(const wn_dict *dict, const char *id, unsigned num);

/* The word without its syntactic marker: "galore" of "galore(ip)"; the marker is "ip" or empty. */
wn_text wn_word_plain(wn_text word, wn_text *marker);

#endif
