/* cli/line_edit.c - see line_edit.h. PARQUEDB_HAS_LIBEDIT says whether libedit is there. */
#define _POSIX_C_SOURCE 200809L
#include "line_edit.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#ifdef PARQUEDB_HAS_LIBEDIT
#include <histedit.h>
#include <wchar.h>
#endif

#include "print.h"

enum { HISTORY_MAX = 1000, LIST_WIDTH = 80, LIST_MAX = 200 };

struct cli_editor {
  FILE *in; /* borrowed */
  bool is_interactive;
  cli_terminal terminal;
  char *buffer; /* of getline */
  size_t buffer_cap;
#ifdef PARQUEDB_HAS_LIBEDIT
  EditLine *el; /* NULL: plain lines */
  History *history;
  const char *prompt; /* borrowed during a read */
#endif
};

/* ---- candidates ---- */

void cli_candidates_add(cli_candidates *c, const char *name, size_t len) {
  size_t at = 0, old_len = c->names.len;
  char *p;
  while (at < c->names.len) {
    const char *other = c->names.p + at;
    size_t other_len = strlen(other);
    int order = strncmp(other, name, len);
    if (order == 0 && other_len == len) return;
    if (order > 0 || (order == 0 && other_len > len)) break;
    at += other_len + 1;
  }
  cli_text_put(&c->names, name, len);
  cli_text_put(&c->names, "", 1);
  p = c->names.p + at;
  memmove(p + len + 1, p, old_len - at);
  memcpy(p, name, len);
  p[len] = '\0';
  c->count++;
}

void cli_candidates_release(cli_candidates *c) {
  cli_text_release(&c->names);
  *c = (cli_candidates){0};
}

/* ---- waiting ---- */

/* Wait until there is something to read. False: Ctrl-C. The signal is let in only while waiting, so
 * that none is lost between a look at the flag and the wait. */
static bool await_input(const cli_editor *e) {
  int fd = fileno(e->in);
  sigset_t interrupt, usual;
  (void)sigemptyset(&interrupt);
  (void)sigaddset(&interrupt, SIGINT);
  (void)sigprocmask(SIG_BLOCK, &interrupt, &usual);
  while (*e->terminal.interrupt == 0) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    if (pselect(fd + 1, &set, NULL, NULL, NULL, &usual) >= 0 || errno != EINTR) break;
  }
  (void)sigprocmask(SIG_SETMASK, &usual, NULL);
  return *e->terminal.interrupt == 0;
}

/* ---- plain lines ---- */

static cli_line_result read_plain(cli_editor *e, const char *prompt, cli_text *line) {
  ssize_t len = -1;
  if (e->is_interactive) {
    fputs(prompt, stdout);
    (void)fflush(stdout);
  }
  if (!e->is_interactive || await_input(e)) len = getline(&e->buffer, &e->buffer_cap, e->in);
  if (e->is_interactive && *e->terminal.interrupt != 0) {
    clearerr(e->in);
    clearerr(stdout); /* what the signal cut short */
    fputs("^C\n", stdout);
    return CLI_LINE_ABANDONED;
  }
  if (len < 0) {
    if (e->is_interactive) fputc('\n', stdout);
    return CLI_LINE_END;
  }
  while (len > 0 && (e->buffer[len - 1] == '\n' || e->buffer[len - 1] == '\r'))
    len--;
  cli_text_put(line, e->buffer, (size_t)len);
  return CLI_LINE_READ;
}

#ifdef PARQUEDB_HAS_LIBEDIT

/* ---- libedit ---- */

static const char *give_prompt(EditLine *el) {
  cli_editor *e = NULL;
  (void)el_get(el, EL_CLIENTDATA, &e);
  return e->prompt;
}

/* The names that fit the word, in columns below the line. */
static void print_candidates(const cli_candidates *c) {
  size_t width = 0, columns, i = 0;
  const char *name = c->names.p;
  for (; i < c->count; i++, name += strlen(name) + 1) {
    size_t len = cli_code_points(name, strlen(name));
    if (len > width) width = len;
  }
  columns = LIST_WIDTH / (width + 2) == 0 ? 1 : LIST_WIDTH / (width + 2);
  fputc('\n', stdout);
  name = c->names.p;
  for (i = 0; i < c->count && i < LIST_MAX; i++, name += strlen(name) + 1) {
    bool is_last = (i + 1) % columns == 0 || i + 1 == c->count || i + 1 == LIST_MAX;
    size_t pad = is_last ? 0 : width + 2 - cli_code_points(name, strlen(name));
    printf("%s%*s%s", name, (int)pad, "", is_last ? "\n" : "");
  }
  if (c->count > LIST_MAX) printf("… and %zu more\n", c->count - LIST_MAX);
  (void)fflush(stdout);
}

/* Bytes that all names begin with. */
static size_t common_len(const cli_candidates *c) {
  const char *first = c->names.p, *name = first;
  size_t len = strlen(first);
  for (size_t i = 0; i < c->count; i++, name += strlen(name) + 1) {
    size_t same = 0;
    while (same < len && name[same] == first[same])
      same++;
    len = same;
  }
  while (len > 0 && ((unsigned char)first[len] & 0xC0u) == 0x80u)
    len--; /* not within a character */
  return len;
}

static unsigned char finish_word(EditLine *el, wint_t ch) {
  cli_editor *e = NULL;
  const LineInfo *info = el_line(el);
  size_t len = (size_t)(info->cursor - info->buffer), typed, common;
  cli_candidates c = {0};
  cli_text addition = {0};
  unsigned char result = CC_REFRESH_BEEP;
  (void)ch;
  (void)el_get(el, EL_CLIENTDATA, &e);
  e->terminal.complete(e->terminal.ud, info->buffer, len, &c);
  if (c.count > 0) {
    typed = len - c.from;
    common = common_len(&c);
    if (common > typed) cli_text_put(&addition, c.names.p + typed, common - typed);
    if (c.count == 1 && c.after != 0) cli_text_byte(&addition, c.after);
    result = CC_REFRESH;
    if (addition.len > 0) {
      (void)el_insertstr(el, addition.p);
    } else if (c.count > 1) {
      print_candidates(&c);
      result = CC_REDISPLAY;
    }
  }
  cli_text_release(&addition);
  cli_candidates_release(&c);
  return result;
}

/* The next character. libedit's own function may go on reading after Ctrl-C. */
static int read_key(EditLine *el, wchar_t *key) {
  cli_editor *e = NULL;
  char bytes[MB_LEN_MAX];
  size_t len = 0;
  (void)el_get(el, EL_CLIENTDATA, &e);
  for (;;) {
    mbstate_t state;
    size_t used;
    ssize_t got;
    if (!await_input(e)) return -1;
    got = read(fileno(e->in), bytes + len, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return (int)got;
    len++;
    memset(&state, 0, sizeof state);
    used = mbrtowc(key, bytes, len, &state);
    if (used == (size_t)-2 && len < sizeof bytes) continue;
    if (used >= (size_t)-2) *key = L'?'; /* no character of this locale */
    return 1;
  }
}

static void open_libedit(cli_editor *e) {
  HistEvent event;
  e->el = el_init("parquedb", e->in, stdout, stderr);
  if (e->el == NULL) return;
  (void)el_set(e->el, EL_CLIENTDATA, e);
  (void)el_set(e->el, EL_PROMPT, give_prompt);
  (void)el_set(e->el, EL_EDITOR, "emacs");
  (void)el_set(e->el, EL_SIGNAL, 1);
  (void)el_set(e->el, EL_GETCFN, read_key);
  e->history = history_init();
  if (e->history != NULL) {
    (void)history(e->history, &event, H_SETSIZE, HISTORY_MAX);
    (void)history(e->history, &event, H_SETUNIQUE, 1);
    (void)el_set(e->el, EL_HIST, history, e->history);
    if (e->terminal.history != NULL) {
      (void)history(e->history, &event, H_LOAD, e->terminal.history);
    }
  }
  (void)el_wset(e->el, EL_ADDFN, L"finish-word", L"Complete the word", finish_word);
  (void)el_set(e->el, EL_BIND, "^I", "finish-word", NULL);
  (void)el_set(e->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
  (void)el_source(e->el, NULL); /* ~/.editrc */
}

static cli_line_result read_edited(cli_editor *e, const char *prompt, cli_text *line) {
  int len = 0;
  const char *text;
  e->prompt = prompt;
  text = el_gets(e->el, &len);
  if (text == NULL || len <= 0) {
    bool is_abandoned = *e->terminal.interrupt != 0;
    if (is_abandoned) clearerr(stdout); /* what the signal cut short */
    fputs(is_abandoned ? "^C\n" : "\n", stdout);
    return is_abandoned ? CLI_LINE_ABANDONED : CLI_LINE_END;
  }
  while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
    len--;
  cli_text_put(line, text, (size_t)len);
  return CLI_LINE_READ;
}

#endif

cli_editor *cli_editor_open(FILE *in, const cli_terminal *terminal) {
  cli_text memory = {0}; /* for its way to be out of memory */
  cli_editor *e;
  cli_text_reserve(&memory, sizeof *e);
  e = (cli_editor *)(void *)memory.p;
  *e = (cli_editor){0};
  e->in = in;
  e->is_interactive = terminal != NULL;
  if (terminal != NULL) e->terminal = *terminal;
#ifdef PARQUEDB_HAS_LIBEDIT
  if (terminal != NULL) open_libedit(e);
#endif
  return e;
}

cli_line_result cli_editor_read(cli_editor *e, const char *prompt, cli_text *line) {
  cli_text_clear(line);
  if (e->is_interactive) *e->terminal.interrupt = 0;
#ifdef PARQUEDB_HAS_LIBEDIT
  if (e->el != NULL) return read_edited(e, prompt, line);
#endif
  return read_plain(e, prompt, line);
}

void cli_editor_remember(cli_editor *e, const char *line) {
#ifdef PARQUEDB_HAS_LIBEDIT
  HistEvent event;
  if (e->history != NULL) (void)history(e->history, &event, H_ENTER, line);
#else
  (void)e;
  (void)line;
#endif
}

void cli_editor_close(cli_editor *e) {
#ifdef PARQUEDB_HAS_LIBEDIT
  HistEvent event;
  if (e->history != NULL) {
    if (e->terminal.history != NULL) {
      (void)history(e->history, &event, H_SAVE, e->terminal.history);
    }
    history_end(e->history);
  }
  if (e->el != NULL) el_end(e->el);
#endif
  free(e->buffer);
  free(e);
}
