/* test/unit/test_expression_date.c - dates in expressions: zones, parts, text, arithmetic. */
#include "expression_cases.h"

#define NY "\"timezone\": \"America/New_York\""
#define WHEN(text) "{\"$date\": \"" text "\"}"

static void test_parts(void) {
  static const expression_case cases[] = {
      {"{\"d\": " WHEN("2021-01-01T00:30:00Z") "}", "{\"$isoWeek\": \"$d\"}", "53"},
      {"{\"d\": " WHEN("2021-01-01T00:30:00Z") "}", "{\"$isoWeekYear\": \"$d\"}",
       "{\"$numberLong\": \"2020\"}"},
      {"{\"d\": " WHEN("2021-01-01T00:30:00Z") "}", "{\"$year\": {\"date\": \"$d\", " NY "}}",
       "2020"},
      {"{\"d\": " WHEN("2021-01-01T00:30:00Z") "}",
       "{\"$hour\": {\"date\": \"$d\", \"timezone\": \"+05:45\"}}", "6"},
      {"{}", "{\"$week\": " WHEN("2022-01-01T00:00:00Z") "}", "0"},
      {"{}", "{\"$dayOfYear\": " WHEN("2024-12-31T00:00:00Z") "}", "366"},
      {"{}", "{\"$isoDayOfWeek\": " WHEN("2024-03-10T00:00:00Z") "}", "7"},
      {"{}", "{\"$year\": {\"$timestamp\": {\"t\": 1700000000, \"i\": 1}}}", "2023"},
      {"{}", "{\"$month\": {\"$oid\": \"65920080f5e4d92817ef6ccc\"}}", "1"},
      {"{}", "{\"$year\": {\"$date\": {\"$numberLong\": \"9223372036854775807\"}}}", "292278994"},
      {"{}", "{\"$year\": {\"$date\": {\"$numberLong\": \"-9223372036854775808\"}}}", "-292275055"},
      {"{}", "{\"$year\": {\"date\": \"$d\", " NY "}}", "null"},
      {"{}", "{\"$year\": {\"date\": null, \"timezone\": \"Nowhere\"}}",
       "!time zone 'Nowhere' is not known"},
      {"{\"z\": \"../etc\"}",
       "{\"$year\": {\"date\": " WHEN("2024-01-01T00:00:00Z") ", \"timezone\": \"$z\"}}",
       "!time zone '../etc' is not known"},
      {"{}", "{\"$year\": \"2024\"}",
       "!'$year' needs a date, a timestamp or an ObjectId, not string"},
      {"{}",
       "{\"$dateToParts\": {\"date\": " WHEN("2024-12-31T23:59:58.123Z") ", \"iso8601\": true}}",
       "{\"isoWeekYear\": 2025, \"isoWeek\": 1, \"isoDayOfWeek\": 2, \"hour\": 23, \"minute\": 59, "
       "\"second\": 58, \"millisecond\": 123}"},
      {"{}", "{\"$tsIncrement\": {\"$timestamp\": {\"t\": 7, \"i\": 3}}}",
       "{\"$numberLong\": \"3\"}"}};
  EXPRESSIONS(cases);
}

static void test_add(void) {
  static const expression_case cases[] = {
      /* months end where they end */
      {"{}",
       "{\"$dateAdd\": {\"startDate\": " WHEN("2023-01-31T12:00:00Z") ", \"unit\": \"month\", "
                                                                      "\"amount\": 1}}",
       WHEN("2023-02-28T12:00:00Z")},
      {"{}",
       "{\"$dateAdd\": {\"startDate\": " WHEN(
           "2024-02-29T00:00:00Z") ", \"unit\": \"year\", "
                                   "\"amount\": {\"$numberLong\": \"1\"}}}",
       WHEN("2025-02-28T00:00:00Z")},
      {"{}",
       "{\"$dateSubtract\": {\"startDate\": " WHEN(
           "2024-05-31T00:00:00Z") ", \"unit\": "
                                   "\"quarter\", \"amount\": 1}}",
       WHEN("2024-02-29T00:00:00Z")},
      /* a day is what clocks say, an hour is an hour */
      {"{}",
       "{\"$dateAdd\": {\"startDate\": " WHEN("2024-03-09T17:00:00Z") ", \"unit\": \"day\", "
                                                                      "\"amount\": 1, " NY "}}",
       WHEN("2024-03-10T16:00:00Z")},
      {"{}",
       "{\"$dateAdd\": {\"startDate\": " WHEN("2024-03-09T17:00:00Z") ", \"unit\": \"hour\", "
                                                                      "\"amount\": 24, " NY "}}",
       WHEN("2024-03-10T17:00:00Z")},
      {"{}",
       "{\"$dateAdd\": {\"startDate\": " WHEN(
           "2024-01-01T00:00:00.000123Z") ", \"unit\": "
                                          "\"second\", \"amount\": 1}}",
       WHEN("2024-01-01T00:00:01.000123Z")},
      {"{}", "{\"$dateAdd\": {\"startDate\": \"$x\", \"unit\": \"day\", \"amount\": 1}}", "null"},
      {"{}",
       "{\"$dateAdd\": {\"startDate\": " WHEN("2024-01-01T00:00:00Z") ", \"unit\": \"days\", "
                                                                      "\"amount\": 1}}",
       "!'$dateAdd' knows no unit 'days': did you mean 'day'?"},
      {"{}",
       "{\"$dateAdd\": {\"startDate\": " WHEN("2024-01-01T00:00:00Z") ", \"unit\": \"day\", "
                                                                      "\"amount\": 1.5}}",
       "!whole number of 64 bits as amount, not double"},
      {"{}",
       "{\"$dateAdd\": {\"startDate\": " WHEN(
           "2024-01-01T00:00:00Z") ", \"unit\": \"year\", "
                                   "\"amount\": {\"$numberLong\": \"9223372036854775807\"}}}",
       "!out of range"},
      {"{}",
       "{\"$dateSubtract\": {\"startDate\": " WHEN(
           "2024-01-01T00:00:00Z") ", \"unit\": "
                                   "\"month\", \"amount\": {\"$numberLong\": "
                                   "\"-9223372036854775808\"}}}",
       "!out of range"},
      {"{}",
       "{\"$dateAdd\": {\"startDate\": {\"$date\": {\"$numberLong\": \"9223372036854775807\"}}"
       ", \"unit\": \"millisecond\", \"amount\": 1}}",
       "!out of range"}};
  EXPRESSIONS(cases);
}

static void test_diff(void) {
  static const expression_case cases[] = {
      {"{}",
       "{\"$dateDiff\": {\"startDate\": " WHEN("2023-12-31T23:59:59Z") ", \"endDate\": " WHEN(
           "2024-01-01T00:00:00Z") ", \"unit\": \"year\"}}",
       "{\"$numberLong\": \"1\"}"},
      {"{}",
       "{\"$dateDiff\": {\"startDate\": " WHEN("2024-01-06T12:00:00Z") ", \"endDate\": " WHEN(
           "2024-01-07T12:00:00Z") ", \"unit\": \"week\"}}",
       "{\"$numberLong\": \"1\"}"},
      {"{}",
       "{\"$dateDiff\": {\"startDate\": " WHEN("2024-01-06T12:00:00Z") ", \"endDate\": " WHEN(
           "2024-01-07T12:00:00Z") ", \"unit\": \"week\", \"startOfWeek\": \"Mon\"}}",
       "{\"$numberLong\": \"0\"}"},
      /* the night of the change has 23 hours */
      {"{}",
       "{\"$dateDiff\": {\"startDate\": " WHEN("2024-03-10T05:00:00Z") ", \"endDate\": " WHEN(
           "2024-03-11T04:00:00Z") ", \"unit\": \"hour\", " NY "}}",
       "{\"$numberLong\": \"23\"}"},
      {"{}",
       "{\"$dateDiff\": {\"startDate\": " WHEN("2024-03-10T05:00:00Z") ", \"endDate\": " WHEN(
           "2024-03-11T04:00:00Z") ", \"unit\": \"day\", " NY "}}",
       "{\"$numberLong\": \"1\"}"},
      {"{}",
       "{\"$dateDiff\": {\"startDate\": " WHEN("2024-03-10T05:00:00Z") ", \"endDate\": " WHEN(
           "2022-03-11T04:00:00Z") ", \"unit\": \"quarter\"}}",
       "{\"$numberLong\": \"-8\"}"},
      {"{}",
       "{\"$dateDiff\": {\"startDate\": {\"$date\": {\"$numberLong\": \"-9223372036854775807\"}}"
       ", \"endDate\": {\"$date\": {\"$numberLong\": \"9223372036854775807\"}}, \"unit\": "
       "\"millisecond\"}}",
       "!beyond 64 bits"},
      {"{}",
       "{\"$dateDiff\": {\"startDate\": " WHEN("2024-01-06T12:00:00Z") ", \"endDate\": " WHEN(
           "2024-01-07T12:00:00Z") ", \"unit\": \"week\", \"startOfWeek\": \"Menday\"}}",
       "!knows no day of the week 'Menday'"}};
  EXPRESSIONS(cases);
}

static void test_trunc(void) {
  static const expression_case cases[] = {
      {"{}",
       "{\"$dateTrunc\": {\"date\": " WHEN("2021-03-20T11:30:05Z") ", \"unit\": \"hour\", "
                                                                   "\"binSize\": 2}}",
       WHEN("2021-03-20T10:00:00Z")},
      {"{}", "{\"$dateTrunc\": {\"date\": " WHEN("2021-03-20T11:30:05Z") ", \"unit\": \"week\"}}",
       WHEN("2021-03-14T00:00:00Z")},
      {"{}",
       "{\"$dateTrunc\": {\"date\": " WHEN("2021-03-20T11:30:05Z") ", \"unit\": \"week\", "
                                                                   "\"startOfWeek\": \"monday\"}}",
       WHEN("2021-03-15T00:00:00Z")},
      {"{}",
       "{\"$dateTrunc\": {\"date\": " WHEN("1999-12-31T00:00:00Z") ", \"unit\": \"month\", "
                                                                   "\"binSize\": 7}}",
       WHEN("1999-06-01T00:00:00Z")},
      {"{}",
       "{\"$dateTrunc\": {\"date\": " WHEN("2024-07-04T03:00:00Z") ", \"unit\": \"day\", " NY "}}",
       WHEN("2024-07-03T04:00:00Z")},
      {"{}",
       "{\"$dateTrunc\": {\"date\": " WHEN("2024-07-04T03:00:00Z") ", \"unit\": \"year\", " NY "}}",
       WHEN("2024-01-01T05:00:00Z")},
      {"{}",
       "{\"$dateTrunc\": {\"date\": " WHEN(
           "2024-07-04T03:00:00Z") ", \"unit\": \"year\", "
                                   "\"binSize\": {\"$numberLong\": \"9223372036854775807\"}}}",
       "!out of range"},
      {"{}",
       "{\"$dateTrunc\": {\"date\": " WHEN(
           "2024-07-04T03:00:00Z") ", \"unit\": \"hour\", "
                                   "\"binSize\": {\"$numberLong\": \"9223372036854775807\"}}}",
       "!out of range"},
      {"{}",
       "{\"$dateTrunc\": {\"date\": " WHEN("2024-07-04T03:00:00Z") ", \"unit\": \"year\", "
                                                                   "\"binSize\": 0}}",
       "!above 0, as binSize"}};
  EXPRESSIONS(cases);
}

static void test_from_parts(void) {
  static const expression_case cases[] = {
      {"{}", "{\"$dateFromParts\": {\"year\": 2024, \"month\": 14, \"day\": 0}}",
       WHEN("2025-01-31T00:00:00Z")},
      {"{}",
       "{\"$dateFromParts\": {\"year\": 2024, \"month\": 3, \"day\": 10, \"hour\": 2, "
       "\"minute\": 30, " NY "}}",
       WHEN("2024-03-10T07:30:00Z")},
      {"{}", "{\"$dateFromParts\": {\"isoWeekYear\": 2020, \"isoWeek\": 53, \"isoDayOfWeek\": 5}}",
       WHEN("2021-01-01T00:00:00Z")},
      {"{}", "{\"$dateFromParts\": {\"year\": 2024, \"isoWeek\": 3}}",
       "!needs either 'year' with 'month' and 'day'"},
      {"{}", "{\"$dateFromParts\": {\"year\": 10000}}", "!from 1 to 9999 as year, not this one"},
      {"{}", "{\"$dateFromParts\": {\"year\": 2024, \"day\": \"x\"}}", "!as day, not string"}};
  EXPRESSIONS(cases);
}

#define TO_TEXT(rest) "{\"$dateToString\": {\"date\": " WHEN("2024-02-29T13:05:09.007Z") rest "}}"

static void test_to_text(void) {
  static const expression_case cases[] = {
      {"{}", TO_TEXT(""), "\"2024-02-29T13:05:09.007Z\""},
      {"{}", TO_TEXT(", " NY), "\"2024-02-29T08:05:09.007\""},
      {"{}", TO_TEXT(", \"format\": \"%d %b %B %Y, %H:%M:%S.%L %j %w %u %U %G-W%V %z %Z %%\", " NY),
       "\"29 Feb February 2024, 08:05:09.007 060 5 4 08 2024-W09 -0500 -300 %\""},
      {"{}", TO_TEXT(", \"format\": \"%q\""), "!unknown letter in the format '%q'"},
      {"{}", TO_TEXT(", \"format\": \"x%\""), "!ends with '%'"},
      {"{}", "{\"$dateToString\": {\"date\": null, \"onNull\": \"none\"}}", "\"none\""},
      {"{}", "{\"$dateToString\": {\"date\": {\"$date\": {\"$numberLong\": \"253402300800000\"}}}}",
       "!a year from 0 to 9999, not 10000"}};
  EXPRESSIONS(cases);
}

#define FROM_TEXT(text, rest) "{\"$dateFromString\": {\"dateString\": \"" text "\"" rest "}}"

static void test_from_text(void) {
  static const expression_case cases[] = {
      {"{}", FROM_TEXT("2024-02-29", ""), WHEN("2024-02-29T00:00:00Z")},
      {"{}", FROM_TEXT("20240229", ""), WHEN("2024-02-29T00:00:00Z")},
      {"{}", FROM_TEXT("20240229T130509", ""), WHEN("2024-02-29T13:05:09Z")},
      {"{}", FROM_TEXT("2024/2/9 1:05", ""), WHEN("2024-02-09T01:05:00Z")},
      {"{}", FROM_TEXT("2024-02-29T13:05:09.0071+01:30", ""), WHEN("2024-02-29T11:35:09.007Z")},
      {"{}", FROM_TEXT("2024-02-29 13:05 EST", ""), WHEN("2024-02-29T18:05:00Z")},
      {"{}", FROM_TEXT("2024-02-29 13:05 GMT-3", ""), WHEN("2024-02-29T16:05:00Z")},
      {"{}", FROM_TEXT("2024-07-01 13:05 Europe/Berlin", ""), WHEN("2024-07-01T11:05:00Z")},
      {"{}", FROM_TEXT("2024-060", ""), WHEN("2024-02-29T00:00:00Z")},
      {"{}", FROM_TEXT("2024-W09-4", ""), WHEN("2024-02-29T00:00:00Z")},
      {"{}", FROM_TEXT("Thu, 29 Feb 2024 13:05:09 +0000", ""), WHEN("2024-02-29T13:05:09Z")},
      {"{}", FROM_TEXT("February 29th, 2024 1:05 pm", ""), WHEN("2024-02-29T13:05:00Z")},
      {"{}", FROM_TEXT("29-Feb-2024 noon", ""), WHEN("2024-02-29T12:00:00Z")},
      {"{}", FROM_TEXT("2/29/2024", ""), WHEN("2024-02-29T00:00:00Z")},
      {"{}", FROM_TEXT("29.2.2024", ""), WHEN("2024-02-29T00:00:00Z")},
      {"{}", FROM_TEXT("2024-02-29T08:05", ", " NY), WHEN("2024-02-29T13:05:00Z")},
      {"{}", FROM_TEXT("2024-02-29T08:05Z", ", " NY),
       "!it has a time zone, and another one is given"},
      {"{}", FROM_TEXT("2023-02-29", ""), "!cannot read '2023-02-29': there is no such day"},
      {"{}", FROM_TEXT("2024-02-29T24:00", ""), "!no such time of day"},
      {"{}", FROM_TEXT("tomorrow", ""), "!none of the forms that are known"},
      {"{}", FROM_TEXT("", ""), "!none of the forms that are known"},
      {"{}", FROM_TEXT("1700000000000", ""), "!none of the forms that are known"},
      {"{}", FROM_TEXT("13pm 2024", ""), "!none of the forms that are known"},
      {"{}", FROM_TEXT("29 feb 2024 11:07", ", \"format\": \"%d %b %Y %H:%M\""),
       WHEN("2024-02-29T11:07:00Z")},
      {"{}", FROM_TEXT("09/2024", ", \"format\": \"%V/%G\""), WHEN("2024-02-26T00:00:00Z")},
      {"{}", FROM_TEXT("2024 2", ", \"format\": \"%Y %m\""), "!names no whole date"},
      {"{}", FROM_TEXT("2024-02-29x", ", \"format\": \"%Y-%m-%d\""), "!goes on behind the format"},
      {"{}", FROM_TEXT("2024", ", \"format\": \"%Y%q\""), "!unknown letter"},
      {"{}", FROM_TEXT("nonsense", ", \"onError\": \"$$ROOT\""), "{}"},
      {"{}", "{\"$dateFromString\": {\"dateString\": \"$x\", \"onNull\": 7}}", "7"},
      {"{}", "{\"$dateFromString\": {\"dateString\": 7}}", "!a string as dateString, not int"}};
  static const expression_case all = {
      "{\"t\": \"2024-07-01 1:05\", \"z\": \"Europe/Berlin\"}",
      "{\"$dateToString\": {\"date\": {\"$dateFromString\": {\"dateString\": \"$t\", "
      "\"timezone\": \"$z\"}}, \"timezone\": \"Asia/Kolkata\"}}",
      "\"2024-07-01T04:35:00.000\""};
  EXPRESSIONS(cases);
  expression_run(NULL, &all, 1);
  expression_run_oom(&all);
}

/* Without a driver there are no files of zones. */
static void test_no_zones(void) {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  pq_value out;
  expression_case c = {"{}", "{\"$year\": {\"date\": " WHEN("2024-01-01T00:00:00Z") ", " NY "}}",
                       ""};
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1u << 24);
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  CHECK(expression_eval(&arena, b, NULL, &c, &out) == PQ_EUNSUPPORTED);
  CHECK(strstr(cx.msg, "'America/New_York': zones are not known by name here") != NULL);
  c.expression = "{\"$year\": {\"date\": " WHEN("2024-01-01T00:00:00Z") ", \"timezone\": \"-05\"}}";
  CHECK(expression_eval(&arena, b, NULL, &c, &out) == PQ_OK);
  pq_builder_free(b);
  pq_arena_release(&arena);
}

int main(void) {
  RUN(test_parts);
  RUN(test_add);
  RUN(test_diff);
  RUN(test_trunc);
  RUN(test_from_parts);
  RUN(test_to_text);
  RUN(test_from_text);
  RUN(test_no_zones);
  return unit_end();
}
