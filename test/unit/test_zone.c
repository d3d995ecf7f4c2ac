/* test/unit/test_zone.c - src/base/zone.c, src/base/civil.c, port/zoneinfo.c. */
#include "base/zone.h"

#include "base/civil.h"
#include "port/zoneinfo.h"
#include "unit.h"

static bool find(const char *name, pq_zone *out) {
  pq_slice tzif;
  pq_cx cx;
  pq_cx_init(&cx, NULL, NULL);
  pq_zone_set(&cx);
  return cx.zone(cx.zone_ud, pq_str(name), &tzif) == PQ_OK && pq_zone_read(tzif, out);
}

static int64_t at(int year, int month, int day, int hour, int minute) {
  return pq_day_of(year, month, day) * 86400 + hour * 3600 + minute * 60;
}

static void test_civil(void) {
  pq_civil d;
  int64_t year;
  int week;
  CHECK(pq_day_of(1970, 1, 1) == 0);
  CHECK(pq_day_of(2000, 3, 1) == 11017);
  CHECK(pq_day_of(1, 1, 1) == -719162);
  CHECK(pq_day_of(2020, 15, 100) == pq_day_of(2021, 6, 8)); /* March 2021, its 100th day */
  CHECK(pq_day_of(2020, -1, 0) == pq_day_of(2019, 10, 31));
  for (int64_t day = -800000; day < 800000; day += 37) {
    pq_civil_of(day, &d);
    CHECK(pq_day_of(d.year, d.month, d.day) == day);
    CHECK(pq_day_of(d.year, 1, d.year_day) == day);
  }
  pq_civil_of(pq_day_of(2021, 1, 1), &d);
  pq_iso_week_of(&d, &year, &week);
  CHECK(year == 2020 && week == 53 && d.week_day == 5);
  pq_civil_of(pq_day_of(-400, 2, 29), &d);
  CHECK(d.year == -400 && d.month == 2 && d.day == 29 && d.year_day == 60);
  pq_civil_of(pq_day_of(292277026, 12, 31), &d);
  CHECK(d.year == 292277026 && d.month == 12 && d.day == 31);
  CHECK(pq_iso_year_start(2024) == pq_day_of(2024, 1, 1));
}

static void test_offsets(void) {
  static const struct {
    const char *text;
    int seconds; /* -1: refused */
  } cases[] = {{"Z", 0},       {"UTC", 0}, {"GMT", 0},     {"+05:30", 19800}, {"-0330", -12600},
               {"+14", 50400}, {"+5", -1}, {"+05:60", -1}, {"+08:800", -1},   {"-888888", -1},
               {"05:30", -1},  {"", -1},   {"utc", -1},    {"+0a:00", -1},    {"+05-30", -1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    pq_zone z;
    bool is_good = pq_zone_of_offset(pq_str(cases[i].text), &z);
    CHECK(is_good == (cases[i].seconds != -1));
    if (is_good) CHECK(pq_zone_at(&z, 0) == cases[i].seconds);
    if (is_good) CHECK(pq_zone_instant(&z, 100000) == 100000 - cases[i].seconds);
  }
}

static void test_names(void) {
  pq_zone z;
  CHECK(pq_zone_name_is_valid(PQ_SLICE("America/Argentina/Buenos_Aires")));
  CHECK(pq_zone_name_is_valid(PQ_SLICE("Etc/GMT+5")));
  CHECK(!pq_zone_name_is_valid(PQ_SLICE("/etc/passwd")));
  CHECK(!pq_zone_name_is_valid(PQ_SLICE("../passwd")));
  CHECK(!pq_zone_name_is_valid(PQ_SLICE("Europe//Berlin")));
  CHECK(!pq_zone_name_is_valid(PQ_SLICE("Europe/")));
  CHECK(!pq_zone_name_is_valid(PQ_SLICE("a\0b")));
  CHECK(!pq_zone_name_is_valid(PQ_SLICE("")));
  CHECK(!find("Nowhere/Atall", &z));
  CHECK(!find("Europe", &z));
  CHECK(!find("leapseconds", &z));
}

static void test_new_york(void) {
  pq_zone z;
  bool is_there = find("America/New_York", &z);
  CHECK(is_there);
  if (!is_there) return;
  CHECK(pq_zone_at(&z, at(2024, 1, 15, 12, 0)) == -18000);
  CHECK(pq_zone_at(&z, at(2024, 7, 15, 12, 0)) == -14400);
  CHECK(pq_zone_at(&z, at(2024, 3, 10, 6, 59)) == -18000);
  CHECK(pq_zone_at(&z, at(2024, 3, 10, 7, 0)) == -14400);
  CHECK(pq_zone_at(&z, at(1800, 1, 1, 0, 0)) == -17762);
  /* by the rule, behind the last change of the file */
  CHECK(pq_zone_at(&z, at(2500, 1, 15, 12, 0)) == -18000);
  CHECK(pq_zone_at(&z, at(2500, 7, 15, 12, 0)) == -14400);
  /* skipped: 02:30 is 03:30; twice: 01:30 is the first one */
  CHECK(pq_zone_instant(&z, at(2024, 3, 10, 2, 30)) == at(2024, 3, 10, 7, 30));
  CHECK(pq_zone_instant(&z, at(2024, 11, 3, 1, 30)) == at(2024, 11, 3, 5, 30));
  CHECK(pq_zone_instant(&z, at(2024, 11, 3, 2, 0)) == at(2024, 11, 3, 7, 0));
  CHECK(pq_zone_instant(&z, at(2500, 7, 15, 8, 0)) == at(2500, 7, 15, 12, 0));
}

static void test_other_zones(void) {
  pq_zone z;
  CHECK(find("Australia/Sydney", &z));
  CHECK(pq_zone_at(&z, at(2400, 1, 1, 0, 0)) == 39600);
  CHECK(pq_zone_at(&z, at(2400, 7, 1, 0, 0)) == 36000);
  CHECK(find("Asia/Kolkata", &z));
  CHECK(pq_zone_at(&z, at(2024, 7, 1, 0, 0)) == 19800);
  CHECK(find("Pacific/Apia", &z)); /* has no 30 December 2011 */
  CHECK(pq_zone_instant(&z, at(2011, 12, 31, 0, 0)) == at(2011, 12, 30, 10, 0));
  CHECK(pq_zone_instant(&z, at(2011, 12, 30, 12, 0)) == at(2011, 12, 30, 22, 0));
  CHECK(find("Etc/GMT+5", &z));
  CHECK(pq_zone_at(&z, 0) == -18000);
}

/* A file that is cut anywhere, or has a byte changed, is refused or still answers. */
static void test_damage(void) {
  pq_slice tzif;
  pq_zone z;
  pq_cx cx;
  uint8_t *copy;
  pq_cx_init(&cx, NULL, NULL);
  pq_zone_set(&cx);
  CHECK(cx.zone(NULL, PQ_SLICE("Europe/Berlin"), &tzif) == PQ_OK);
  for (size_t n = 0; n < tzif.n; n++) {
    copy = malloc(n + 1);
    memcpy(copy, tzif.p, n);
    CHECK(!pq_zone_read((pq_slice){copy, n}, &z));
    free(copy);
  }
  copy = malloc(tzif.n);
  memcpy(copy, tzif.p, tzif.n);
  for (size_t i = 0; i < tzif.n; i++) {
    copy[i] ^= 0xff;
    if (pq_zone_read((pq_slice){copy, tzif.n}, &z)) (void)pq_zone_instant(&z, 1700000000);
    copy[i] ^= 0xff;
  }
  free(copy);
}

int main(void) {
  RUN(test_civil);
  RUN(test_offsets);
  RUN(test_names);
  RUN(test_new_york);
  RUN(test_other_zones);
  RUN(test_damage);
  return unit_end();
}
