/* cli/import.c - NDJSON, CSV or Parquet into a collection, or as edges, batch by batch.
 *
 *   file  |....line\nline\nline\nline\nli|              read in blocks
 *                  ^batch of whole lines^ rest
 *   CSV, Parquet ─► pqdb_reader ─► a batch of lines, one per row
 *
 * Each batch is one insert command, for `link --file` one link command (rows become edges in
 * edge_rows.c): all of it or nothing. Large inserts are bulk writes, which become Parquet files at
 * once (src/db/bulk.h). The command carries the number of its first line, so that an error names
 * the line in the file. Lines before a batch that fails stay. With --ack the batches are small, and
 * 'durable N' is printed when the first N lines are safe. A batch is also sent when the input
 * pauses, so that the lines of a slow producer do not wait here, and its acknowledgements come at
 * once.
 *
 * A dry run sends the same batches to a warehouse in memory that is thrown away: the engine finds
 * what it would find, but for ids that the collection has already.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "edge_rows.h"
#include "progress.h"
#include "text_table.h"

enum {
  BLOCK_LEN = 256 << 10,
  LINE_LEN_MAX = 64 << 20, /* above what the engine accepts: it gives the exact limit */
  ACK_LINES_MAX = 1000,
  ACK_LEN_MAX = 1 << 20,
  BULK_LINES_MAX = 50000,
  BULK_LEN_MAX = 8 << 20, /* at most; and this part of the memory: */
  BULK_LEN_PART = 32,
  BULK_LINE_PART = 5 << 10, /* a line for so many bytes of it */
  LINK_LINE_PART = 8 << 10, /* an edge: each commit has a time of its own, so few are best */
  READER_ROWS_MAX = 5000,
  ACK_PAUSE_MS = 5,
  BULK_PAUSE_MS = 1000,
  DRY_LEN_MAX = 128 << 20 /* of documents in memory during a dry run */
};

typedef struct import_run {
  cli_session *s;               /* borrowed */
  const char *collection;       /* borrowed; NULL: lines are edges */
  const char *name;             /* of the file, for messages */
  const char *unit, *unit_many; /* "line" or "row" */
  pqdb_reader *reader;          /* owned; NULL: NDJSON straight from the file */
  int fd;
  bool is_dry;
  pqdb *real_db;    /* of the session, set aside during a dry run */
  uint64_t dry_len; /* bytes sent to the warehouse in memory */
  bool has_ack;
  bool is_end;      /* of the input */
  cli_text text;    /* what was read and not sent */
  size_t scanned;   /* bytes of it searched for line ends */
  size_t batch_len; /* bytes of it that are the whole lines of the batch */
  uint64_t batch_lines;
  uint64_t lines_max;
  size_t len_max;
  uint64_t line_count;         /* lines sent: all safe */
  uint64_t inserted;           /* or linked */
  uint64_t unchanged;          /* edges that were there */
  uint64_t file_len, sent_len; /* for the progress bar */
  cli_bar bar;
  cli_text label;
} import_run;

/* ---- progress ---- */

static void draw_bar(import_run *m) {
  cli_bar_draw(&m->bar, m->sent_len, m->file_len, m->unit_many, m->line_count);
}

/* Only of a file, whose length is known. */
static void begin_bar(import_run *m) {
  struct stat info;
  if (fstat(m->fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size <= 0) return;
  m->file_len = (uint64_t)info.st_size;
  cli_text_str(&m->label, m->collection == NULL ? "link" : "import ");
  if (m->collection != NULL) cli_text_str(&m->label, m->collection);
  cli_bar_begin(&m->bar, m->s, cli_text_c(&m->label));
  draw_bar(m);
}

/* ---- batches ---- */

/* Say what a failure leaves behind. */
static int stopped(const import_run *m, int code) {
  uint64_t first = m->line_count + 1, last = m->line_count + m->batch_lines;
  if (m->is_dry) {
    fprintf(stderr, "parquedb: the first problem of %s is behind %s %llu; nothing was imported\n",
            m->name, m->unit, (unsigned long long)m->line_count);
    return CLI_REFUSED;
  }
  fprintf(stderr, "parquedb: %llu %ss of %s are durable", (unsigned long long)m->line_count,
          m->unit, m->name);
  if (code == PQDB_STORAGE_ERROR) {
    fprintf(stderr, "; whether %ss %llu to %llu are is unknown", m->unit, (unsigned long long)first,
            (unsigned long long)last);
  } else {
    fprintf(stderr, "; %s %llu and all after it were not %s", m->unit, (unsigned long long)first,
            m->collection == NULL ? "linked" : "imported");
  }
  fputc('\n', stderr);
  return CLI_REFUSED;
}

/* Move the end of the batch over further whole lines. True when the batch is full. */
static bool grow_batch(import_run *m) {
  while (m->scanned < m->text.len && m->batch_lines < m->lines_max) {
    const char *from = m->text.p + m->scanned;
    const char *newline = memchr(from, '\n', m->text.len - m->scanned);
    size_t line_end = newline == NULL ? m->text.len : (size_t)(newline - m->text.p) + 1;
    if (m->batch_lines > 0 && line_end > m->len_max) return true;
    m->scanned = line_end;
    if (newline == NULL) break;
    m->batch_len = line_end;
    m->batch_lines++;
  }
  if (m->is_end && m->scanned == m->text.len && m->batch_len < m->text.len) {
    m->batch_len = m->text.len; /* the last line has no line end */
    m->batch_lines++;
  }
  return m->batch_lines == m->lines_max || (m->batch_lines > 0 && m->batch_len >= m->len_max);
}

static bool is_blank(const char *text, size_t len) {
  size_t i = 0;
  while (i < len && strchr(" \t\r\n", text[i]) != NULL && text[i] != '\0')
    i++;
  return i == len;
}

static int acknowledge(const import_run *m) {
  const char *format =
      cli_has(m->s->options, CLI_OPT_JSON) ? "{\"durable\":%llu}\n" : "durable %llu\n";
  if (!m->has_ack) return CLI_DONE;
  printf(format, (unsigned long long)m->line_count);
  return fflush(stdout) == 0 ? CLI_DONE : CLI_REFUSED; /* main reports the failure */
}

static int send_batch(import_run *m) {
  if (!is_blank(m->text.p, m->batch_len)) {
    int code, status;
    if (m->collection == NULL) {
      cli_text_clear(&m->s->request);
      cli_text_str(&m->s->request, "{\"link\":[]");
    } else {
      cli_begin(m->s, "insert", m->collection);
    }
    cli_add_u64(m->s, "line", m->line_count + 1);
    status = cli_execute_payload(m->s, m->text.p, m->batch_len, &code);
    if (status != CLI_DONE) return stopped(m, code);
    m->inserted += cli_summary_u64(m->s, m->collection == NULL ? "linkedCount" : "insertedCount");
    m->unchanged += cli_summary_u64(m->s, "unchangedCount");
  }
  m->line_count += m->batch_lines;
  m->sent_len += m->batch_len;
  m->dry_len += m->batch_len;
  if (m->reader != NULL) pqdb_reader_progress(m->reader, &m->sent_len, &m->file_len);
  m->text.len -= m->batch_len;
  memmove(m->text.p, m->text.p + m->batch_len, m->text.len);
  m->scanned -= m->batch_len;
  m->batch_len = 0;
  m->batch_lines = 0;
  draw_bar(m);
  return acknowledge(m);
}

/* ---- input ---- */

/* Nothing to read right now, though the input has not ended. */
static bool is_pausing(const import_run *m) {
  struct pollfd p = {m->fd, POLLIN, 0};
  return poll(&p, 1, m->has_ack ? ACK_PAUSE_MS : BULK_PAUSE_MS) == 0;
}

static int read_block(import_run *m) {
  ssize_t len;
  if (m->text.len - m->batch_len > LINE_LEN_MAX) {
    cli_end_line(m->s);
    (void)cli_error(pqdb_status_name(PQDB_LIMIT_EXCEEDED), "line %llu is longer than %d MiB",
                    (unsigned long long)(m->line_count + m->batch_lines + 1), LINE_LEN_MAX >> 20);
    return stopped(m, PQDB_LIMIT_EXCEEDED);
  }
  cli_text_reserve(&m->text, BLOCK_LEN);
  do {
    len = read(m->fd, m->text.p + m->text.len, BLOCK_LEN);
  } while (len < 0 && errno == EINTR);
  if (len < 0) {
    int error = errno;
    cli_end_line(m->s);
    (void)cli_error("STORAGE_ERROR", "cannot read %s: %s", m->name, strerror(error));
    return stopped(m, PQDB_OK);
  }
  m->is_end = len == 0;
  m->text.len += (size_t)len;
  return CLI_DONE;
}

static int import_all(import_run *m) {
  for (;;) {
    bool is_full = grow_batch(m);
    bool must_send = is_full || m->is_end || (m->batch_lines > 0 && is_pausing(m));
    int status = CLI_DONE;
    if (must_send && m->batch_lines > 0) {
      status = send_batch(m);
    } else if (m->is_end) {
      return CLI_DONE;
    } else {
      status = read_block(m);
    }
    if (status != CLI_DONE) return status;
  }
}

static int open_input(import_run *m, const char *file) {
  struct stat info;
  m->name = "standard input";
  m->fd = STDIN_FILENO;
  if (file != NULL && strcmp(file, "-") != 0) {
    m->name = file;
    m->fd = open(file, O_RDONLY | O_CLOEXEC);
    if (m->fd < 0) {
      return cli_usage_error(m->s->name, "cannot open '%s': %s", file, strerror(errno));
    }
  }
  if (fstat(m->fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    return cli_usage_error(m->s->name, "'%s' is a directory", m->name);
  }
  if (m->fd == STDIN_FILENO && isatty(STDIN_FILENO) == 1) {
    fputs("parquedb: reading JSON lines from the terminal; Ctrl-D ends\n", stderr);
  }
  return CLI_DONE;
}

/* ---- CSV, Parquet, and NDJSON that is only looked at ---- */

static int reader_error(const import_run *m, int rc) {
  cli_end_line(m->s);
  return cli_error(pqdb_status_name(rc), "%s", pqdb_reader_message(m->reader));
}

static int open_reader(import_run *m, pqdb_format format) {
  const cli_options *o = m->s->options;
  pqdb_reader_options options = {0};
  int rc;
  options.size = sizeof options;
  options.format = format;
  options.types = o->types;
  options.id_field = o->id_field;
  options.collection = m->collection;
  options.is_strict = cli_has(o, CLI_OPT_STRICT);
  options.block_row_max = m->lines_max < READER_ROWS_MAX ? m->lines_max : READER_ROWS_MAX;
  rc = pqdb_reader_open_fd(m->fd, m->name, &options, &m->reader);
  return rc == PQDB_OK ? CLI_DONE : reader_error(m, rc);
}

/* The columns as a table on standard error, when somebody looks or asked for it. */
static int show_columns(const import_run *m) {
  static const char *const names[] = {"name", "type", "example", NULL};
  const char *json;
  size_t len;
  cli_screen screen;
  cli_table table;
  cli_json_walk w;
  cli_value key, column;
  int rc;
  if (!m->is_dry && isatty(STDERR_FILENO) != 1) return CLI_DONE;
  rc = pqdb_reader_describe(m->reader, &json, &len);
  if (rc != PQDB_OK) return reader_error(m, rc);
  cli_screen_init(&screen, stderr);
  cli_table_init(&table, &screen, names);
  table.is_whole = true;
  w = cli_json_enter(cli_json_field(cli_json_value(json, len), "columns"));
  while (cli_json_next(&w, &key, &column))
    cli_table_add(&table, column.text, column.len);
  cli_table_end(&table);
  return CLI_DONE;
}

/* Say what was not as the types say, though it was imported. */
static void note_misfits(const import_run *m) {
  const char *json;
  size_t len;
  cli_value all, key, column;
  cli_json_walk w;
  uint64_t misfits, short_rows;
  if (pqdb_reader_describe(m->reader, &json, &len) != PQDB_OK) return;
  all = cli_json_value(json, len);
  misfits = cli_json_u64(cli_json_field(all, "misfits"));
  short_rows = cli_json_u64(cli_json_field(all, "shortRows"));
  w = cli_json_enter(cli_json_field(all, "columns"));
  if (misfits > 0) {
    fprintf(stderr, "parquedb: note: %llu values did not fit the type of their column:",
            (unsigned long long)misfits);
    while (cli_json_next(&w, &key, &column)) {
      uint64_t count = cli_json_u64(cli_json_field(column, "misfits"));
      cli_text name = {0};
      if (count == 0) continue;
      cli_json_decode(cli_json_field(column, "name"), &name);
      fprintf(stderr, " %llu of %s,", (unsigned long long)count, cli_text_c(&name));
      cli_text_release(&name);
    }
    fputs(" they are text\n", stderr);
  }
  if (short_rows == 0) return;
  fprintf(stderr, "parquedb: note: %llu rows have fewer fields than the header\n",
          (unsigned long long)short_rows);
}

/* A warehouse in memory in place of the real one; a new one when it holds much. */
static int open_dry(import_run *m) {
  pqdb_options options = {0};
  int rc;
  if (m->s->db != NULL && m->dry_len < DRY_LEN_MAX) return CLI_DONE; /* not the session's own */
  pqdb_close(m->s->db);
  m->s->db = NULL;
  m->dry_len = 0;
  options.size = sizeof options;
  options.actor = m->s->options->actor;
  rc = pqdb_open_memory(&options, &m->s->db);
  if (rc == PQDB_OK) return CLI_DONE;
  return cli_error(pqdb_status_name(rc), "%s", pqdb_message(m->s->db));
}

static int convert_all(import_run *m) {
  const char *text;
  size_t len;
  int rc, status;
  for (;;) {
    rc = pqdb_reader_next(m->reader, &text, &len, &m->batch_lines);
    if (rc != PQDB_ROW) break;
    status = m->is_dry ? open_dry(m) : CLI_DONE;
    if (status != CLI_DONE) return status;
    if (m->collection == NULL)
      cli_edge_rows(text, len, &m->text);
    else
      cli_text_put(&m->text, text, len);
    m->batch_len = m->scanned = m->text.len;
    status = send_batch(m);
    if (status != CLI_DONE) return status;
  }
  if (rc == PQDB_DONE) return CLI_DONE;
  (void)reader_error(m, rc);
  return stopped(m, PQDB_OK);
}

/* ---- the command ---- */

static int check_options(const import_run *m, pqdb_format format) {
  const cli_options *o = m->s->options;
  if (m->is_dry && m->has_ack) {
    return cli_usage_error(m->s->name, "--dry-run makes nothing durable: leave out --ack");
  }
  if (cli_has(o, CLI_OPT_TYPES) && format != PQDB_FORMAT_CSV) {
    return cli_usage_error(m->s->name, "--types is for CSV: the values of %s have theirs", m->name);
  }
  if (cli_has(o, CLI_OPT_STRICT) && format == PQDB_FORMAT_NDJSON) {
    return cli_usage_error(m->s->name, "--strict is for CSV and Parquet");
  }
  return CLI_DONE;
}

static int run_import(import_run *m, const char *file) {
  pqdb_format format;
  bool is_converted;
  int status = cli_choose_format(m->s, file, &format);
  if (status == CLI_DONE) status = open_input(m, file);
  if (status == CLI_DONE) status = check_options(m, format);
  if (status != CLI_DONE) return status;
  is_converted =
      format != PQDB_FORMAT_NDJSON || m->is_dry || cli_has(m->s->options, CLI_OPT_ID_FIELD);
  m->unit = format == PQDB_FORMAT_NDJSON ? "line" : "row";
  m->unit_many = format == PQDB_FORMAT_NDJSON ? "lines" : "rows";
  if (is_converted) {
    status = open_reader(m, format);
    if (status == CLI_DONE) status = show_columns(m);
  }
  if (status == CLI_DONE)
    status =
        m->is_dry ? open_dry(m) : cli_open(m->s, m->collection == NULL ? PQDB_WRITE : PQDB_CREATE);
  if (status != CLI_DONE) return status;
  begin_bar(m);
  status = is_converted ? convert_all(m) : import_all(m);
  if (status == CLI_DONE) cli_bar_stay(&m->bar, m->unit_many, m->line_count);
  cli_end_line(m->s);
  if (status == CLI_DONE && is_converted) note_misfits(m);
  return status;
}

/* Until its files are written a batch takes several times its length in memory, and a kilobyte and
 * a half for each line; edges are ordinary writes, which are held until they are flushed. */
static void set_batch(import_run *m, const cli_options *o) {
  uint64_t memory = o->memory << 20, line_part = BULK_LINE_PART;
  m->lines_max = m->has_ack ? ACK_LINES_MAX : BULK_LINES_MAX;
  m->len_max = m->has_ack ? ACK_LEN_MAX : BULK_LEN_MAX;
  if (m->collection == NULL) {
    line_part = LINK_LINE_PART;
    if (memory == 0) memory = UINT64_C(256) << 20; /* the default */
  }
  if (memory == 0) return;
  if (m->lines_max > memory / line_part) m->lines_max = memory / line_part;
  if (m->len_max > memory / BULK_LEN_PART) m->len_max = (size_t)(memory / BULK_LEN_PART);
}

static void tell(const import_run *m) {
  unsigned long long count = m->inserted, unchanged = m->unchanged;
  bool is_link = m->collection == NULL;
  if (cli_has(m->s->options, CLI_OPT_JSON)) {
    const char *name = is_link ? "linkedCount" : m->is_dry ? "rows" : "insertedCount";
    printf("{\"%s\":%llu", name, count);
    if (is_link) printf(",\"unchangedCount\":%llu", unchanged);
    puts("}");
  } else if (!m->has_ack) {
    printf("%s %llu", is_link ? "linked" : m->is_dry ? "would import" : "imported", count);
    if (unchanged > 0) printf(", unchanged %llu", unchanged);
    putchar('\n');
  }
}

static int run(cli_session *s, const char *collection, const char *file) {
  import_run m = {0};
  int status;
  m.s = s;
  m.collection = collection;
  m.unit = "line";
  m.unit_many = "lines";
  m.is_dry = cli_has(s->options, CLI_OPT_DRY_RUN);
  m.has_ack = cli_has(s->options, CLI_OPT_ACK);
  set_batch(&m, s->options);
  if (m.is_dry) {
    m.real_db = s->db;
    s->db = NULL;
  }
  status = run_import(&m, file);
  if (m.is_dry) {
    pqdb_close(s->db);
    s->db = m.real_db;
  }
  if (status == CLI_DONE) tell(&m);
  pqdb_reader_close(m.reader);
  if (m.fd > STDERR_FILENO) (void)close(m.fd);
  cli_text_release(&m.label);
  cli_text_release(&m.text);
  return status;
}

int cli_import(cli_session *s, char **words, int word_count) {
  return run(s, words[0], word_count == 2 ? words[1] : NULL);
}

int cli_link_file(cli_session *s, const char *file) {
  return run(s, NULL, file);
}
