/* cli/options.c - see options.h. */
#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef enum option_kind { KIND_FLAG, KIND_TEXT, KIND_NUMBER } option_kind;

typedef struct option_row {
  uint64_t bit;
  const char *name;
  char letter; /* 0: none */
  option_kind kind;
  size_t at; /* where the value stands in cli_options */
  const char *value_name;
  const char *help;
} option_row;

#define AT(field) offsetof(cli_options, field)

static const option_row option_rows[] = {
    {CLI_OPT_WAREHOUSE, "warehouse", 'w', KIND_TEXT, AT(warehouse), "DIR",
     "the warehouse (default $PARQUEDB_WAREHOUSE, else ./warehouse)"},
    {CLI_OPT_NS, "namespace", 'n', KIND_TEXT, AT(ns), "NS", "the namespace (default 'default')"},
    {CLI_OPT_JSON, "json", 0, KIND_FLAG, 0, NULL, "print JSON, one object per line"},
    {CLI_OPT_MEMORY, "memory", 0, KIND_NUMBER, AT(memory), "MB",
     "megabytes of memory that the engine may use (default 256)"},
    {CLI_OPT_MEMORY, "snapshot-events", 0, KIND_NUMBER, AT(snapshot_events), "N",
     "keep an instant's files every N changes (default 10000, or more)"},
    {CLI_OPT_MEMORY, "cached-entities", 0, KIND_NUMBER, AT(cached_entities), "N",
     "keep at most N entities of the past in memory"},
    {CLI_OPT_HELP, "help", 'h', KIND_FLAG, 0, NULL, "show help"},
    {CLI_OPT_VERSION, "version", 0, KIND_FLAG, 0, NULL, "show the version"},
    {CLI_OPT_AS_OF, "as-of", 0, KIND_TEXT, AT(as_of), "TIME",
     "answer as of an instant (2026-03-01, now-2h), seq:N or an event's id"},
    {CLI_OPT_EXPLAIN, "explain", 0, KIND_FLAG, 0, NULL, "run it and show how, not the results"},
    {CLI_OPT_PLAN, "plan", 0, KIND_FLAG, 0, NULL, "do not run it: show what it will cost"},
    {CLI_OPT_PRICE, "price", 0, KIND_TEXT, AT(price), "r2|s3|PRICES",
     "with --explain or --plan: also in dollars"},
    {CLI_OPT_BUDGET, "budget", 0, KIND_TEXT, AT(budget), "LIMITS",
     "refuse to cost more, such as requests=100,bytes=1MB"},
    {CLI_OPT_FLUSHED, "flushed", 0, KIND_FLAG, 0, NULL, "ignore what is not flushed to files"},
    {CLI_OPT_LIMIT, "limit", 0, KIND_NUMBER, AT(limit), "N", "at most N results"},
    {CLI_OPT_SKIP, "skip", 0, KIND_NUMBER, AT(skip), "N", "leave out the first N results"},
    {CLI_OPT_SORT, "sort", 0, KIND_TEXT, AT(sort), "SORT", "{\"a\": 1, \"b\": -1}, or short: a,-b"},
    {CLI_OPT_PROJECT, "project", 0, KIND_TEXT, AT(project), "FIELDS",
     "{\"a\": 1, \"b\": 1}, or short: a,b (or -a,-b to leave out)"},
    {CLI_OPT_FILTER, "filter", 0, KIND_TEXT, AT(filter), "FILTER", "only those that match"},
    {CLI_OPT_ESTIMATED, "estimated", 0, KIND_FLAG, 0, NULL,
     "from metadata alone; may count soft-deleted ones too"},
    {CLI_OPT_CURSOR, "cursor", 0, KIND_TEXT, AT(cursor), "TOKEN",
     "go on behind a page; '' for the first one, each tells the next token"},
    {CLI_OPT_TOTAL, "total", 0, KIND_FLAG, 0, NULL, "tell how many match in all"},
    {CLI_OPT_POPULATE, "populate", 0, KIND_TEXT, AT(populate), "NAMES",
     "show what edges lead to: author,comments or {\"comments\": {\"limit\": 3}}"},
    {CLI_OPT_PLAIN, "plain", 0, KIND_FLAG, 0, NULL,
     "documents as they were written, without system fields"},
    {CLI_OPT_COLLATION, "collation", 0, KIND_TEXT, AT(collation), "JSON",
     "how text compares: {\"locale\": \"en\", \"strength\": 2}"},
    {CLI_OPT_HINT, "hint", 0, KIND_TEXT, AT(hint), "INDEX", "$id or $natural"},
    {CLI_OPT_MAX_TIME, "max-time", 0, KIND_NUMBER, AT(max_time), "MS", "give up after so long"},
    {CLI_OPT_INCLUDE_DELETED, "include-deleted", 0, KIND_FLAG, 0, NULL,
     "see soft-deleted entities too"},
    {CLI_OPT_ACTOR, "actor", 0, KIND_TEXT, AT(actor), "WHO",
     "who changes things; of events: only what they did"},
    {CLI_OPT_EXPECTED_VERSION, "expected-version", 0, KIND_NUMBER, AT(expected_version), "N",
     "refuse unless the entity has this version"},
    {CLI_OPT_UPSERT, "upsert", 0, KIND_FLAG, 0, NULL, "make one when none matches"},
    {CLI_OPT_ARRAY_FILTERS, "array-filters", 0, KIND_TEXT, AT(array_filters), "FILTERS",
     "what $[name] stands for: [{\"name.k\": 1}]"},
    {CLI_OPT_RETURN, "return", 0, KIND_TEXT, AT(returns), "WHEN",
     "show the entity as it was 'before', or is 'after'"},
    {CLI_OPT_UNORDERED, "unordered", 0, KIND_FLAG, 0, NULL, "go on behind an operation that fails"},
    {CLI_OPT_HARD, "hard", 0, KIND_FLAG, 0, NULL, "delete for good, not softly"},
    {CLI_OPT_REVERSE, "reverse", 0, KIND_FLAG, 0, NULL, "follow edges backwards"},
    {CLI_OPT_REVERSE_NAME, "reverse-name", 0, KIND_TEXT, AT(reverse_name), "NAME",
     "what the edge is called from the other end"},
    {CLI_OPT_DATA, "data", 0, KIND_TEXT, AT(data), "JSON", "an object to keep with the edge"},
    {CLI_OPT_EDGES, "edges", 0, KIND_FLAG, 0, NULL, "the edges"},
    {CLI_OPT_EDGES_REVERSE, "edges-reverse", 0, KIND_FLAG, 0, NULL, "the edges, by target"},
    {CLI_OPT_EVENTS, "events", 0, KIND_FLAG, 0, NULL, "the event log"},
    {CLI_OPT_SQL, "sql", 0, KIND_FLAG, 0, NULL, "a SELECT over the files for DuckDB"},
    {CLI_OPT_ACK, "ack", 0, KIND_FLAG, 0, NULL,
     "print 'durable N' after each sync: N input lines are safe"},
    {CLI_OPT_FORMAT, "format", 0, KIND_TEXT, AT(format), "FORMAT",
     "ndjson, csv or parquet (default: by the file's name)"},
    {CLI_OPT_OUTPUT, "output", 'o', KIND_TEXT, AT(output), "FILE", "write the results to a file"},
    {CLI_OPT_DRY_RUN, "dry-run", 0, KIND_FLAG, 0, NULL,
     "look, and say what would be done; change nothing"},
    {CLI_OPT_TYPES, "types", 0, KIND_TEXT, AT(types), "TYPES",
     "of CSV columns, name:type,... with int double decimal bool date text json uuid oid skip"},
    {CLI_OPT_ID_FIELD, "id-field", 0, KIND_TEXT, AT(id_field), "NAME",
     "take the id of a document from this field"},
    {CLI_OPT_STRICT, "strict", 0, KIND_FLAG, 0, NULL,
     "fail where a value does not fit the type of its column"},
    {CLI_OPT_READ_ONLY, "read", 0, KIND_FLAG, 0, NULL, "only read: refuse all changes"},
    {CLI_OPT_FROM, "from", 0, KIND_TEXT, AT(from), "TIME", "only what came after this moment"},
    {CLI_OPT_TO, "to", 0, KIND_TEXT, AT(to), "TIME", "up to this moment, itself included"},
    {CLI_OPT_METADATA, "metadata", 0, KIND_TEXT, AT(metadata), "JSON",
     "an object to keep with the events: why"},
    {CLI_OPT_FOLLOW, "follow", 0, KIND_FLAG, 0, NULL,
     "wait for more, until Ctrl-C or --limit events"},
    {CLI_OPT_INTO, "into", 0, KIND_TEXT, AT(into), "DIR",
     "the warehouse to replay, restore or archive into"},
    {CLI_OPT_QUICK, "quick", 0, KIND_FLAG, 0, NULL, "only checksums and the log"},
    {CLI_OPT_INTO_NS, "into-namespace", 0, KIND_TEXT, AT(into_ns), "NS",
     "the namespace to replay into (default 'default')"},
    {CLI_OPT_RESUME, "resume", 0, KIND_FLAG, 0, NULL,
     "go on behind the last event that was replayed there"},
    {CLI_OPT_WITHOUT_EDGES, "without-edges", 0, KIND_FLAG, 0, NULL, "leave edges as they are"},
    {CLI_OPT_OP, "op", 0, KIND_TEXT, AT(op), "OP", "only CREATE, UPDATE or DELETE"},
    {CLI_OPT_COLUMNS, "columns", 0, KIND_TEXT, AT(columns), "NAMES",
     "only these top-level columns, in this order: a,b"},
    {CLI_OPT_ROW_GROUPS, "row-groups", 0, KIND_FLAG, 0, NULL, "each row group by itself"},
    {CLI_OPT_LEVELS, "levels", 0, KIND_FLAG, 0, NULL,
     "show column numbers, definition and repetition levels"},
    {CLI_OPT_FORGIVE, "forgive", 0, KIND_FLAG, 0, NULL,
     "read a damaged file as far as it goes: do not compare checksums"},
    {CLI_OPT_MODE, "mode", 0, KIND_TEXT, AT(mode), "MODE", "strict, permissive, warn or off"},
    {CLI_OPT_FORCE, "force", 0, KIND_FLAG, 0, NULL,
     "set it although documents that are there may not fit"},
};

#define OWN(name, value_name, help) \
  { 0, name, 0, KIND_TEXT, 0, value_name, help }
/* Without a value: CLI_OWN_TRUE, or CLI_OWN_NOWHERE. */
#define OWN_FLAG(name, help) \
  { 0, name, 0, KIND_FLAG, 0, NULL, help }

/* Own options, in the order of the CLI_OWN_ bits; `bit` is not used. */
static const struct own_row {
  option_row row;
  const char *field;
  cli_own_form form;
} own_rows[] = {
    {OWN("predicates", "NAMES", "only edges of these predicates: a,b"), "predicates",
     CLI_OWN_NAMES},
    {OWN("direction", "WAY", "forward, reverse or both"), "direction", CLI_OWN_TEXT},
    {OWN("write-as", "FIELD",
         "write the values into this field of the entities, instead of showing them"),
     "writeAs", CLI_OWN_TEXT},
    {OWN("damping", "X", "the part of a rank that follows edges (0.85)"), "damping",
     CLI_OWN_NUMBER},
    {OWN("iterations", "N", "at most so many rounds"), "iterations", CLI_OWN_NUMBER},
    {OWN("tolerance", "X", "end when the ranks change by less in all (1e-6)"), "tolerance",
     CLI_OWN_NUMBER},
    {OWN("max-hops", "N", "at most so many edges away"), "maxHops", CLI_OWN_NUMBER},
    {OWN("max-nodes", "N", "at most so many entities (1000)"), "maxNodes", CLI_OWN_NUMBER},
    {OWN("edge-filter", "FILTER", "only edges that match, as they are shown"), "edgeFilter",
     CLI_OWN_JSON},
    {OWN("graphml", "FILE", "write GraphML; - is standard output"), NULL, CLI_OWN_NOWHERE},
    {OWN("dot", "FILE", "write DOT, for Graphviz"), NULL, CLI_OWN_NOWHERE},
    {OWN("json-graph", "FILE", "write JSON Graph Format"), NULL, CLI_OWN_NOWHERE},
    {OWN("svg", "FILE", "draw a picture"), NULL, CLI_OWN_NOWHERE},
    {OWN("uniqueness", "WHAT", "node: each once in a step; edge: each once in a path; none"),
     "uniqueness", CLI_OWN_TEXT},
    {OWN("order", "WAY", "breadth or depth first"), "order", CLI_OWN_TEXT},
    {OWN("show", "WHAT", "ends, nodes, edges, paths, ids, count; of path: ids, entities"), "return",
     CLI_OWN_TEXT},
    {OWN_FLAG("depth", "show how many edges away each entity is, as $depth"), "depth",
     CLI_OWN_TRUE},
    {OWN_FLAG("cycles", "only paths that come back to where they have been"), "cycles",
     CLI_OWN_TRUE},
    {OWN("max-paths", "N", "fail beyond so many paths (1000000)"), "maxPaths", CLI_OWN_NUMBER},
    {OWN("k", "N", "so many paths, the best first"), "k", CLI_OWN_NUMBER},
    {OWN_FLAG("all", "all paths that are as good as the best"), "all", CLI_OWN_TRUE},
    {OWN("weight", "PATH", "lightest instead of shortest: data.distance"), "weight", CLI_OWN_TEXT},
    {OWN("default-weight", "X", "of edges that have none; else they are not used"), "defaultWeight",
     CLI_OWN_NUMBER},
    {OWN("heuristic", "FIELD",
         "a number of entities: what is left is never less than the difference"),
     NULL, CLI_OWN_NOWHERE},
    {OWN("params", "JSON", "an object with the values of $name"), "params", CLI_OWN_JSON},
    {OWN("max-rows", "N", "rows that a sort or a grouping may hold (10000000)"), "maxRows",
     CLI_OWN_NUMBER},
    {OWN("file", "FILE", "take edges from NDJSON, CSV or Parquet; - is standard input"), NULL,
     CLI_OWN_NOWHERE},
    {OWN("min-confidence", "X", "leave out fuzzy edges that are less sure, 0 to 1"),
     "minConfidence", CLI_OWN_NUMBER},
    {OWN("listen", "ADDRESS",
         "where MongoDB's clients connect to (127.0.0.1:27017); several: a,b; port 0: any; "
         "unix:PATH"),
     NULL, CLI_OWN_NOWHERE},
    {OWN_FLAG("auth", "who comes has to log in, also before there is a user"), NULL,
     CLI_OWN_NOWHERE},
    {OWN("http", "ADDRESS", "where clients of HTTP connect to; none without it"), NULL,
     CLI_OWN_NOWHERE},
    {OWN("http-origin", "ORIGINS", "whose pages may ask by HTTP: https://a.example,… or *"), NULL,
     CLI_OWN_NOWHERE},
    {OWN("advertise", "HOST:PORT",
         "under which MongoDB's clients reach it, where not as they connected"),
     NULL, CLI_OWN_NOWHERE},
    {OWN("topology", "WHAT",
         "what MongoDB's clients see: rs (a replica set of one), mongos, standalone"),
     NULL, CLI_OWN_NOWHERE},
    {OWN("tls-cert", "FILE", "TLS with this certificate, PEM, its chain behind it"), NULL,
     CLI_OWN_NOWHERE},
    {OWN("tls-key", "FILE", "its key; without: in the certificate's file"), NULL, CLI_OWN_NOWHERE},
    {OWN("tls-ca", "FILE", "clients must have a certificate of one of these authorities"), NULL,
     CLI_OWN_NOWHERE},
    {OWN("max-connections", "N", "at most so many (1000)"), NULL, CLI_OWN_NOWHERE},
    {OWN("max-connections-per-address", "N", "from one address of another machine (all)"), NULL,
     CLI_OWN_NOWHERE},
    {OWN("max-cursors", "N", "open at a time (10000)"), NULL, CLI_OWN_NOWHERE},
    {OWN("max-request-bytes", "N", "of a message (48000000)"), NULL, CLI_OWN_NOWHERE},
    {OWN("max-time-ms", "MS", "of a command that says nothing of it (none)"), NULL,
     CLI_OWN_NOWHERE},
    {OWN("log", "FORM", "text, or json: an object a line"), NULL, CLI_OWN_NOWHERE},
    {OWN("log-level", "LEVEL", "debug, info, warn or error"), NULL, CLI_OWN_NOWHERE},
    {OWN("log-file", "FILE", "instead of standard error; opened again on SIGHUP"), NULL,
     CLI_OWN_NOWHERE},
    {OWN("slow-ms", "MS", "commands that take longer are logged (100); -1: none"), NULL,
     CLI_OWN_NOWHERE},
    {OWN_FLAG("test-commands", "for tests of drivers: who connects may order failures"), NULL,
     CLI_OWN_NOWHERE},
};

enum {
  SHARED_COUNT = sizeof option_rows / sizeof option_rows[0],
  OWN_COUNT = sizeof own_rows / sizeof own_rows[0],
  ROW_COUNT = SHARED_COUNT + OWN_COUNT
};

static const option_row *row_at(size_t i) {
  return i < SHARED_COUNT ? &option_rows[i] : &own_rows[i - SHARED_COUNT].row;
}

/* Is the i-th row in one of the sets? */
static bool is_in(size_t i, uint64_t set, uint64_t own) {
  return i < SHARED_COUNT ? (set & option_rows[i].bit) != 0 : (own >> (i - SHARED_COUNT) & 1) != 0;
}

/* ---- the nearest word ---- */

enum { WORD_LEN_MAX = 31 };

static size_t min3(size_t a, size_t b, size_t c) {
  size_t m = a < b ? a : b;
  return m < c ? m : c;
}

/* Insertions, deletions and replacements between two words of at most WORD_LEN_MAX bytes. */
static size_t edit_distance(const char *a, const char *b) {
  size_t row[WORD_LEN_MAX + 1];
  size_t b_len = strlen(b);
  for (size_t j = 0; j <= b_len; j++)
    row[j] = j;
  for (size_t i = 1; a[i - 1] != '\0'; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b_len; j++) {
      size_t above = row[j];
      row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
      diagonal = above;
    }
  }
  return row[b_len];
}

void cli_nearest_offer(cli_nearest *n, const char *name) {
  size_t word_len = strlen(n->word), distance;
  if (word_len > WORD_LEN_MAX || strlen(name) > WORD_LEN_MAX) return;
  distance = edit_distance(n->word, name);
  if (word_len >= 2 && strncmp(n->word, name, word_len) == 0) distance = 1;
  if (distance > 3 || distance * 2 > strlen(name)) return;
  if (n->name != NULL && distance >= n->distance) return;
  n->name = name;
  n->distance = distance;
}

/* ---- messages ---- */

int cli_usage_error(const char *command, const char *fmt, ...) {
  va_list args;
  fputs("parquedb: ", stderr);
  if (command != NULL) fprintf(stderr, "%s: ", command);
  va_start(args, fmt);
  (void)vfprintf(stderr, fmt, args);
  va_end(args);
  fprintf(stderr, "\ntry 'parquedb help%s%s'\n", command != NULL ? " " : "",
          command != NULL ? command : "");
  return CLI_USAGE;
}

static int unknown_option(const char *text) {
  cli_nearest nearest = {0};
  char word[WORD_LEN_MAX + 1];
  size_t len = strcspn(text, "=");
  if (strncmp(text, "--", 2) != 0) len = 2;
  if (len - 2 < sizeof word && strncmp(text, "--", 2) == 0) {
    memcpy(word, text + 2, len - 2);
    word[len - 2] = '\0';
    nearest.word = word;
    for (size_t i = 0; i < ROW_COUNT; i++)
      cli_nearest_offer(&nearest, row_at(i)->name);
  }
  if (nearest.name == NULL) {
    return cli_usage_error(NULL, "unknown option '%.*s'", (int)len, text);
  }
  return cli_usage_error(NULL, "unknown option '%.*s'; did you mean '--%s'?", (int)len, text,
                         nearest.name);
}

/* ---- parsing ---- */

static bool parse_number(const char *text, uint64_t *out) {
  uint64_t number = 0;
  *out = 0;
  if (*text == '\0') return false;
  for (; *text != '\0'; text++) {
    if (*text < '0' || *text > '9' || number > (INT64_MAX - 9) / 10) return false;
    number = number * 10 + (uint64_t)(*text - '0');
  }
  *out = number;
  return true;
}

static int store_value(size_t place, const char *value, cli_options *out) {
  const option_row *row = row_at(place);
  uint64_t number;
  char *base = (char *)out;
  if (place >= SHARED_COUNT) {
    out->own_texts[place - SHARED_COUNT] = value;
    return CLI_DONE;
  }
  if (row->kind == KIND_TEXT) {
    memcpy(base + row->at, &value, sizeof value);
    return CLI_DONE;
  }
  if (!parse_number(value, &number)) {
    return cli_usage_error(NULL, "option '--%s' needs a whole number, not '%s'", row->name, value);
  }
  memcpy(base + row->at, &number, sizeof number);
  return CLI_DONE;
}

/* The place of the row of an argument that begins with '-'; ROW_COUNT: none. *value is what follows
 * '=' or the letter. */
static size_t find_row(const char *text, const char **value) {
  *value = NULL;
  for (size_t i = 0; i < ROW_COUNT; i++) {
    const option_row *row = row_at(i);
    size_t len = strlen(row->name);
    if (text[1] != '-') {
      if (row->letter == 0 || text[1] != row->letter) continue;
      if (text[2] != '\0') *value = text + 2;
      return i;
    }
    if (strncmp(text + 2, row->name, len) != 0) continue;
    if (text[2 + len] == '=') *value = text + 3 + len;
    if (text[2 + len] == '=' || text[2 + len] == '\0') return i;
  }
  return ROW_COUNT;
}

/* Parse the option at argv[*i]; *i moves to its last argument. */
static int parse_option(int argc, char **argv, int *i, cli_options *out) {
  const char *value;
  size_t place = find_row(argv[*i], &value);
  const option_row *row;
  if (place == ROW_COUNT) return unknown_option(argv[*i]);
  row = row_at(place);
  out->given |= row->bit;
  if (place >= SHARED_COUNT) out->own |= UINT64_C(1) << (place - SHARED_COUNT);
  if (row->kind == KIND_FLAG) {
    if (value == NULL) return CLI_DONE;
    return cli_usage_error(NULL, "option '--%s' takes no value", row->name);
  }
  if (value == NULL) {
    bool is_missing = *i + 1 >= argc || strncmp(argv[*i + 1], "--", 2) == 0;
    if (is_missing) {
      return cli_usage_error(NULL, "option '--%s' needs a value: --%s %s", row->name, row->name,
                             row->value_name);
    }
    value = argv[++*i];
  }
  return store_value(place, value, out);
}

int cli_options_parse(int argc, char **argv, cli_options *out) {
  bool has_ended = false;
  *out = (cli_options){0};
  out->words = argv + 1;
  for (int i = 1; i < argc; i++) {
    if (has_ended || argv[i][0] != '-' || argv[i][1] == '\0') {
      out->words[out->word_count++] = argv[i];
    } else if (strcmp(argv[i], "--") == 0) {
      has_ended = true;
    } else {
      int status = parse_option(argc, argv, &i, out);
      if (status != CLI_DONE) return status;
    }
  }
  return CLI_DONE;
}

int cli_options_allow(const cli_options *o, uint64_t allowed, uint64_t own, const char *command) {
  for (size_t i = 0; i < ROW_COUNT; i++) {
    if (!is_in(i, o->given & ~allowed, o->own & ~own)) continue;
    return cli_usage_error(command, "takes no option '--%s'", row_at(i)->name);
  }
  return CLI_DONE;
}

const char *cli_option_name(uint64_t set, uint64_t own, size_t i) {
  for (size_t n = 0; n < ROW_COUNT; n++) {
    if (is_in(n, set, own) && i-- == 0) return row_at(n)->name;
  }
  return NULL;
}

bool cli_own_given(const cli_options *o, size_t i, cli_own_option *out) {
  for (size_t n = 0; n < OWN_COUNT; n++) {
    if ((o->own >> n & 1) == 0 || i-- > 0) continue;
    *out = (cli_own_option){own_rows[n].row.name, own_rows[n].field, o->own_texts[n],
                            own_rows[n].form};
    return true;
  }
  return false;
}

const char *cli_own_text(const cli_options *o, const char *name) {
  cli_own_option own;
  for (size_t i = 0; cli_own_given(o, i, &own); i++)
    if (strcmp(own.name, name) == 0) return own.text;
  return NULL;
}

void cli_options_print(uint64_t set, uint64_t own, int indent) {
  for (size_t i = 0; i < ROW_COUNT; i++) {
    const option_row *row = row_at(i);
    char head[64];
    char letter[] = "    ";
    if (!is_in(i, set, own)) continue;
    if (row->letter != 0) {
      letter[0] = '-';
      letter[1] = row->letter;
      letter[2] = ',';
    }
    (void)snprintf(head, sizeof head, "%s--%s%s%s", letter, row->name,
                   row->value_name != NULL ? " " : "",
                   row->value_name != NULL ? row->value_name : "");
    printf("%*s%-28s  %s\n", indent, "", head, row->help);
  }
}
