/* test/unit/test_expression_text.c - strings and regular expressions in expressions. */
#include "expression_cases.h"

static void test_strings(void) {
  static const expression_case cases[] = {
      {"{}", "{\"$concat\": [\"a\", \"$x\", \"b\"]}", "null"},
      {"{}", "{\"$concat\": [\"a\", 1]}", "!'$concat' needs a string, not int"},
      {"{}", "{\"$toUpper\": \"stra\\u00dfe \\u00e9\"}", "\"STRA\\u00dfE \\u00e9\""},
      {"{}", "{\"$toLower\": {\"$numberDecimal\": \"1E+10\"}}", "\"1e+10\""},
      {"{}", "{\"$toUpper\": null}", "\"\""},
      {"{}", "{\"$toUpper\": [[]]}", "!'$toUpper' needs a string, not array"},
      {"{}", "{\"$strcasecmp\": [\"ABC\", \"abd\"]}", "-1"},
      {"{}", "{\"$strLenCP\": \"h\\u00e4\\u00df\\ud83d\\ude00\"}", "4"},
      {"{}", "{\"$strLenBytes\": \"h\\u00e4\\u00df\\ud83d\\ude00\"}", "9"},
      {"{}", "{\"$strLenCP\": null}", "!'$strLenCP' needs a string, not null"},
      {"{}", "{\"$substrCP\": [\"h\\u00e4\\u00df\", 1, 9]}", "\"\\u00e4\\u00df\""},
      {"{}", "{\"$substrBytes\": [\"h\\u00e4\", 0, 2]}", "!'$substrBytes' splits a code point"},
      {"{}", "{\"$substrCP\": [\"abc\", -1, 1]}", "!numbers, 0 or more"},
      {"{}", "{\"$indexOfCP\": [\"\\u00e4b\\u00e4b\", \"b\", 2]}", "3"},
      {"{}", "{\"$indexOfBytes\": [\"\\u00e4b\\u00e4b\", \"b\", 3]}", "5"},
      {"{}", "{\"$indexOfCP\": [\"abc\", \"c\", 0, 2]}", "-1"},
      {"{}", "{\"$indexOfCP\": [\"abc\", \"\", 3]}", "3"},
      {"{}", "{\"$indexOfCP\": [\"abc\", \"\", 4]}", "-1"},
      {"{}", "{\"$indexOfCP\": [\"abc\", \"c\", -1]}", "!0 or more, as bounds"},
      {"{}", "{\"$split\": [\"a--b--\", \"--\"]}", "[\"a\", \"b\", \"\"]"},
      {"{}", "{\"$split\": [\"a\", \"\"]}", "!needs a separator"},
      {"{}", "{\"$trim\": {\"input\": \" \\u00a0 x \\u0000\"}}", "\"x\""},
      {"{}", "{\"$ltrim\": {\"input\": \"\\u00e4\\u00e4x\\u00e4\", \"chars\": \"\\u00e4\"}}",
       "\"x\\u00e4\""},
      {"{}",
       "{\"$rtrim\": {\"input\": \"x\\u20ac\\ud83d\\ude00z\", \"chars\": "
       "\"0123456789012345678901234567890123456789\\u20ac\\ud83d\\ude00yz\"}}",
       "\"x\""},
      {"{}",
       "{\"$replaceAll\": {\"input\": \"a\\u00e4b\", \"find\": \"\", \"replacement\": \"-\"}}",
       "\"-a-\\u00e4-b-\""},
      {"{}",
       "{\"$replaceOne\": {\"input\": \"aaa\", \"find\": \"aa\", \"replacement\": \"$$ROOT.x\"}}",
       "null"},
      {"{}", "{\"$replaceOne\": {\"input\": \"aaa\", \"find\": 1, \"replacement\": \"x\"}}",
       "!'$replaceOne' needs a string as find, not int"}};
  EXPRESSIONS(cases);
}

/* Parts above 64 bytes are looked for in another way. */
static void test_long_parts(void) {
  static char doc[2048];
  static const char *const parts[] = {"a", "ab", "aab", "abcabd"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    char part[128] = "", text[512];
    expression_case cases[2] = {
        {doc, "{\"$split\": [\"$t\", \"$p\"]}", "[\"x\", \"yab\", \"\"]"},
        {doc, "{\"$replaceAll\": {\"input\": \"$t\", \"find\": \"$p\", \"replacement\": \"-\"}}",
         "\"x-yab-\""}};
    while (strlen(part) < 70)
      strcat(part, parts[i]);
    strcat(part, "c"); /* so that it does not begin with what precedes it */
    snprintf(text, sizeof text, "x%syab%s", part, part);
    snprintf(doc, sizeof doc, "{\"t\": \"%s\", \"p\": \"%s\"}", text, part);
    EXPRESSIONS(cases);
  }
}

static void test_regex(void) {
  static const expression_case cases[] = {
      {"{}", "{\"$regexFind\": {\"input\": \"h\\u00e4\\u00df\", \"regex\": \"(.)\\u00df(x)?\"}}",
       "{\"match\": \"\\u00e4\\u00df\", \"idx\": 1, \"captures\": [\"\\u00e4\", null]}"},
      {"{}", "{\"$regexFind\": {\"input\": \"abc\", \"regex\": \"x\"}}", "null"},
      {"{\"p\": \"B\", \"o\": \"i\"}",
       "{\"$regexFind\": {\"input\": \"abc\", \"regex\": \"$p\", \"options\": \"$o\"}}",
       "{\"match\": \"b\", \"idx\": 1, \"captures\": []}"},
      {"{}", "{\"$regexFindAll\": {\"input\": \"\\u00e4b\\u00e4\", \"regex\": \"\\u00e4?\"}}",
       "[{\"match\": \"\\u00e4\", \"idx\": 0, \"captures\": []}, {\"match\": \"\", \"idx\": 1, "
       "\"captures\": []}, {\"match\": \"\\u00e4\", \"idx\": 2, \"captures\": []}]"},
      {"{}", "{\"$regexFindAll\": {\"input\": \"abab\", \"regex\": \"(?<=a)b|^a\"}}",
       "[{\"match\": \"a\", \"idx\": 0, \"captures\": []}, {\"match\": \"b\", \"idx\": 1, "
       "\"captures\": []}, {\"match\": \"b\", \"idx\": 3, \"captures\": []}]"},
      {"{}", "{\"$regexFindAll\": {\"input\": null, \"regex\": \"a\"}}", "[]"},
      {"{}", "{\"$regexMatch\": {\"input\": \"$x\", \"regex\": \"a\"}}", "false"},
      {"{}", "{\"$regexMatch\": {\"input\": 5, \"regex\": \"a\"}}", "!a string as input, not int"},
      {"{}", "{\"$regexMatch\": {\"input\": \"a\", \"regex\": \"(\"}}", "!malformed"},
      {"{\"p\": \"(\"}", "{\"$regexMatch\": {\"input\": \"a\", \"regex\": \"$p\"}}", "!malformed"},
      {"{}", "{\"$regexMatch\": {\"input\": \"a\", \"regex\": 7}}", "!as regex, not int"},
      {"{}",
       "{\"$regexFind\": {\"input\": \"a\", \"regex\": {\"$regularExpression\": {\"pattern\": "
       "\"a\", \"options\": \"i\"}}, \"options\": \"i\"}}",
       "!has options twice"},
      {"{}",
       "{\"$regexFindAll\": {\"input\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\", "
       "\"regex\": \"((a+)+)+[bc]\"}}",
       "!takes too many steps"}};
  static const expression_case all = {
      "{\"p\": \"b(.)\"}", "{\"$regexFindAll\": {\"input\": \"abcbd\", \"regex\": \"$p\"}}", ""};
  EXPRESSIONS(cases);
  expression_run_oom(&all);
}

int main(void) {
  RUN(test_strings);
  RUN(test_long_parts);
  RUN(test_regex);
  return unit_end();
}
