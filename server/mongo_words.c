/* server/mongo_words.c - see mongo_words.h.
 *
 * A pattern is matched from the beginning to the end; '*' is the shortest text that lets the rest
 * match. What stands in front of it ("stage '$project': ") is tried as well. */
#include "server/mongo_words.h"

#include <string.h>

enum { PARTS_MAX = 4 };

static const struct row {
  int only; /* where the number was to be this; 0: any */
  const char *pattern;
  int code;
  const char *text; /* {1} … the parts; NULL: the message stays */
} rows[] = {
    /* updates */
    {0, "the replacement: the field '_id' cannot be changed", 66,
     "After applying the update, the (immutable) field '_id' was found to have been altered"},
    {0, "*: the field '_id' cannot be changed", 66,
     "Performing an update on the path '_id' would modify the immutable field '_id'"},
    {0, "operator '$*' at path '*' needs a number there, not *", 14,
     "Cannot apply ${1} to a value of non-numeric type. The field '{2}' is of type {3}"},
    {0, "operator '$*' at path '*' needs an array, not *", 2,
     "The field '{2}' must be an array but is of type {3}"},
    {0, "operator '*': the path '*' conflicts with '*' of '*'", 40,
     "Updating the path '{2}' would create a conflict at '{3}'"},
    {0, "operator '*': path '*' leads through a value of type *", 28,
     "Cannot create field in element of path '{2}': it is of type {3}"},
    {0, "operator '*': the filter did not look into an array, so '$' in path '*' has no index", 2,
     "The positional operator did not find the match needed from the query."},
    {0, "arrayFilters: no path uses the name '*'", 9,
     "The array filter for identifier '{1}' was not used in the update"},
    {0, "operator '*': no array filter for the name '*' in path '*'", 2,
     "No array filter found for identifier '{2}' in path '{3}'"},
    {9, "unknown operator '*' at path '*': did you mean *", 9,
     "Unknown modifier: {1}. Expected a valid update modifier or pipeline-style update specified "
     "as "
     "an array (did you mean {3})"},
    {0, "operator '*' needs an object of paths, not *", 9,
     "Modifiers operate on fields but we found type {2} instead. For example: {$mod: {<field>: "
     "...}} not {{1}: ...}"},
    {0, "The '_id' value cannot be of type *", 53, NULL},
    /* pipelines */
    {0, "unknown stage '*'", 40324, "Unrecognized pipeline stage name: '{1}'"},
    {0, "unknown stage '*': *", 40324, "Unrecognized pipeline stage name: '{1}' ({2})"},
    {0, "a stage of a pipeline is an object of one field", 40323,
     "A pipeline stage specification object must contain exactly one field."},
    {0, "unknown expression operator '*': *", 168, "Unrecognized expression '{1}' ({2})"},
    {0, "unknown expression operator '*'", 168, "Unrecognized expression '{1}'"},
    {0, "stage '$group' needs an _id", 15955, "a group specification must include an _id"},
    {0, "stage '$group': '*' needs one accumulator", 40234,
     "The field '{1}' must be an accumulator object"},
    {0, "stage '$limit' needs a whole number above 0", 15958, "the limit must be positive"},
    {0, "operator '*' needs numbers and dates, not *", 14,
     "{1} only supports numeric or date types, not {2}"},
    {0, "operator '$divide' cannot divide by 0", 2, "can't $divide by zero"},
    {0, "the variable '$$*' is not defined here", 17276, "Use of undefined variable: {1}"},
    {0, "operator '$*' cannot make * of '*': *", 241,
     "Failed to parse {2} '{3}' in ${1} with no onError value: {4}"},
    /* finds */
    {0, "projection mixes inclusion and exclusion: it cannot exclude '*'", 31254,
     "Cannot do exclusion on field {1} in inclusion projection"},
    {0, "projection mixes inclusion and exclusion: it cannot include '*'", 31253,
     "Cannot do inclusion on field {1} in exclusion projection"},
    {0, "the sort direction of '*' must be 1 or -1", 15975,
     "$sort key ordering must be 1 (for ascending) or -1 (for descending)"},
    {0, "the regular expression '*' is malformed at byte *: *", 51091,
     "Regular expression is invalid: {3}"},
    {2, "unknown operator '*' at path '*': *", 2, "unknown operator: {1} ({3})"},
    {2, "unknown operator '*': *", 2,
     "unknown top level operator: {1}. If you have a field name that starts with a '$' symbol, "
     "consider using $getField or $setField. ({2})"},
    {0, "operator '$in' at path '*' needs an array", 2, "$in needs an array"},
    {0, "operator '$*' needs an array of at least one filter", 2,
     "$and/$or/$nor must be a nonempty array"},
    {0, "operator '$type' at path '*' names an unknown type '*'", 2,
     "Unknown type name alias: {2}"},
    {0, "operator '$mod' at path '*' cannot divide by 0", 2, "divisor cannot be 0"},
    {0, "*: option '*' is missing", 40414, "BSON field '{1}.{2}' is missing but a required field"},
    {0, "*: option '*' must be an object", 14,
     "BSON field '{1}.{2}' is the wrong type, expected type 'object'"},
    {0, "*: option '*' must be an array", 14,
     "BSON field '{1}.{2}' is the wrong type, expected type 'array'"},
};

/* Nested as often as the pattern has stars. */
static bool match(const char *pattern, pq_slice s, pq_slice *parts, size_t count) {
  for (; *pattern != '\0' && *pattern != '*'; pattern++) {
    if (s.n == 0 || s.p[0] != (uint8_t)*pattern) return false;
    s = (pq_slice){s.p + 1, s.n - 1};
  }
  if (*pattern == '\0') return s.n == 0;
  pq_assert(count < PARTS_MAX);
  for (size_t n = 0; n <= s.n; n++) {
    parts[count] = (pq_slice){s.p, n};
    if (match(pattern + 1, (pq_slice){s.p + n, s.n - n}, parts, count + 1)) return true;
  }
  return false;
}

static size_t put(char *out, size_t at, const uint8_t *p, size_t n) {
  size_t room = PQ_MESSAGE_CAP - 1 - at;
  if (n > room) n = room;
  if (n > 0) memcpy(out + at, p, n);
  return at + n;
}

static void print(const char *text, const pq_slice *parts, size_t at, char *out) {
  for (; *text != '\0'; text++) {
    bool is_part = text[0] == '{' && text[1] >= '1' && text[1] <= '4' && text[2] == '}';
    if (is_part) {
      const pq_slice *part = &parts[text[1] - '1'];
      at = put(out, at, part->p, part->n);
      text += 2;
    } else {
      at = put(out, at, (const uint8_t *)text, 1);
    }
  }
  out[at] = '\0';
}

/* The row of a text, and its parts. */
static const struct row *find(int code, pq_slice s, pq_slice *parts) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if ((rows[i].only == 0 || rows[i].only == code) && match(rows[i].pattern, s, parts, 0))
      return &rows[i];
  return NULL;
}

/* Behind "stage '$project': "; the whole where nothing stands in front. */
static pq_slice behind_stage(pq_slice s) {
  static const char mark[] = "stage '$", end[] = "': ";
  if (s.n < sizeof mark - 1 || memcmp(s.p, mark, sizeof mark - 1) != 0) return s;
  for (size_t i = sizeof mark - 1; i + sizeof end - 1 <= s.n; i++)
    if (memcmp(s.p + i, end, sizeof end - 1) == 0)
      return (pq_slice){s.p + i + sizeof end - 1, s.n - i - (sizeof end - 1)};
  return s;
}

int pq_mongo_words(int code, pq_slice message, char out[PQ_MESSAGE_CAP]) {
  pq_slice parts[PARTS_MAX] = {{0}}, rest = behind_stage(message);
  const struct row *row = find(code, message, parts);
  size_t at = 0;
  if (row == NULL && rest.n < message.n) {
    static const char caused[] = " :: caused by :: ";
    row = find(code, rest, parts);
    if (row != NULL && row->text != NULL) {
      at = put(out, at, (const uint8_t *)"Invalid ", 8);
      at = put(out, at, message.p + 7, message.n - rest.n - 10);
      at = put(out, at, (const uint8_t *)caused, sizeof caused - 1);
    }
  }
  if (row == NULL || row->text == NULL) {
    out[put(out, 0, message.p, message.n)] = '\0';
    return row == NULL ? code : row->code;
  }
  print(row->text, parts, at, out);
  return row->code;
}
