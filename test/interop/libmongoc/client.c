/* test/interop/libmongoc/client.c - libmongoc against a started server; see libmongoc.py. */
#include <mongoc/mongoc.h>
#include <stdio.h>
#include <string.h>

static int passed, failed;

static void check(bool condition, const char *what, const char *detail) {
  passed += condition;
  failed += !condition;
  if (!condition) printf("FAIL %s: %s\n", what, detail);
}

static bson_t *json(const char *text) {
  bson_error_t error;
  bson_t *b = bson_new_from_json((const uint8_t *)text, -1, &error);
  check(b != NULL, text, b == NULL ? error.message : "");
  return b;
}

static void insert_all(mongoc_collection_t *c, int n) {
  mongoc_bulk_operation_t *bulk = mongoc_collection_create_bulk_operation_with_opts(c, NULL);
  bson_error_t error = {0};
  bson_t reply;
  for (int i = 0; i < n; i++) {
    bson_t *doc = BCON_NEW("_id", BCON_INT32(i), "n", BCON_INT32(i % 5));
    mongoc_bulk_operation_insert(bulk, doc);
    bson_destroy(doc);
  }
  check(mongoc_bulk_operation_execute(bulk, &reply, &error) != 0, "bulk", error.message);
  bson_destroy(&reply);
  mongoc_bulk_operation_destroy(bulk);
}

static int count_cursor(mongoc_cursor_t *cursor, const char *what) {
  const bson_t *doc;
  bson_error_t error;
  int n = 0;
  while (mongoc_cursor_next(cursor, &doc))
    n++;
  if (mongoc_cursor_error(cursor, &error)) check(false, what, error.message);
  mongoc_cursor_destroy(cursor);
  return n;
}

static void crud(mongoc_collection_t *c) {
  bson_t *all = json("{}"), *some = json("{\"n\": 3}"), *opts = json("{\"batchSize\": 10}");
  bson_t *update = json("{\"$set\": {\"seen\": true}}"), *one = json("{\"_id\": 7}");
  bson_t *group = json("{\"pipeline\": [{\"$group\": {\"_id\": \"$n\"}}]}");
  bson_error_t error = {0};
  insert_all(c, 500);
  check(count_cursor(mongoc_collection_find_with_opts(c, all, opts, NULL), "find") == 500, "find",
        "not all");
  check(count_cursor(mongoc_collection_find_with_opts(c, some, NULL, NULL), "filter") == 100,
        "a filter", "not all");
  check(mongoc_collection_update_many(c, some, update, NULL, NULL, &error), "update",
        error.message);
  check(mongoc_collection_count_documents(c, update, NULL, NULL, NULL, &error) == -1,
        "an operator as a filter", "is not refused");
  check(mongoc_collection_count_documents(c, some, NULL, NULL, NULL, &error) == 100, "count",
        error.message);
  check(!mongoc_collection_insert_one(c, one, NULL, NULL, &error) && error.code == 11000,
        "a key twice", error.message);
  check(mongoc_collection_delete_one(c, one, NULL, NULL, &error), "delete", error.message);
  check(count_cursor(mongoc_collection_aggregate(c, MONGOC_QUERY_NONE, group, NULL, NULL),
                     "aggregate") == 5,
        "aggregate", "not five groups");
  bson_destroy(all);
  bson_destroy(some);
  bson_destroy(opts);
  bson_destroy(update);
  bson_destroy(one);
  bson_destroy(group);
}

static void others(mongoc_client_t *client, mongoc_collection_t *c) {
  bson_t *ping = json("{\"ping\": 1}"), *match = json("{\"match\": \"MATCH (a:c) RETURN a.n\"}");
  bson_error_t error = {0};
  char **names = mongoc_client_get_database_names_with_opts(client, NULL, &error);
  bool is_there = false;
  check(mongoc_client_command_simple(client, "admin", ping, NULL, NULL, &error), "ping",
        error.message);
  check(mongoc_client_command_simple(client, "libmongoc", match, NULL, NULL, &error), "match",
        error.message);
  for (int i = 0; names != NULL && names[i] != NULL; i++)
    is_there = is_there || strcmp(names[i], "libmongoc") == 0;
  check(is_there, "database names", error.message);
  bson_strfreev(names);
  check(mongoc_collection_drop(c, &error), "drop", error.message);
  bson_destroy(ping);
  bson_destroy(match);
}

int main(int argc, char **argv) {
  static const char *const packers[] = {"", "?compressors=zlib", "?compressors=zstd"};
  mongoc_init();
  for (int i = 0; argc > 1 && i < 3; i++) {
    char uri[300];
    mongoc_client_t *client;
    mongoc_collection_t *c;
    snprintf(uri, sizeof uri, "%s%s", argv[1], packers[i]);
    client = mongoc_client_new(uri);
    check(client != NULL, uri, "is no URI");
    if (client == NULL) continue;
    c = mongoc_client_get_collection(client, "libmongoc", "c");
    crud(c);
    others(client, c);
    mongoc_collection_destroy(c);
    mongoc_client_destroy(client);
  }
  mongoc_cleanup();
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
