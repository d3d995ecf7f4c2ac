/* cli/shell_words.c - a line of the shell as it would stand behind 'parquedb'.
 *
 *   get posts/p1        words end at white space
 *   find posts {n: 3}   a word that begins with a bracket ends with it, and is translated
 *   --data={a: 1}       the same behind '='
 *   'a b' "a \" b"      quotes as in sh; brackets in them are translated too, so that
 *                       examples for the command line can be pasted
 */
#include <stdlib.h>
#include <string.h>

#include "shell_line.h"

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The object or array from `p` to `end`, and nothing behind it. */
static bool put_json(cli_relaxed *r, const char *p, const char *end, cli_text *word) {
  cli_relaxed part = *r;
  bool is_done;
  part.p = p;
  part.end = end;
  is_done = cli_relaxed_value(&part, word);
  if (is_done) {
    cli_relaxed_space(&part);
    if (part.p != end) is_done = cli_relaxed_fail(&part, part.p, "text after the end of the value");
  }
  part.end = r->end;
  *r = part;
  return is_done;
}

/* r->p is at a quote. */
static bool put_quoted(cli_relaxed *r, cli_text *word) {
  const char *start = r->p + 1, *stop = start;
  char quote = *r->p;
  cli_text inner = {0};
  const char *first;
  bool is_done = true;
  for (; stop < r->end && *stop != quote; stop++) {
    bool is_escape =
        quote == '"' && *stop == '\\' && stop + 1 < r->end && (stop[1] == '"' || stop[1] == '\\');
    if (is_escape) stop++;
    cli_text_byte(&inner, *stop);
  }
  first = cli_text_c(&inner) + strspn(cli_text_c(&inner), " \t\r\n");
  if (stop == r->end) {
    is_done = cli_relaxed_fail(r, r->p, "the word has no closing quote");
  } else if (*first != '{' && *first != '[') {
    cli_text_put(word, cli_text_c(&inner), inner.len);
  } else if (inner.len == (size_t)(stop - start)) {
    is_done = put_json(r, start, stop, word); /* without escapes: columns are those of the line */
  } else {
    cli_relaxed own;
    cli_relaxed_init(&own, cli_text_c(&inner), inner.len);
    is_done = put_json(&own, own.p, own.end, word);
    if (!is_done) (void)cli_relaxed_fail(r, start, "%s", own.what);
  }
  if (is_done) r->p = stop + 1;
  cli_text_release(&inner);
  return is_done;
}

static bool put_bracketed(cli_relaxed *r, cli_text *word) {
  if (!cli_relaxed_value(r, word)) return false;
  if (r->p == r->end || is_space(*r->p)) return true;
  return cli_relaxed_fail(r, r->p, "text after the end of the value");
}

static bool take_word(cli_relaxed *r, cli_text *word) {
  bool is_start = true;
  while (r->p < r->end && !is_space(*r->p)) {
    char c = *r->p;
    if (is_start && (c == '{' || c == '[')) {
      if (!put_bracketed(r, word)) return false;
      continue;
    }
    if (is_start && (c == '"' || c == '\'')) {
      if (!put_quoted(r, word)) return false;
      is_start = false;
      continue;
    }
    cli_text_byte(word, c);
    r->p++;
    is_start = c == '=';
  }
  return true;
}

static bool split(cli_relaxed *r, cli_shell_line *line) {
  for (;;) {
    cli_text word = {0};
    bool is_done;
    while (r->p < r->end && is_space(*r->p))
      r->p++;
    if (r->p == r->end) return true;
    if (line->word_count == CLI_WORDS_MAX - 1) return cli_relaxed_fail(r, r->p, "too many words");
    cli_text_str(&word, "");
    is_done = take_word(r, &word);
    line->words[line->word_count++] = word.p;
    if (!is_done) return false;
  }
}

int cli_shell_words(cli_shell_line *line, const char *text, size_t len) {
  static const char own_name[] = "parquedb";
  char *argv[CLI_WORDS_MAX + 1];
  cli_relaxed r;
  int status, first = 0;
  cli_relaxed_init(&r, text, len);
  if (!split(&r, line)) return cli_relaxed_report(&r);
  if (line->word_count > 1 && strcmp(line->words[0], own_name) == 0) first = 1;
  argv[0] = NULL;
  for (int i = first; i < line->word_count; i++)
    argv[i - first + 1] = line->words[i];
  status = cli_options_parse(line->word_count - first + 1, argv, &line->options);
  if (status != CLI_DONE) return status;
  if (line->options.word_count == 0) return cli_usage_error(NULL, "a command is missing");
  line->command = cli_command_need(line->options.words[0]);
  if (line->command == NULL) return CLI_USAGE;
  /* The words moved to the front of argv, which ends here. */
  memcpy(line->sorted, line->options.words,
         (size_t)line->options.word_count * sizeof line->sorted[0]);
  line->options.words = line->sorted;
  return CLI_DONE;
}

void cli_shell_line_release(cli_shell_line *line) {
  for (int i = 0; i < line->word_count; i++)
    free(line->words[i]);
  *line = (cli_shell_line){0};
}
