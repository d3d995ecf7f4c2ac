/* cli/options.h - the arguments of the program, sorted into options and words.
 *
 *   parquedb find posts '{"a": 1}' --limit=5 -w /data
 *            ^word ^word ^word     ^option   ^option      in any order; "--" ends the options
 *
 * Which options a command takes stands in its row of the command table, as a set of CLI_OPT_ bits.
 * An option that is unknown, or that the command does not take, is an error, never ignored. An
 * option given twice counts the last time, so that a shell alias can hold defaults.
 */
#ifndef PQ_CLI_OPTIONS_H
#define PQ_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses. */
enum { CLI_DONE = 0, CLI_REFUSED = 1, CLI_USAGE = 2 };

enum {
  CLI_OPT_WAREHOUSE = 1 << 0,
  CLI_OPT_NS = 1 << 1,
  CLI_OPT_JSON = 1 << 2,
  CLI_OPT_HELP = 1 << 3,
  CLI_OPT_VERSION = 1 << 4,
  CLI_OPT_AS_OF = 1 << 5,
  CLI_OPT_EXPLAIN = 1 << 6,
  CLI_OPT_FLUSHED = 1 << 7,
  CLI_OPT_LIMIT = 1 << 8,
  CLI_OPT_SKIP = 1 << 9,
  CLI_OPT_SORT = 1 << 10,
  CLI_OPT_PROJECT = 1 << 11,
  CLI_OPT_INCLUDE_DELETED = 1 << 12,
  CLI_OPT_ACTOR = 1 << 13,
  CLI_OPT_EXPECTED_VERSION = 1 << 14,
  CLI_OPT_HARD = 1 << 15,
  CLI_OPT_REVERSE = 1 << 16,
  CLI_OPT_REVERSE_NAME = 1 << 17,
  CLI_OPT_DATA = 1 << 18,
  CLI_OPT_EDGES = 1 << 19,
  CLI_OPT_EDGES_REVERSE = 1 << 20,
  CLI_OPT_EVENTS = 1 << 21,
  CLI_OPT_SQL = 1 << 22,
  CLI_OPT_ACK = 1 << 23,
  CLI_OPT_FORMAT = 1 << 24,
  CLI_OPT_OUTPUT = 1 << 25,
  CLI_OPT_DRY_RUN = 1 << 26,
  CLI_OPT_TYPES = 1 << 27,
  CLI_OPT_ID_FIELD = 1 << 28,
  CLI_OPT_STRICT = 1 << 29,
  CLI_OPT_READ_ONLY = 1 << 30
};
#define CLI_OPT_FROM (UINT64_C(1) << 31)
#define CLI_OPT_OP (UINT64_C(1) << 32)
#define CLI_OPT_COLUMNS (UINT64_C(1) << 33)
#define CLI_OPT_ROW_GROUPS (UINT64_C(1) << 34)
#define CLI_OPT_LEVELS (UINT64_C(1) << 35)
#define CLI_OPT_FORGIVE (UINT64_C(1) << 36)
#define CLI_OPT_MODE (UINT64_C(1) << 37)
#define CLI_OPT_FORCE (UINT64_C(1) << 38)
#define CLI_OPT_FILTER (UINT64_C(1) << 39)
#define CLI_OPT_UPSERT (UINT64_C(1) << 40)
#define CLI_OPT_ARRAY_FILTERS (UINT64_C(1) << 41)
#define CLI_OPT_RETURN (UINT64_C(1) << 42)
#define CLI_OPT_UNORDERED (UINT64_C(1) << 43)
#define CLI_OPT_ESTIMATED (UINT64_C(1) << 44)
#define CLI_OPT_TO (UINT64_C(1) << 45)
#define CLI_OPT_METADATA (UINT64_C(1) << 46)
#define CLI_OPT_FOLLOW (UINT64_C(1) << 47)
#define CLI_OPT_CURSOR (UINT64_C(1) << 48)
#define CLI_OPT_TOTAL (UINT64_C(1) << 49)
#define CLI_OPT_POPULATE (UINT64_C(1) << 50)
#define CLI_OPT_PLAIN (UINT64_C(1) << 51)
#define CLI_OPT_COLLATION (UINT64_C(1) << 52)
#define CLI_OPT_HINT (UINT64_C(1) << 53)
#define CLI_OPT_MAX_TIME (UINT64_C(1) << 54)
#define CLI_OPT_INTO (UINT64_C(1) << 55)
#define CLI_OPT_PLAN (UINT64_C(1) << 56)
#define CLI_OPT_PRICE (UINT64_C(1) << 57)
#define CLI_OPT_BUDGET (UINT64_C(1) << 58)
#define CLI_OPT_INTO_NS (UINT64_C(1) << 59)
#define CLI_OPT_RESUME (UINT64_C(1) << 60)
#define CLI_OPT_WITHOUT_EDGES (UINT64_C(1) << 61)
#define CLI_OPT_QUICK (UINT64_C(1) << 62)
#define CLI_OPT_MEMORY (UINT64_C(1) << 63) /* and the other options of an open warehouse */
/* Options that few commands know, as a set of their own (cli_command.own). They are fields of the
 * command document, which cli_add_options adds as they are, or what a command looks at itself. */
enum {
  CLI_OWN_PREDICATES = 1 << 0,
  CLI_OWN_DIRECTION = 1 << 1,
  CLI_OWN_WRITE_AS = 1 << 2,
  CLI_OWN_DAMPING = 1 << 3,
  CLI_OWN_ITERATIONS = 1 << 4,
  CLI_OWN_TOLERANCE = 1 << 5,
  CLI_OWN_MAX_HOPS = 1 << 6,
  CLI_OWN_MAX_NODES = 1 << 7,
  CLI_OWN_EDGE_FILTER = 1 << 8,
  CLI_OWN_GRAPHML = 1 << 9,
  CLI_OWN_DOT = 1 << 10,
  CLI_OWN_JSON_GRAPH = 1 << 11,
  CLI_OWN_SVG = 1 << 12,
  CLI_OWN_UNIQUENESS = 1 << 13,
  CLI_OWN_ORDER = 1 << 14,
  CLI_OWN_RETURN = 1 << 15,
  CLI_OWN_DEPTH = 1 << 16,
  CLI_OWN_CYCLES = 1 << 17,
  CLI_OWN_MAX_PATHS = 1 << 18,
  CLI_OWN_K = 1 << 19,
  CLI_OWN_ALL_BEST = 1 << 20,
  CLI_OWN_WEIGHT = 1 << 21,
  CLI_OWN_DEFAULT_WEIGHT = 1 << 22,
  CLI_OWN_HEURISTIC = 1 << 23,
  CLI_OWN_PARAMS = 1 << 24,
  CLI_OWN_MAX_ROWS = 1 << 25,
  CLI_OWN_FILE = 1 << 26,
  CLI_OWN_MIN_CONFIDENCE = 1 << 27,
  CLI_OWN_LISTEN = 1 << 28, /* and the others of `serve` alone: CLI_OWN_SERVE */
  CLI_OWN_AUTH = 1 << 29
};
/* --listen to --test-commands, in the order of their rows. */
#define CLI_OWN_SERVE (((UINT64_C(1) << 19) - 1) << 28)
#define CLI_OWN_TEST_COMMANDS (UINT64_C(1) << 46)
enum { CLI_OWN_MAX = 64 };
/* Any of these: the answer says how, it has no results. */
#define CLI_OPT_TELLS (CLI_OPT_EXPLAIN | CLI_OPT_PLAN)
/* What reads take that can tell their cost. */
#define CLI_OPT_COSTS (CLI_OPT_PLAN | CLI_OPT_PRICE | CLI_OPT_BUDGET)
/* What every command takes, what every read takes, what reads by a filter take. */
#define CLI_OPT_COMMON \
  (CLI_OPT_WAREHOUSE | CLI_OPT_NS | CLI_OPT_JSON | CLI_OPT_HELP | CLI_OPT_MEMORY)
#define CLI_OPT_READ (CLI_OPT_AS_OF | CLI_OPT_EXPLAIN | CLI_OPT_FLUSHED)
#define CLI_OPT_SELECT                                                                         \
  (CLI_OPT_READ | CLI_OPT_INCLUDE_DELETED | CLI_OPT_PLAIN | CLI_OPT_COLLATION | CLI_OPT_HINT | \
   CLI_OPT_MAX_TIME)
/* What all writes take: who, and why. */
#define CLI_OPT_AUDIT (CLI_OPT_ACTOR | CLI_OPT_METADATA)
/* What chooses events. */
#define CLI_OPT_EVENT_CHOICE                                                                      \
  (CLI_OPT_AS_OF | CLI_OPT_FLUSHED | CLI_OPT_LIMIT | CLI_OPT_CURSOR | CLI_OPT_FROM | CLI_OPT_TO | \
   CLI_OPT_OP | CLI_OPT_ACTOR | CLI_OPT_FILTER | CLI_OPT_MAX_TIME)
/* What writes by a filter take, and those of one entity. */
#define CLI_OPT_CHOOSE (CLI_OPT_AUDIT | CLI_OPT_COLLATION | CLI_OPT_HINT | CLI_OPT_PLAIN)
#define CLI_OPT_CHOOSE_ONE (CLI_OPT_CHOOSE | CLI_OPT_SORT | CLI_OPT_EXPECTED_VERSION)

/* All text is borrowed from argv. */
typedef struct cli_options {
  uint64_t given;                     /* set of CLI_OPT_ bits */
  uint64_t own;                       /* set of CLI_OWN_ bits */
  const char *own_texts[CLI_OWN_MAX]; /* their values, by bit */
  const char *warehouse, *ns, *as_of, *sort, *project, *actor, *reverse_name, *data, *op;
  const char *cursor, *populate, *collation, *hint;
  const char *format, *output, *types, *id_field, *columns, *mode;
  const char *price, *budget;
  const char *filter, *array_filters, *returns;
  const char *from, *to, *metadata, *into, *into_ns;
  const char *more; /* of the shell: an object whose fields are options of the command document */
  uint64_t limit, skip, expected_version, max_time;
  uint64_t memory;                           /* megabytes; 0: the default */
  uint64_t snapshot_events, cached_entities; /* of pqdb_options */
  char **words;                              /* the command and its positional arguments */
  int word_count;
} cli_options;

/* Sort argv (it is reordered). CLI_DONE, or CLI_USAGE after a message on standard error. */
int cli_options_parse(int argc, char **argv, cli_options *out);

/* Refuse given options outside `allowed` and `own`. CLI_DONE, or CLI_USAGE after a message. */
int cli_options_allow(const cli_options *o, uint64_t allowed, uint64_t own, const char *command);

/* Print one line for each option in the sets, after `indent` spaces. */
void cli_options_print(uint64_t set, uint64_t own, int indent);

/* The name of the i-th option that is in the sets, without dashes; NULL at the end. */
const char *cli_option_name(uint64_t set, uint64_t own, size_t i);

/* How the value of an own option stands in the command document. */
typedef enum cli_own_form {
  CLI_OWN_TRUE,   /* it has none: true */
  CLI_OWN_TEXT,   /* as text */
  CLI_OWN_NUMBER, /* as a number */
  CLI_OWN_NAMES,  /* a,b: as an array of texts */
  CLI_OWN_JSON,   /* as it is */
  CLI_OWN_NOWHERE /* not at all: the command looks at it */
} cli_own_form;
typedef struct cli_own_option {
  const char *name, *field, *text;
  cli_own_form form;
} cli_own_option;
/* The i-th own option that was given; false at the end. */
bool cli_own_given(const cli_options *o, size_t i, cli_own_option *out);
/* What the own option of that name was given, or NULL. */
const char *cli_own_text(const cli_options *o, const char *name);

static inline bool cli_has(const cli_options *o, uint64_t bit) {
  return (o->given & bit) != 0;
}
static inline bool cli_has_own(const cli_options *o, uint64_t bit) {
  return (o->own & bit) != 0;
}

/* Keeps the nearest of the names offered to it. Start with {word, NULL, 0}. */
typedef struct cli_nearest {
  const char *word;
  const char *name; /* the result: NULL when nothing is near */
  size_t distance;
} cli_nearest;
void cli_nearest_offer(cli_nearest *n, const char *name);

/* "parquedb: <message>" and where to find help, on standard error. Returns CLI_USAGE. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
int cli_usage_error(const char *command, const char *fmt, ...);

#endif
