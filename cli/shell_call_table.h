/* cli/shell_call_table.h - which calls there are: posts.find(…), db.stats(), and what follows them.
 *
 *   posts.find({…}, {…}, {…})    sub-command find; its words, --project, options of the document
 *        └ shape, arguments      .sort({…}).limit(3)   options of the sub-command
 */
#ifndef PQ_CLI_SHELL_CALL_TABLE_H
#define PQ_CLI_SHELL_CALL_TABLE_H

#include "shell_line.h"

enum { CLI_ARGS_MAX = 16 };

typedef enum call_shape {
  SHAPE_NONE,     /* posts.files()                -> files posts */
  SHAPE_FILTER,   /* posts.count({…})             -> count posts {…} */
  SHAPE_FIND,     /* posts.find({…}, {…})         -> find posts {…} --project {…} */
  SHAPE_JSON,     /* posts.insertOne({…})         -> insert posts {…} */
  SHAPE_DISTINCT, /* posts.distinct("n", {…})     -> distinct posts n --filter {…} */
  SHAPE_CHANGE,   /* posts.updateOne("p1", {…})   -> update-one posts {"$id": "posts/p1"} {…} */
  SHAPE_ID,       /* posts.get("p1")              -> get posts/p1 */
  SHAPE_TARGET,   /* posts.history("p1"), posts.history() -> history posts/p1, history posts */
  SHAPE_LINK,     /* posts.link("p1", "a", "u/1") -> link posts/p1 a u/1 */
  SHAPE_STEPS,    /* posts.traverse("p1", "a")    -> traverse posts/p1 a */
  SHAPE_COMMAND   /* db.runCommand({…})           -> run {…} */
} call_shape;

typedef struct cli_call_row {
  const char *name, *command;
  call_shape shape;
  size_t arg_min, arg_max; /* without options */
  bool has_options;        /* one more argument may be an object of options */
  const char *takes;       /* for messages */
} cli_call_row;

typedef enum change_kind {
  CHANGE_FLAG,
  CHANGE_JSON,
  CHANGE_NUMBER,
  CHANGE_TEXT,
  CHANGE_COUNT,
  CHANGE_PRETTY,
  CHANGE_NOTHING
} change_kind;

typedef struct cli_change_row {
  const char *name;
  change_kind kind;
  uint64_t option;
  size_t at; /* of the value in cli_options */
} cli_change_row;

/* The row of a name, or NULL. A place is CLI_ON_COLLECTION or CLI_ON_DATABASE. */
const cli_call_row *cli_call_find(cli_call_place place, const char *name);
const cli_change_row *cli_change_find(const char *name);

#endif
