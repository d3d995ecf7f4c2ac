/* $convert and its short forms. */
#include "expression_util.h"

#define TO(type, input) "{\"$convert\": {\"input\": " input ", \"to\": \"" type "\"}}"
#define TO_OR(type, input)                                \
  "{\"$convert\": {\"input\": " input ", \"to\": \"" type \
  "\", \"onError\": \"E\", \"onNull\": \"N\"}}"
#define BINARY(base64, subtype) \
  "{\"$binary\":{\"base64\":\"" base64 "\",\"subType\":\"" subtype "\"}}"

static void test_numbers(void) {
  fixture f;
  begin(&f);
  CHECK(gives(&f, "{\"$toInt\": \"-12\"}", INT("-12")));
  CHECK(gives(&f, "{\"$toInt\": 3.99}", INT("3")));
  CHECK(gives(&f, "{\"$toInt\": true}", INT("1")));
  CHECK(gives(&f, "{\"$toInt\": null}", "null"));
  CHECK(fails(&f, "{\"$toInt\": 2147483648}", PQ_EINVALID, "out of range"));
  CHECK(fails(&f, "{\"$toInt\": \"0x10\"}", PQ_EINVALID, "'$toInt' cannot make int of '0x10'"));
  CHECK(fails(&f, "{\"$toInt\": \" 1\"}", PQ_EINVALID, "not a whole number"));
  CHECK(fails(&f, "{\"$toInt\": \"\"}", PQ_EINVALID, "no digits"));
  CHECK(fails(&f, "{\"$toInt\": " DATE("0") "}", PQ_EINVALID, "do not convert"));
  CHECK(fails(&f, "{\"$toLong\": " DBL("9.3e18") "}", PQ_EINVALID, "out of range"));
  CHECK(gives(&f, "{\"$toLong\": " DBL("-9223372036854775808") "}", LONG("-9223372036854775808")));
  CHECK(gives(&f, "{\"$toLong\": " DATE("-5") "}", LONG("-5")));
  CHECK(gives(&f, "{\"$toDouble\": \"-1.5E3\"}", DBL("-1500.0")));
  CHECK(gives(&f, "{\"$toDouble\": \"Infinity\"}", DBL("Infinity")));
  CHECK(fails(&f, "{\"$toDouble\": \"1.8E309\"}", PQ_EINVALID, "out of range"));
  CHECK(fails(&f, "{\"$toDouble\": " DEC("1.8E309") "}", PQ_EINVALID, "out of range"));
  CHECK(gives(&f, "{\"$toDecimal\": 1.5}", DEC("1.50000000000000")));
  CHECK(gives(&f, "{\"$toDecimal\": \"1.50\"}", DEC("1.50")));
  CHECK(gives(&f, "{\"$toDecimal\": " DATE("7") "}", DEC("7")));
  CHECK(gives(&f, "{\"$toBool\": " DEC("0.0") "}", "false"));
  CHECK(gives(&f, "{\"$toBool\": \"\"}", "true"));
  end(&f);
}

static void test_text(void) {
  fixture f;
  begin(&f);
  CHECK(gives(&f, "{\"$toString\": 1.0}", "\"1\""));
  CHECK(gives(&f, "{\"$toString\": -0.0}", "\"-0\""));
  CHECK(gives(&f, "{\"$toString\": 2.5}", "\"2.5\""));
  CHECK(gives(&f, "{\"$toString\": 0.0001}", "\"0.0001\""));
  CHECK(gives(&f, "{\"$toString\": 0.00001}", "\"1e-05\""));
  CHECK(gives(&f, "{\"$toString\": 1234567.125}", "\"1234567.125\""));
  CHECK(gives(&f, "{\"$toString\": 1e15}", "\"1000000000000000\""));
  CHECK(gives(&f, "{\"$toString\": 1e21}", "\"1e+21\""));
  CHECK(gives(&f, "{\"$toString\": 1.5e300}", "\"1.5e+300\""));
  CHECK(gives(&f, "{\"$toString\": " DBL("NaN") "}", "\"NaN\""));
  CHECK(gives(&f, "{\"$toString\": " DEC("1.50") "}", "\"1.50\""));
  CHECK(gives(&f, "{\"$toString\": -9223372036854775808}", "\"-9223372036854775808\""));
  CHECK(gives(&f, "{\"$toString\": " DATE("0") "}", "\"1970-01-01T00:00:00.000Z\""));
  CHECK(gives(&f, "{\"$toString\": {\"$oid\": \"0123456789abcdef01234567\"}}",
              "\"0123456789abcdef01234567\""));
  CHECK(fails(&f, "{\"$toString\": {\"a\": 1}}", PQ_EINVALID, "do not convert"));
  end(&f);
}

static void test_dates_and_ids(void) {
  fixture f;
  begin(&f);
  CHECK(gives(&f, "{\"$toDate\": 1.5}", DATE("1")));
  CHECK(gives(&f, "{\"$toDate\": " LONG("120000000000") "}", DATE("120000000000")));
  CHECK(gives(&f, "{\"$toDate\": \"2018-03-20T11:00:06Z\"}", DATE("1521543606000")));
  CHECK(
      gives(&f, "{\"$toDate\": {\"$oid\": \"5ab9c3da31c2ab715d421285\"}}", DATE("1522123738000")));
  CHECK(fails(&f, "{\"$toDate\": 5}", PQ_EINVALID, "do not convert"));
  CHECK(fails(&f, "{\"$toDate\": \"Friday\"}", PQ_EINVALID, "no date"));
  CHECK(gives(&f, "{\"$toObjectId\": \"0123456789ABCDEF01234567\"}",
              "{\"$oid\":\"0123456789abcdef01234567\"}"));
  CHECK(fails(&f, "{\"$toObjectId\": \"0123456789ABCDEF0123456Z\"}", PQ_EINVALID, "24 hex"));
  CHECK(gives(&f, "{\"$toUUID\": \"123e4567-e89b-12d3-a456-426614174000\"}",
              BINARY("Ej5FZ+ibEtOkVkJmFBdAAA==", "04")));
  CHECK(fails(&f, "{\"$toUUID\": \"123e4567\"}", PQ_EINVALID, "format"));
  end(&f);
}

static void test_fallbacks(void) {
  fixture f;
  begin(&f);
  CHECK(gives(&f, TO_OR("int", "\"x\""), "\"E\""));
  CHECK(gives(&f, TO_OR("int", "{}"), "\"E\""));
  CHECK(gives(&f, TO_OR("int", "\"$none\""), "\"N\""));
  CHECK(gives(&f, TO("int", "null"), "null"));
  CHECK(gives(&f, TO("int", "\"$none\""), "null"));
  CHECK(fails(&f, TO_OR("some", "1"), PQ_EINVALID, "names no type: 'some'"));
  CHECK(fails(&f, "{\"$convert\": {\"input\": 1, \"to\": 255}}", PQ_EINVALID, "'to'"));
  CHECK(gives(&f, "{\"$convert\": {\"input\": 1, \"to\": 2}}", "\"1\""));
  CHECK(gives(&f, "{\"$convert\": {\"input\": 1, \"to\": null}}", "null"));
  CHECK(fails(&f, "{\"$convert\": {\"input\": 1}}", PQ_EINVALID, "needs 'to'"));
  CHECK(fails(&f, TO("minKey", "1"), PQ_EINVALID, "do not convert"));
  end(&f);
}

#define AS(input, subtype, format)                                                              \
  "{\"$convert\": {\"input\": " input ", \"to\": {\"type\": \"binData\", \"subtype\": " subtype \
  "}, \"format\": \"" format "\"}}"
#define BACK(input, format) \
  "{\"$convert\": {\"input\": " input ", \"to\": \"string\", \"format\": \"" format "\"}}"

static void test_binary(void) {
  fixture f;
  begin(&f);
  CHECK(gives(&f, AS("\"AQ==\"", "6", "base64"), BINARY("AQ==", "06")));
  CHECK(gives(&f, AS("\"-_8\"", "0", "base64url"), BINARY("+/8=", "00")));
  CHECK(gives(&f, AS("\"4a6f\"", "0", "hex"), BINARY("Sm8=", "00")));
  CHECK(gives(&f, AS("\"ab\"", "0", "utf8"), BINARY("YWI=", "00")));
  CHECK(fails(&f, AS("\"abc\"", "0", "hex"), PQ_EINVALID, "not in this format"));
  CHECK(fails(&f, AS("\"A\"", "0", "base64"), PQ_EINVALID, "not in this format"));
  CHECK(fails(&f, AS("\"AB==\"", "0", "base64"), PQ_EINVALID, "not in this format"));
  CHECK(fails(&f, AS("\"AQ==\"", "4", "base64"), PQ_EINVALID, "subtype 4"));
  CHECK(fails(&f, AS("\"AQ==\"", "0", "some"), PQ_EINVALID, "no format 'some'"));
  CHECK(fails(&f, TO("binData", "\"AQ==\""), PQ_EINVALID, "needs a 'format'"));
  CHECK(gives(&f, BACK(BINARY("+/8=", "00"), "base64url"), "\"-_8\""));
  CHECK(gives(&f, BACK(BINARY("+/8=", "00"), "hex"), "\"FBFF\""));
  CHECK(gives(&f, BACK(BINARY("YWI=", "05"), "utf8"), "\"ab\""));
  CHECK(fails(&f, BACK(BINARY("/w==", "00"), "utf8"), PQ_EINVALID, "not UTF-8"));
  CHECK(gives(&f, BACK(BINARY("Ej5FZ+ibEtOkVkJmFBdAAA==", "04"), "auto"),
              "\"123e4567-e89b-12d3-a456-426614174000\""));
  end(&f);
}

/* {"$convert": {"input": …, "to": …, "byteOrder": …}} */
#define BYTES(input, to, order) \
  "{\"$convert\":{\"input\":" input ",\"to\":\"" to "\",\"byteOrder\":\"" order "\"}}"

static void test_bytes(void) {
  fixture f;
  begin(&f);
  CHECK(gives(&f, BYTES("1", "binData", "little"), BINARY("AQAAAA==", "00")));
  CHECK(gives(&f, BYTES("1", "binData", "big"), BINARY("AAAAAQ==", "00")));
  CHECK(gives(&f, BYTES("{\"$numberLong\":\"-2\"}", "binData", "little"),
              BINARY("/v////////8=", "00")));
  CHECK(gives(&f, BYTES("1.5", "binData", "big"), BINARY("P/gAAAAAAAA=", "00")));
  CHECK(gives(&f, BYTES(BINARY("AQAAAA==", "00"), "int", "little"), "{\"$numberInt\":\"1\"}"));
  CHECK(gives(&f, BYTES(BINARY("/v8=", "00"), "int", "little"), "{\"$numberInt\":\"-2\"}"));
  CHECK(gives(&f, BYTES(BINARY("/w==", "00"), "long", "big"), "{\"$numberLong\":\"-1\"}"));
  CHECK(gives(&f, BYTES(BINARY("gAAAAAAAAAA=", "00"), "long", "big"),
              "{\"$numberLong\":\"-9223372036854775808\"}"));
  CHECK(gives(&f, BYTES(BINARY("P/gAAAAAAAA=", "00"), "double", "big"),
              "{\"$numberDouble\":\"1.5\"}"));
  CHECK(gives(&f, BYTES(BINARY("AADAPw==", "00"), "double", "little"),
              "{\"$numberDouble\":\"1.5\"}"));
  CHECK(fails(&f, BYTES(BINARY("AQEB", "00"), "int", "little"), PQ_EINVALID, "1, 2 or 4 bytes"));
  CHECK(fails(&f, BYTES(BINARY("AQE=", "00"), "double", "little"), PQ_EINVALID, "4 or 8 bytes"));
  CHECK(fails(&f, BYTES("1", "binData", "middle"), PQ_EINVALID, "'byteOrder'"));
  CHECK(fails(&f, "{\"$toUUID\": 1}", PQ_EINVALID, "do not convert"));
  CHECK(gives(&f, "{\"$subtype\": " BINARY("AQ==", "06") "}", "{\"$numberInt\":\"6\"}"));
  CHECK(fails(&f, "{\"$subtype\": 1}", PQ_EINVALID, "'$subtype'"));
  end(&f);
}

int main(void) {
  RUN(test_numbers);
  RUN(test_text);
  RUN(test_dates_and_ids);
  RUN(test_fallbacks);
  RUN(test_binary);
  RUN(test_bytes);
  return unit_end();
}
