/* Fields, sizes and types of values in expressions. */
#include "expression_util.h"

static void test_get_field(void) {
  fixture f;
  const char *doc = "{\"a\": {\"b.c\": 1, \"$d\": 2, \"e\": null}, \"b.c\": 3}";
  begin(&f);
  CHECK(is(result(&f, doc, "{\"$getField\": \"b.c\"}"), INT("3")));
  CHECK(is(result(&f, doc, "{\"$getField\": {\"$literal\": \"b.c\"}}"), INT("3")));
  CHECK(is(result(&f, doc, "{\"$getField\": {\"field\": \"b.c\", \"input\": \"$a\"}}"), INT("1")));
  CHECK(
      is(result(&f, doc, "{\"$getField\": {\"field\": {\"$literal\": \"$d\"}, \"input\": \"$a\"}}"),
         INT("2")));
  CHECK(is(result(&f, doc, "{\"$getField\": {\"field\": \"x\", \"input\": \"$a\"}}"), "missing"));
  CHECK(is(result(&f, doc, "{\"$getField\": {\"field\": \"x\", \"input\": \"$a.e\"}}"), "null"));
  CHECK(is(result(&f, doc, "{\"$getField\": {\"field\": \"x\", \"input\": 5}}"), "missing"));
  CHECK(fails(&f, "{\"$getField\": {\"field\": 1, \"input\": {}}}", PQ_EINVALID, "not int"));
  CHECK(fails(&f, "{\"$getField\": {\"field\": \"a\"}}", PQ_EINVALID, "needs 'input'"));
  end(&f);
}

static void test_set_field(void) {
  fixture f;
  begin(&f);
  CHECK(gives(&f,
              "{\"$setField\": {\"field\": \"a.b\", \"input\": {\"x\": true}, \"value\": false}}",
              "{\"x\":true,\"a.b\":false}"));
  CHECK(gives(
      &f,
      "{\"$setField\": {\"field\": \"x\", \"input\": {\"x\": 1, \"y\": true}, \"value\": false}}",
      "{\"x\":false,\"y\":true}"));
  CHECK(gives(&f,
              "{\"$setField\": {\"field\": \"x\", \"input\": {\"x\": 1, \"y\": true}, \"value\": "
              "\"$$REMOVE\"}}",
              "{\"y\":true}"));
  CHECK(gives(&f, "{\"$unsetField\": {\"field\": \"x\", \"input\": {\"x\": 1, \"y\": true}}}",
              "{\"y\":true}"));
  CHECK(gives(&f, "{\"$unsetField\": {\"field\": \"x\", \"input\": \"$none\"}}", "null"));
  CHECK(fails(&f, "{\"$unsetField\": {\"field\": \"$x\", \"input\": {}}}", PQ_EINVALID,
              "'$unsetField' needs a constant as field"));
  CHECK(fails(&f, "{\"$setField\": {\"field\": 5, \"input\": {}, \"value\": 1}}", PQ_EINVALID,
              "a string as field, not int"));
  CHECK(fails(&f, "{\"$setField\": {\"field\": \"a\", \"input\": 5, \"value\": 1}}", PQ_EINVALID,
              "an object as input, not int"));
  CHECK(fails(&f, "{\"$setField\": {\"field\": \"a\", \"input\": {}}}", PQ_EINVALID, "'value'"));
  end(&f);
}

static void test_sizes(void) {
  fixture f;
  begin(&f);
  CHECK(gives(&f, "{\"$bsonSize\": {}}", INT("5")));
  CHECK(gives(&f, "{\"$bsonSize\": {\"a\": 1}}", INT("12")));
  CHECK(gives(&f, "{\"$bsonSize\": {\"a\": [1, \"xy\"], \"d\": " DEC("1") "}}", INT("49")));
  CHECK(
      gives(&f,
            "{\"$bsonSize\": {\"$literal\": {\"r\": {\"$regularExpression\": {\"pattern\": \"ab\", "
            "\"options\": \"i\"}}, \"o\": {\"$oid\": \"0123456789abcdef01234567\"}}}}",
            INT("28")));
  CHECK(gives(&f, "{\"$bsonSize\": null}", "null"));
  CHECK(fails(&f, "{\"$bsonSize\": [[1]]}", PQ_EINVALID, "'$bsonSize' needs an object, not array"));
  CHECK(gives(&f, "{\"$binarySize\": \"h\\u00e9\"}", INT("3")));
  CHECK(gives(&f, "{\"$binarySize\": {\"$binary\": {\"base64\": \"AQID\", \"subType\": \"05\"}}}",
              INT("3")));
  CHECK(fails(&f, "{\"$binarySize\": 5}", PQ_EINVALID, "a string or binary data, not int"));
  CHECK(gives(&f, "{\"$type\": \"$none\"}", "\"missing\""));
  CHECK(gives(&f, "{\"$type\": " DEC("1") "}", "\"decimal\""));
  CHECK(gives(&f, "{\"$isNumber\": " DEC("NaN") "}", "true"));
  end(&f);
}

int main(void) {
  RUN(test_get_field);
  RUN(test_set_field);
  RUN(test_sizes);
  return unit_end();
}
