/* cli/command_table.c - every sub-command in one place: what it takes, what it does, an example.
 *
 * The examples are run by test/cli/cli.py, each on a fresh copy of the same small warehouse (posts,
 * users, an edge author, edges knows; its function `example_data` makes it), and must print what
 * stands here.
 */
#include <string.h>

#include "commands.h"

#define OPT(name) CLI_OPT_##name
/* What is computed of the whole graph. */
#define CLI_OPT_WHOLE                                                                  \
  (CLI_OPT_READ | CLI_OPT_COSTS | CLI_OPT_AUDIT | OPT(LIMIT) | OPT(SKIP) | OPT(SORT) | \
   OPT(MAX_TIME))

const cli_command cli_commands[] = {
    {"Documents", "import", "COLL [FILE|-]", "insert documents from NDJSON, CSV or Parquet",
     "From a file, or from standard input as NDJSON or as --format says. It goes in\n"
     "batches: each is inserted as a whole or not at all, and is durable when the\n"
     "next begins. A bad line stops the import with its number; the batches before\n"
     "it stay. The collection and the warehouse are made when they are not there.\n\n"
     "CSV has a header row; the delimiter and the type of each column are found\n"
     "in the first 10,000 rows, --types says otherwise (zip:text,price:decimal).\n"
     "An empty field is a missing one. A value that does not fit its column stays\n"
     "text and is counted; with --strict it is an error with line and column.\n"
     "Parquet may have any schema; structs become objects, lists arrays. Messages\n"
     "of the database count rows as lines. --dry-run shows the columns and checks\n"
     "everything.",
     "parquedb import places places.ndjson", "imported 2",
     OPT(ACK) | CLI_OPT_AUDIT | OPT(FORMAT) | OPT(DRY_RUN) | OPT(TYPES) | OPT(ID_FIELD) |
         OPT(STRICT),
     1, 2, cli_import},
    {NULL, "insert", "COLL DOC", "insert one document or an array of them; prints the ids",
     "The id is the document's $id, else made from its _id, else a new ULID. With\n"
     "an array all are inserted or none; with --unordered those that can be, and\n"
     "the others are told by their place. The collection and the warehouse are\n"
     "made when they are not there.",
     "parquedb insert posts '{\"$id\": \"p4\", \"title\": \"New\"}'", "posts/p4",
     CLI_OPT_AUDIT | OPT(UNORDERED), 2, 2, cli_run_insert},
    {NULL, "get", "COLL/ID | COLL ID", "show one entity",
     "Shows the document with its system fields. In the form with two words the\n"
     "local id is taken as it is; in COLL/ID it is percent-encoded where it\n"
     "holds '/' or '%'. Exit status 1 when there is no such entity.",
     "parquedb get posts/p1 --project title,n",
     "{\"$id\":\"posts/p1\",\"title\":\"Hello\",\"n\":3}",
     CLI_OPT_READ | CLI_OPT_COSTS | OPT(PROJECT) | OPT(INCLUDE_DELETED) | OPT(PLAIN) |
         OPT(POPULATE) | OPT(MAX_TIME),
     1, 2, cli_run_get},
    {NULL, "find", "COLL [FILTER]", "show the entities that match",
     "FILTER is a MongoDB filter, such as {\"n\": {\"$gt\": 3}}; without it all match.\n"
     "On a terminal the result is a table, otherwise one JSON object per line.\n"
     "--format and --output write a file: CSV and Parquet have a column for each\n"
     "field of --project, or for all top-level fields that there are. In Parquet a\n"
     "field whose values are all of one type is typed, any other is a VARIANT.\n\n"
     "--plan shows which files and pages would be read, and requests and bytes,\n"
     "without reading them; --price r2 or s3 makes that dollars. With --budget\n"
     "requests=100,bytes=1MB a search that may cost more is refused.",
     "parquedb find posts '{\"n\": {\"$gt\": 2}}' --sort -n --project title,n",
     "{\"$id\":\"posts/p2\",\"title\":\"World\",\"n\":5}\n"
     "{\"$id\":\"posts/p1\",\"title\":\"Hello\",\"n\":3}",
     CLI_OPT_SELECT | CLI_OPT_COSTS | OPT(LIMIT) | OPT(SKIP) | OPT(SORT) | OPT(CURSOR) |
         OPT(TOTAL) | OPT(PROJECT) | OPT(POPULATE) | OPT(FORMAT) | OPT(OUTPUT),
     1, 2, cli_run_find},
    {NULL, "count", "COLL [FILTER]", "print how many entities match",
     "Prints the number alone; with --json the whole summary. --plan shows what\n"
     "it will cost, --budget requests=100,bytes=1MB refuses to cost more.",
     "parquedb count posts '{\"n\": {\"$gt\": 2}}' --budget requests=100,bytes=1MB", "2",
     CLI_OPT_SELECT | CLI_OPT_COSTS | OPT(LIMIT) | OPT(SKIP) | OPT(ESTIMATED), 1, 2, cli_run_count},
    {NULL, "exists", "COLL [FILTER] | COLL/ID | FROM PREDICATE TO",
     "tell whether any entity matches, or an edge is there",
     "Prints true or false; exit status 1 when there is none. Stops at the first\n"
     "that matches. An edge is there when both its ends are, too.",
     "parquedb exists posts '{\"n\": {\"$gt\": 4}}'", "true", CLI_OPT_SELECT | CLI_OPT_COSTS, 1, 3,
     cli_run_exists},
    {NULL, "distinct", "COLL FIELD", "print the different values of a field",
     "One value a line, as JSON, in MongoDB's order. Of an array its elements\n"
     "count. --filter chooses the entities.",
     "parquedb distinct posts n --filter '{\"n\": {\"$gt\": 2}}'", "3\n5",
     CLI_OPT_SELECT | CLI_OPT_COSTS | OPT(FILTER), 2, 2, cli_run_distinct},
    {NULL, "aggregate", "COLL PIPELINE", "pass the entities through the stages of a pipeline",
     "PIPELINE is an array of MongoDB aggregation stages. The stages that are\n"
     "there are listed in doc/commands.md; any other is an error.",
     "parquedb aggregate posts '[{\"$match\": {\"n\": {\"$gt\": 2}}}, {\"$count\": \"many\"}]'",
     "{\"many\":2}", CLI_OPT_SELECT | CLI_OPT_COSTS, 2, 2, cli_run_aggregate},
    {NULL, "update", "COLL/ID OPS | COLL ID OPS", "change one entity; prints it as it is then",
     "OPS are MongoDB update operators such as $set, $inc and $push, or a whole\n"
     "new document. Exit status 1 when there is no such entity, or when it has\n"
     "another version than --expected-version.",
     "parquedb update posts/p1 '{\"$set\": {\"title\": \"Hi\"}, \"$inc\": {\"n\": 1}}'",
     "{\"$id\":\"posts/p1\",…\"title\":\"Hi\",\"n\":4…}", CLI_OPT_AUDIT | OPT(EXPECTED_VERSION), 2,
     3, cli_run_update},
    {NULL, "replace", "COLL/ID DOC | COLL ID DOC",
     "put another document in the place of an entity's",
     "The entity keeps its id and gets the next version. Exit status 1 when\n"
     "there is none, unless --upsert makes it.",
     "parquedb replace posts/p1 '{\"title\": \"New\"}'",
     "{\"$id\":\"posts/p1\",…\"version\":3,\"title\":\"New\"}",
     CLI_OPT_AUDIT | OPT(EXPECTED_VERSION) | OPT(UPSERT) | OPT(RETURN) | OPT(PROJECT) | OPT(PLAIN),
     2, 3, cli_run_replace},
    {NULL, "delete", "COLL/ID | COLL ID", "delete one entity; its history stays",
     "A deleted entity is hidden, with its edges, and can be restored. With\n"
     "--hard it is gone, apart from its events, and its edges are removed.",
     "parquedb delete posts/p1", "deleted posts/p1",
     CLI_OPT_AUDIT | OPT(EXPECTED_VERSION) | OPT(HARD), 1, 2, cli_run_delete},

    {"Many documents", "update-one", "COLL FILTER UPDATE", "change the first entity that matches",
     "UPDATE has operators such as $set, or is a pipeline. --sort says which is\n"
     "the first. Prints how many matched and were changed.",
     "parquedb update-one posts '{\"n\": {\"$gt\": 2}}' '{\"$inc\": {\"n\": 1}}' --sort -n",
     "matched 1, modified 1", CLI_OPT_CHOOSE_ONE | OPT(UPSERT) | OPT(ARRAY_FILTERS), 3, 3,
     cli_run_change},
    {NULL, "update-many", "COLL FILTER UPDATE", "change all entities that match",
     "In one commit: all or none. With --upsert one is made when none matches.",
     "parquedb update-many posts '{\"n\": {\"$gt\": 2}}' '{\"$set\": {\"hot\": true}}'",
     "matched 2, modified 2", CLI_OPT_CHOOSE | OPT(UPSERT) | OPT(ARRAY_FILTERS), 3, 3,
     cli_run_change},
    {NULL, "replace-one", "COLL FILTER DOC", "replace the document of the first that matches",
     "The entity keeps its id, and its _id if it has one.",
     "parquedb replace-one posts '{\"title\": \"Hello\"}' '{\"title\": \"Bye\"}'",
     "matched 1, modified 1", CLI_OPT_CHOOSE_ONE | OPT(UPSERT), 3, 3, cli_run_change},
    {NULL, "delete-one", "COLL FILTER", "delete the first entity that matches",
     "It is hidden, and can be restored, unless --hard is given.",
     "parquedb delete-one posts '{\"n\": {\"$gt\": 2}}' --sort n", "deleted 1",
     CLI_OPT_CHOOSE_ONE | OPT(HARD) | OPT(INCLUDE_DELETED), 2, 2, cli_run_change},
    {NULL, "delete-many", "COLL FILTER", "delete all entities that match",
     "The filter {} deletes all. They are hidden, and can be restored, unless\n"
     "--hard is given.",
     "parquedb delete-many posts '{\"n\": {\"$gt\": 2}}'", "deleted 2",
     CLI_OPT_CHOOSE | OPT(HARD) | OPT(INCLUDE_DELETED), 2, 2, cli_run_change},
    {NULL, "find-one-and-update", "COLL FILTER UPDATE", "change the first that matches and show it",
     "As it was before; with --return after, as it is then. Exit status 1 when\n"
     "none matches.",
     "parquedb find-one-and-update posts '{\"n\": 3}' '{\"$inc\": {\"n\": 1}}' --return after "
     "--project n",
     "{\"$id\":\"posts/p1\",\"n\":4}",
     CLI_OPT_CHOOSE_ONE | OPT(UPSERT) | OPT(ARRAY_FILTERS) | OPT(RETURN) | OPT(PROJECT), 3, 3,
     cli_run_change},
    {NULL, "find-one-and-replace", "COLL FILTER DOC", "replace the first that matches and show it",
     "As find-one-and-update, with a whole document.",
     "parquedb find-one-and-replace posts '{\"n\": 3}' '{\"k\": 1}' --project n",
     "{\"$id\":\"posts/p1\",\"n\":3}",
     CLI_OPT_CHOOSE_ONE | OPT(UPSERT) | OPT(RETURN) | OPT(PROJECT), 3, 3, cli_run_change},
    {NULL, "find-one-and-delete", "COLL FILTER", "delete the first that matches and show it",
     "Exit status 1 when none matches.",
     "parquedb find-one-and-delete posts '{\"n\": 3}' --project n",
     "{\"$id\":\"posts/p1\",\"n\":3}",
     CLI_OPT_CHOOSE_ONE | OPT(HARD) | OPT(INCLUDE_DELETED) | OPT(PROJECT), 2, 2, cli_run_change},
    {NULL, "upsert", "COLL FILTER UPDATE", "change the first that matches, or make one; shows it",
     "A new entity starts from the equalities of the filter. The collection and\n"
     "the warehouse are made when they are not there.",
     "parquedb upsert posts '{\"$id\": \"posts/p7\"}' '{\"$set\": {\"n\": 7}}' --project n",
     "{\"$id\":\"posts/p7\",\"n\":7}",
     CLI_OPT_CHOOSE_ONE | OPT(ARRAY_FILTERS) | OPT(RETURN) | OPT(PROJECT), 3, 3, cli_run_change},
    {NULL, "upsert-many", "COLL ITEMS", "do many upserts at once",
     "ITEMS is an array of {\"filter\": …, \"update\": …} or {\"filter\": …,\n"
     "\"replacement\": …}. Prints what was done, then the ids that were made.",
     "parquedb upsert-many posts '[{\"filter\": {\"n\": 3}, \"update\": {\"$set\": {\"m\": 1}}}]'",
     "inserted 0, matched 1, modified 1, deleted 0", CLI_OPT_AUDIT | OPT(UNORDERED), 2, 2,
     cli_run_change},
    {NULL, "bulk-write", "COLL OPERATIONS", "do many writes at once",
     "OPERATIONS is an array of insertOne, updateOne, updateMany, replaceOne,\n"
     "deleteOne and deleteMany, as in MongoDB. The first that fails is the last,\n"
     "unless --unordered is given; what was done before stays. Failures are told\n"
     "with their place in the array; exit status 1 then.",
     "parquedb bulk-write posts '[{\"insertOne\": {\"document\": {\"n\": 9}}}, {\"deleteMany\": "
     "{\"filter\": {\"n\": {\"$lt\": 5}}}}]'",
     "inserted 1, matched 0, modified 0, deleted 2", CLI_OPT_AUDIT | OPT(UNORDERED), 2, 2,
     cli_run_change},

    {"Edges", "link", "FROM PREDICATE TO | --file FILE",
     "make an edge between two entities, or many",
     "FROM and TO are COLL/ID and must be there. Making an edge that is there\n"
     "already only changes its data. TO may be of another namespace: NS/COLL/ID.\n\n"
     "With --file edges come from a file, or from standard input (-): NDJSON lines\n"
     "{\"from\": …, \"predicate\": …, \"to\": …, \"reverse\": …, \"data\": {…}}, the last\n"
     "two where they are wanted, or CSV or Parquet with columns of these names; other\n"
     "columns are fields of data. It goes in batches, as import does: each is linked as\n"
     "a whole or not at all, a bad line stops it with its number, and doing it again\n"
     "changes nothing that is there.",
     "parquedb link posts/p2 author users/u1 --reverse-name posts --data '{\"role\": \"editor\"}'",
     "linked posts/p2 author users/u1",
     CLI_OPT_AUDIT | OPT(REVERSE_NAME) | OPT(DATA) | OPT(ACK) | OPT(FORMAT) | OPT(TYPES) |
         OPT(STRICT),
     0, 3, cli_run_link},
    {NULL, "unlink", "FROM PREDICATE TO", "remove an edge",
     "Exit status 1 when there is no such edge.", "parquedb unlink posts/p1 author users/u1",
     "unlinked posts/p1 author users/u1", CLI_OPT_AUDIT, 3, 3, cli_run_unlink},
    {NULL, "related", "FROM [PREDICATE]", "show the entities at the other end of the edges",
     "Follows the edges that go out from FROM, or with --reverse those that come\n"
     "in: those of the PREDICATE, of all --predicates, or all. With --edges the\n"
     "edges themselves are shown, with their data. --filter, --sort and the like are\n"
     "about the entities at the other end, --edge-filter about the edges as --edges\n"
     "shows them: {\"data.since\": {\"$gt\": 2010}}.",
     "parquedb related users/u1 author --reverse --project title",
     "{\"$id\":\"posts/p1\",\"title\":\"Hello\"}",
     CLI_OPT_READ | CLI_OPT_COSTS | OPT(REVERSE) | OPT(EDGES) | OPT(FILTER) | OPT(SORT) |
         OPT(LIMIT) | OPT(SKIP) | OPT(CURSOR) | OPT(TOTAL) | OPT(PROJECT) | OPT(POPULATE) |
         OPT(PLAIN) | OPT(COLLATION) | OPT(MAX_TIME),
     1, 2, cli_run_related},
    {NULL, "traverse", "FROM STEP...", "follow several edges; shows the entities at the end",
     "A step is a predicate, or {\"predicate\": …, \"direction\": …, \"min\": …, \"max\": …,\n"
     "\"filter\": …, \"edgeFilter\": …}; \"max\": 0 is any number of edges. Every entity at\n"
     "the end is shown once. --show has it show nodes (all on the way too), edges, paths,\n"
     "ids or the count instead of ends.",
     "parquedb traverse users/u1 '{\"predicate\": \"knows\", \"max\": 2}' --show ids",
     "{\"$id\":\"users/u2\",\"depth\":1}\n{\"$id\":\"users/u3\",\"depth\":2}",
     CLI_OPT_READ | CLI_OPT_COSTS | OPT(REVERSE) | OPT(FILTER) | OPT(LIMIT) | OPT(SKIP) |
         OPT(PROJECT) | OPT(PLAIN) | OPT(COLLATION) | OPT(MAX_TIME),
     2, 1 << 16, cli_run_traverse},
    {NULL, "path", "FROM TO", "show the shortest or lightest path between two entities",
     "A path is the ids of its nodes (with --show entities: these), and its edges.\n"
     "Of paths that are equally good ids decide, from the start on. --filter is about\n"
     "the entities on the way. No path is no failure: nothing is shown.",
     "parquedb path users/u1 users/u3 --predicates knows",
     "{\"length\":2,\"nodes\":[\"users/u1\",\"users/u2\",\"users/u3\"],\"edges\":…",
     CLI_OPT_READ | CLI_OPT_COSTS | OPT(FILTER) | OPT(LIMIT) | OPT(PROJECT) | OPT(PLAIN) |
         OPT(COLLATION) | OPT(MAX_TIME),
     2, 2, cli_run_path},
    {NULL, "connected", "FROM TO", "tell whether there is a path, and how long it is",
     "distance is the least number of edges; null: there is no path.",
     "parquedb connected posts/p1 users/u3", "{\"ok\":1,\"connected\":true,\"distance\":3,…",
     CLI_OPT_READ | CLI_OPT_COSTS | OPT(FILTER) | OPT(COLLATION) | OPT(MAX_TIME), 2, 2,
     cli_run_connected},
    {NULL, "neighbourhood", "COLL/ID", "count what is around an entity",
     "counts are the entities at each least number of edges, from 0 on; edges are\n"
     "those between all of them.",
     "parquedb neighbourhood users/u1", "{\"ok\":1,\"counts\":[1,2,1],\"edges\":3,\"n\":4,…",
     CLI_OPT_READ | CLI_OPT_COSTS | OPT(FILTER) | OPT(COLLATION) | OPT(MAX_TIME), 1, 1,
     cli_run_neighbourhood},
    {NULL, "subgraph", "COLL/ID...", "show, export or draw what is around some entities",
     "The entities that at most --max-hops edges (2) lead to, and all edges between\n"
     "them. --svg draws them: boxes coloured by collection, the first ones\n"
     "emphasised. Several files may be asked for at once; - is standard output.",
     "parquedb subgraph users/u1 --predicates knows --max-hops 1 --dot -",
     "digraph parquedb {…\"users/u1\" -> \"users/u2\" [label=\"knows\"];…}",
     CLI_OPT_READ | CLI_OPT_COSTS | OPT(FILTER) | OPT(PROJECT) | OPT(MAX_TIME), 1, 1 << 16,
     cli_run_subgraph},

    {"Graphs", "degree", "[COLL]", "count the edges of each node",
     "Those that leave it; with --direction reverse those that enter, with both\n"
     "all. COLL: only its nodes are shown. The nodes are all entities with an edge\n"
     "of the --predicates; the largest come first, --sort $id or value is another\n"
     "order. With --write-as FIELD the number becomes a field of the entities, by\n"
     "updates; those that have it already are left alone.",
     "parquedb degree users --predicates knows --limit 2",
     "{\"$id\":\"users/u1\",\"value\":1}\n{\"$id\":\"users/u2\",\"value\":1}", CLI_OPT_WHOLE, 0, 1,
     cli_run_whole},
    {NULL, "pagerank", "[COLL]", "rank nodes by the ranks of those that point to them",
     "Ranks add up to 1 over all nodes with an edge of the --predicates. It ends\n"
     "after 20 rounds, or when a round changes less than the tolerance in all.\n"
     "The rest is as with degree.",
     "parquedb pagerank users --predicates knows --limit 1",
     "{\"$id\":\"users/u3\",\"value\":0.47…}", CLI_OPT_WHOLE, 0, 1, cli_run_whole},
    {NULL, "components", "[COLL]", "tell which nodes are connected",
     "Whatever the directions of the edges. The value is the least id of those\n"
     "that are connected with the node. The rest is as with degree.",
     "parquedb components users --predicates knows --sort '$id' --limit 2",
     "{\"$id\":\"users/u1\",\"value\":\"users/u1\"}\n{\"$id\":\"users/u2\",\"value\":\"users/u1\"}",
     CLI_OPT_WHOLE, 0, 1, cli_run_whole},
    {NULL, "triangles", "[COLL]", "count the triangles that each node is in",
     "Without directions; several edges between two nodes are one. The rest is as\n"
     "with degree.",
     "parquedb triangles --limit 1", "{\"$id\":\"posts/p1\",\"value\":0}", CLI_OPT_WHOLE, 0, 1,
     cli_run_whole},
    {NULL, "communities", "[COLL]", "tell which nodes belong together",
     "By label propagation: in each of at most 10 rounds a node takes the label\n"
     "that most of its neighbours have, of several the least; a label is the id of\n"
     "a node. The rest is as with degree.",
     "parquedb communities --predicates knows --write-as community", "modified 3 of 3",
     CLI_OPT_WHOLE, 0, 1, cli_run_whole},
    {NULL, "kcore", "[COLL]", "tell how deep in the graph nodes are",
     "The value is the largest k such that the node is in a part of the graph where\n"
     "all have k neighbours. The rest is as with degree.",
     "parquedb kcore users --limit 1", "{\"$id\":\"users/u1\",\"value\":1}", CLI_OPT_WHOLE, 0, 1,
     cli_run_whole},
    {NULL, "match", "QUERY", "ask for a pattern of entities and edges, in openCypher",
     "A subset of openCypher (doc/match.md): MATCH, OPTIONAL MATCH, WHERE, WITH,\n"
     "RETURN. Labels are collections or types, properties are fields. One line for\n"
     "each row.",
     "parquedb match 'MATCH (a)-[:knows]->(b) RETURN a.name, b.name ORDER BY a.name'",
     "{\"a.name\":\"Ann\",\"b.name\":\"Bob\"}\n{\"a.name\":\"Bob\",\"b.name\":\"Cid\"}",
     CLI_OPT_READ | CLI_OPT_COSTS | OPT(LIMIT) | OPT(MAX_TIME), 1, 1, cli_run_match},

    {"History", "history", "COLL/ID | COLL ID | COLL | FROM PREDICATE TO",
     "show what happened to an entity, an edge or a collection",
     "Each event, oldest first, has the state before and after it, who did it, and\n"
     "when. --from and --to take an instant (2026-03-01, now-2h), seq:N or the id of\n"
     "an event; --actor, --op and --filter choose; a filter is about the event as\n"
     "it is shown, such as {\"metadata.why\": \"price\"}. Not more than 1,000 without\n"
     "--limit; --limit 0 shows all.",
     "parquedb history posts/p1 --limit 1",
     "{\"id\":…,\"seq\":1,\"ts\":…,\"op\":\"CREATE\",…\"entityId\":\"posts/"
     "p1\",…}",
     CLI_OPT_EVENT_CHOICE, 1, 3, cli_run_history},
    {NULL, "events", "[COLL | COLL/ID]", "show the events of everything, or follow them",
     "In the order in which they were written, of everything, of a collection, or\n"
     "of an entity and the edges that leave it. With --follow the program waits\n"
     "for more and prints each as it comes, until Ctrl-C or until --limit events\n"
     "were printed. To go on later, take the id of the last one as --cursor.",
     "parquedb events users --limit 1",
     "{\"id\":…,\"seq\":5,…\"op\":\"CREATE\",…\"entityId\":\"users/u1\",…}",
     CLI_OPT_EVENT_CHOICE | OPT(FOLLOW), 0, 1, cli_run_events},
    {NULL, "get-at-version", "COLL/ID VERSION", "show an entity as it was with a version",
     "Exit status 1 when it never had that version, or was deleted by it.",
     "parquedb get-at-version posts/p1 1 --project title,version",
     "{\"$id\":\"posts/p1\",\"version\":1,\"title\":\"Hello\"}",
     OPT(PROJECT) | OPT(INCLUDE_DELETED) | OPT(PLAIN) | OPT(AS_OF) | OPT(FLUSHED), 2, 2,
     cli_run_get_at_version},
    {NULL, "reconstruct", "COLL/ID | COLL ID", "show an entity as its newest event left it",
     "The same as get, but out of the history alone: one look into an index of the\n"
     "events and one event, with --as-of of any instant.",
     "parquedb reconstruct posts/p1 --as-of seq:1 --project title",
     "{\"$id\":\"posts/p1\",\"title\":\"Hello\"}",
     OPT(PROJECT) | OPT(INCLUDE_DELETED) | OPT(PLAIN) | OPT(AS_OF) | OPT(FLUSHED), 1, 2,
     cli_run_reconstruct},
    {NULL, "append-event", "EVENT", "let an event happen that you write",
     "EVENT is an object: op (CREATE, UPDATE or DELETE), entityId, after (the whole\n"
     "document), version to insist on one; with target rel also predicate and to.\n"
     "It is checked like any write. Prints where it stands in the history.",
     "parquedb append-event '{\"op\": \"CREATE\", \"entityId\": \"posts/p9\", \"after\": {\"n\": "
     "4}}'",
     "seq:…", CLI_OPT_AUDIT | OPT(HARD), 1, 1, cli_run_append_event},
    {NULL, "diff", "COLL/ID | COLL", "show what differs between two moments",
     "From --from to --to, or to now: the fields that were added, removed and\n"
     "changed, with their values before and after; on a terminal a row for each.\n"
     "Of a collection one item for each entity that was created, deleted or\n"
     "changed, in the order of ids.",
     "parquedb diff posts/p1 --from seq:1",
     "{\"$id\":\"posts/p1\",\"change\":\"changed\",…\"changed\":[\"n\"],…}",
     OPT(FROM) | OPT(TO) | OPT(LIMIT) | OPT(CURSOR) | OPT(FLUSHED) | OPT(MAX_TIME), 1, 1,
     cli_run_diff},
    {NULL, "revert", "COLL/ID | COLL", "make an entity or a collection what it was",
     "As of --to. What has changed since is written back as new events, in one\n"
     "commit: nothing is lost, and a revert can be reverted. Entities that were not\n"
     "there then are deleted softly. The edges that leave an entity become those of\n"
     "then, unless --without-edges is given. Their metadata says \"revert\".",
     "parquedb revert posts/p1 --to seq:1", "reverted 1, created 0, deleted 0, edges …",
     CLI_OPT_AUDIT | OPT(TO) | OPT(EXPECTED_VERSION) | OPT(WITHOUT_EDGES), 1, 1, cli_run_revert},
    {NULL, "replay", "[COLL]", "let events happen in another warehouse or namespace",
     "Reads the events of everything or of a collection, from --from to --to, and\n"
     "writes them into the warehouse --into or the namespace --into-namespace, as\n"
     "new events with their own ids and times in the metadata, 1,000 a commit. An\n"
     "interrupted replay goes on with --resume, or with --cursor and what was\n"
     "printed at the end. Schemas are not replayed.",
     "parquedb replay posts --into-namespace copy", "replayed 7 events…",
     OPT(FROM) | OPT(TO) | OPT(CURSOR) | OPT(FILTER) | OPT(INTO) | OPT(INTO_NS) | OPT(RESUME), 0, 1,
     cli_run_replay},
    {NULL, "restore", "COLL/ID | COLL ID | --into DIR",
     "bring a deleted entity back, or a warehouse of an instant",
     "Only what was deleted without --hard can come back. --into copies the\n"
     "warehouse, or the backup that -w names, into a new folder; with --as-of that\n"
     "instant is the present there. The new one is verified.",
     "parquedb restore posts/p9", "restored posts/p9",
     CLI_OPT_AUDIT | OPT(EXPECTED_VERSION) | OPT(INTO) | OPT(AS_OF), 0, 2, cli_run_restore},

    {"Warehouse", "collections", "", "list the collections and their counts",
     "Those with at least one entity that is not deleted.", "parquedb collections",
     "name   count\nposts      3\nusers      3", CLI_OPT_READ, 0, 0, cli_run_collections},
    {NULL, "schema", "set|show|diff|infer COLL [NOTATION]",
     "say what the documents of a collection are like",
     "NOTATION is an object such as {\"title\": \"string!\", \"n\": \"int = 0\"}; see\n"
     "doc/commands.md. set: writes are checked by it from now on, as --mode says,\n"
     "and later files have a typed column for each field; documents that are\n"
     "there must fit, unless --force says that they are not looked at. diff:\n"
     "what set would change. infer: a schema that all documents fit, or the\n"
     "first --limit. show: exit status 1 when there is none.",
     "parquedb schema set posts '{\"title\": \"string!\", \"n\": \"int\"}'",
     "version 1, 3 documents checked",
     OPT(AS_OF) | OPT(FLUSHED) | OPT(LIMIT) | CLI_OPT_AUDIT | OPT(MODE) | OPT(FORCE), 2, 3,
     cli_run_schema},
    {NULL, "stats", "[COLL]", "show the sizes of everything, or why paths have columns",
     "Events, edges, files and bytes, what is not flushed yet, and for each\n"
     "collection its rows, files, bytes and index columns. Of a collection: each\n"
     "path that has a column, how many rows have a value in it, a null, or\n"
     "something that does not fit; then other frequent paths. The last column says\n"
     "why a path has one or not, by a sample of 4,096 documents. --json tells it\n"
     "file by file.",
     "parquedb stats posts",
     "path   column        type    values  nulls  others  why\n"
     "title  $index_title  string       4      0       0  in 100 % of 3 documents, always string…\n"
     "n      $index_n      int64        3      0       0  in 100 % of 3 documents, always int64",
     CLI_OPT_READ, 0, 1, cli_run_stats},
    {NULL, "files", "COLL | --edges | --edges-reverse | --events",
     "list the live Parquet files, or a SELECT over them",
     "With --sql it prints a SELECT that gives DuckDB the live rows of a\n"
     "collection; without, a table of the files.",
     "parquedb files posts",
     "path …kind …rows …bytes\ndefault/data/posts/…parquet …data …4 …\ntotal of 1 files …4 …",
     CLI_OPT_READ | OPT(EDGES) | OPT(EDGES_REVERSE) | OPT(EVENTS) | OPT(SQL), 0, 1, cli_run_files},
    {NULL, "flush", "", "write what is only in the log to Parquet files",
     "What was acknowledged is safe without it; afterwards other programs see it\n"
     "in the Parquet files too.",
     "parquedb flush", "flushed 2 events into … files, … bytes (entry …)", 0, 0, 0, cli_run_flush},
    {NULL, "compact", "[COLL]", "merge small files and drop what was replaced",
     "Rewrites the files of one collection, or of all, into fewer; answers stay\n"
     "the same.",
     "parquedb compact posts", "…", 0, 0, 1, cli_run_compact},
    {NULL, "maintain", "[STEPS]", "do what is due: flush, merge files",
     "Programs that write do this by the way, a step after each write, and this\n"
     "program when it has written. Here it is done at a time of your choice:\n"
     "all that is due, or at most so many steps, each of about a megabyte.",
     "parquedb maintain", "steps: …", 0, 0, 1, cli_run_maintain},
    {NULL, "checkpoint", "", "write the state of the file lists in one piece",
     "Opening the warehouse then reads one checkpoint instead of every log entry\n"
     "since the last.",
     "parquedb checkpoint", "…", 0, 0, 0, cli_run_checkpoint},
    {NULL, "vacuum", "[AGE]", "delete what nothing can read any more",
     "Files that compaction replaced and that no kept instant needs, what killed\n"
     "programs left behind, old log entries, and history beyond the retention.\n"
     "Only what has been garbage for AGE (15m, 12h, 30d; default 1h, 0 for all):\n"
     "readers in other programs may still be at it. A table of what goes, and why.\n"
     "The past stays as readable as it was, unless retention says otherwise.",
     "parquedb vacuum --dry-run 0", "…dryRun: …", OPT(DRY_RUN), 0, 1, cli_run_vacuum},
    {NULL, "retention", "[AGE | none [BYTES | none]]", "show or set how much history is kept",
     "Without words, what is set; the default is to keep everything. Older history\n"
     "is dropped by the next vacuum: by age (12h, 30d, 52w), and when the event\n"
     "files are larger than BYTES. What is asked about an instant before it is then\n"
     "the error HISTORY_DROPPED. The present does not change. With --into history\n"
     "goes only once it was copied into that folder, its archive: a warehouse that\n"
     "keeps all of it, for parquedb -w DIR.",
     "parquedb retention", "age: …", OPT(INTO), 0, 2, cli_run_retention},
    {NULL, "verify", "", "check that all that is stored is whole and agrees",
     "Every page and value of every file, the hash chain of the history, and\n"
     "that the events add up to the entities and edges that are there. One line\n"
     "for each problem, with the name of the file, then what was looked at; exit\n"
     "status 1 when there is any. --quick: only checksums and the log.",
     "parquedb verify",
     "kind … files  pages … bytes\n"
     "data …\n"
     "checked … files, … bytes, … events, … entities, … edges, … links of the hash chain in … s "
     "(… MB/s): 0 problems",
     OPT(QUICK), 0, 0, cli_run_verify},
    {NULL, "refs", "[check | rebuild]", "look after links to other namespaces",
     "What is linked from another namespace is told by records in the namespace\n"
     "_system, written after each link: does it have those of this namespace?\n"
     "links: that are there, missing: without a record, stale: records without a\n"
     "link. rebuild writes what is missing and removes what is not there.",
     "parquedb refs check", "links: …", OPT(DRY_RUN), 0, 1, cli_run_refs},
    {NULL, "backup", "DIR", "copy the warehouse into a folder, while it is in use",
     "The copy is a warehouse too: open it with -w DIR. Files never change, so\n"
     "the next backup into the same folder copies only what is new, and says\n"
     "what (on a terminal: how far it is). To go back to an instant: restore\n"
     "--into. Do not write to a copy that you want to back up into again.",
     "parquedb backup copy", "…: copied … objects, … bytes; … were there; … events in the log", 0,
     1, 1, cli_run_backup},

    {"Other", "parquet", "inspect|cat|schema|verify FILE", "look into a Parquet file of anybody",
     "Needs no warehouse. The options stand behind the word that they are for:\n\n"
     "inspect   rows, writer, key-values; of each column the type, codec,\n"
     "          encodings, pages, values, nulls, bytes stored and unpacked, and\n"
     "          whether it has statistics, page index, bloom filter, checksums\n"
     "          ('?': in some row groups only); then the same by encoding.\n"
     "          --row-groups shows each.\n"
     "cat       the rows as JSON lines. --limit, --skip, --columns a,b,\n"
     "          --forgive\n"
     "schema    the schema as message text. --levels\n"
     "verify    reads everything: page headers, checksums, every value, levels,\n"
     "          statistics, page index and bloom filters against the values,\n"
     "          sizes. One line for each problem; exit status 1 if there is any.",
     "parquedb find posts --sort n --project n -o p.parquet && parquedb parquet cat p.parquet",
     "exported 3\n{\"$id\":\"posts/p3\",\"n\":1}\n…",
     OPT(COLUMNS) | OPT(LIMIT) | OPT(SKIP) | OPT(ROW_GROUPS) | OPT(LEVELS) | OPT(FORGIVE), 2, 2,
     cli_run_parquet},
    {NULL, "run", "COMMAND",
     "run any command document (doc/commands.md); prints items, then summary",
     "COMMAND is one JSON object whose first field is the command's name. One\n"
     "line for each item, then one for the summary.",
     "parquedb run '{\"find\": \"posts\", \"sort\": {\"n\": 1}, \"limit\": 1, \"project\": {\"n\": "
     "1}}'",
     "{\"$id\":\"posts/p3\",\"n\":1}\n{\"ok\":1,…}", CLI_OPT_AUDIT, 1, 1, cli_run_run},
    {NULL, "transaction", "FILE|-", "run the lines of a file as one transaction",
     "Each line is what the shell takes: a command as behind 'parquedb', or as in\n"
     "mongosh. They see one instant and what the lines before them did; nobody else\n"
     "sees any of it before the end, when all is stored in one commit. The first\n"
     "line that fails aborts, and nothing was changed. Others who change the same\n"
     "entities meanwhile get VERSION_CONFLICT, or this one does.",
     "printf 'posts.deleteOne(\"p1\")\\nposts.insertOne({n: 9})\\nposts.countDocuments({n: 9})' | "
     "parquedb transaction -",
     "deleted 1\nposts/…\n1\ncommitted 2 events", OPT(ACTOR), 1, 1, cli_transaction},
    {NULL, "shell", "", "type commands at a prompt",
     "Reads commands as they are written after 'parquedb', or as in mongosh:\n"
     "posts.find({n: {$gt: 3}}).sort({n: -1}).limit(5). Keys need no quotes;\n"
     "ObjectId(…), ISODate(…) and the like are understood. Tab completes, the\n"
     "history is kept in ~/.parquedb_history ($PARQUEDB_HISTORY), long results\n"
     "go through $PAGER. '.help' in the shell says more. When standard input is\n"
     "no terminal there is no prompt, and the exit status is 1 if any line failed.",
     "echo 'posts.find({n: {$gt: 4}}, {title: 1})' | parquedb shell",
     "{\"$id\":\"posts/p2\",\"title\":\"World\"}", OPT(READ_ONLY) | CLI_OPT_AUDIT, 0, 0, cli_shell},
    {NULL, "serve", "", "let MongoDB's clients use the warehouse, until a signal",
     "Speaks MongoDB's wire protocol: mongosh and drivers connect to the address\n"
     "that it prints (with directConnection=true where it is not reachable under\n"
     "that name, or --advertise). A database is a namespace. Nobody has to log\n"
     "in until there is a user (see `user`); with --auth only a first user can be\n"
     "made before. Others than loopback addresses need one of these. SIGTERM or\n"
     "Ctrl-C: it answers what has arrived, flushes and ends; SIGHUP: it reads the\n"
     "certificates again. doc/server.md tells more.",
     "timeout --preserve-status 3 parquedb serve --listen 127.0.0.1:0",
     "listening on mongodb://127.0.0.1:…\nstopped", OPT(ACTOR), 0, 0, cli_run_serve},
    {NULL, "user", "list | add|remove|password|grant|revoke|token NAME [ROLE…]",
     "who may use the warehouse through a server",
     "As soon as there is a user, whoever comes through `parquedb serve` has to log\n"
     "in. NAME is a user of the database `admin`; -n says of another. The password\n"
     "is asked for, or is the first line of the input; it is never an argument.\n\n"
     "add NAME [ROLE…], grant NAME ROLE…, revoke NAME ROLE…: a ROLE is\n"
     "name@database: read, readWrite, dbAdmin, userAdmin, dbOwner (or admin: all\n"
     "of these); or, for all databases, readAnyDatabase, readWriteAnyDatabase,\n"
     "dbAdminAnyDatabase, userAdminAnyDatabase, clusterMonitor, clusterAdmin, root.\n"
     "token NAME [DAYS [LABEL]]: a token for HTTP, shown this once, for DAYS or for\n"
     "ever; 'none' takes all of them away.\n\n"
     "A server that runs has the warehouse: there, createUser and its kin by a\n"
     "client do the same (doc/server.md).",
     "echo 'a long secret' | parquedb user add alice readWrite@shop root && parquedb user list",
     "added alice\n"
     "{\"db\":\"admin\",\"user\":\"alice\",\"roles\":[\"readWrite@shop\",\"root@admin\"],"
     "\"tokens\":0}",
     0, 1, 252, cli_run_user},
    {NULL, "help", "[COMMAND]", "list the commands, or show the page of one",
     "Every command has a page like this one; COMMAND --help shows it too.", "parquedb help count",
     "NAME\n    count - print how many entities match\n…", 0, 0, 1, cli_run_help},
    {0},
};

/* Beyond their row: the own options of those that have some. */
#define OWN_WHOLE (CLI_OWN_PREDICATES | CLI_OWN_WRITE_AS)
#define OWN_WALK (CLI_OWN_PREDICATES | CLI_OWN_DIRECTION | CLI_OWN_MAX_HOPS | CLI_OWN_EDGE_FILTER)
static const struct own_set {
  const char *name;
  uint64_t own;
} own_sets[] = {
    {"degree", OWN_WHOLE | CLI_OWN_DIRECTION},
    {"pagerank",
     OWN_WHOLE | CLI_OWN_DIRECTION | CLI_OWN_DAMPING | CLI_OWN_ITERATIONS | CLI_OWN_TOLERANCE},
    {"components", OWN_WHOLE},
    {"triangles", OWN_WHOLE},
    {"communities", OWN_WHOLE | CLI_OWN_ITERATIONS},
    {"kcore", OWN_WHOLE},
    {"link", CLI_OWN_FILE},
    {"related",
     CLI_OWN_PREDICATES | CLI_OWN_DIRECTION | CLI_OWN_EDGE_FILTER | CLI_OWN_MIN_CONFIDENCE},
    {"traverse", CLI_OWN_DIRECTION | CLI_OWN_UNIQUENESS | CLI_OWN_ORDER | CLI_OWN_RETURN |
                     CLI_OWN_DEPTH | CLI_OWN_CYCLES | CLI_OWN_MAX_PATHS},
    {"path", OWN_WALK | CLI_OWN_K | CLI_OWN_ALL_BEST | CLI_OWN_WEIGHT | CLI_OWN_DEFAULT_WEIGHT |
                 CLI_OWN_HEURISTIC | CLI_OWN_RETURN},
    {"connected", OWN_WALK},
    {"neighbourhood", OWN_WALK},
    {"match", CLI_OWN_PARAMS | CLI_OWN_MAX_ROWS},
    {"serve", CLI_OWN_SERVE},
    {"subgraph", CLI_OWN_PREDICATES | CLI_OWN_DIRECTION | CLI_OWN_MAX_HOPS | CLI_OWN_MAX_NODES |
                     CLI_OWN_EDGE_FILTER | CLI_OWN_GRAPHML | CLI_OWN_DOT | CLI_OWN_JSON_GRAPH |
                     CLI_OWN_SVG},
};

uint64_t cli_command_own(const cli_command *c) {
  for (size_t i = 0; i < sizeof own_sets / sizeof own_sets[0]; i++) {
    if (strcmp(own_sets[i].name, c->name) == 0) return own_sets[i].own;
  }
  return 0;
}

const cli_command *cli_command_find(const char *name) {
  for (const cli_command *c = cli_commands; c->name != NULL; c++) {
    if (strcmp(c->name, name) == 0) return c;
  }
  return NULL;
}

const cli_command *cli_command_need(const char *name) {
  const cli_command *found = cli_command_find(name);
  cli_nearest nearest = {name, NULL, 0};
  if (found != NULL) return found;
  for (const cli_command *c = cli_commands; c->name != NULL; c++)
    cli_nearest_offer(&nearest, c->name);
  if (nearest.name == NULL) {
    (void)cli_usage_error(NULL, "unknown command '%s'", name);
  } else {
    (void)cli_usage_error(NULL, "unknown command '%s'; did you mean '%s'?", name, nearest.name);
  }
  return NULL;
}

int cli_command_check(const cli_command *c, const cli_options *options, int word_count) {
  int status = cli_options_allow(options, c->options | CLI_OPT_COMMON, cli_command_own(c), c->name);
  if (status != CLI_DONE) return status;
  if (word_count >= c->word_min && word_count <= c->word_max) return CLI_DONE;
  return cli_usage_error(c->name, "%s; usage: parquedb %s %s",
                         word_count < c->word_min ? "an argument is missing" : "too many arguments",
                         c->name, c->synopsis);
}
