/* test/server/test_scram.c - logging in: RFC 7677's example, our own exchanges, and everything that
 * is not quite one. */
#include "server/scram.h"

#include "unit.h"

static pq_cx cx;
#define NONCE "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u"

/* Of a user with RFC 7677's password, salt and number of rounds. */
static void pencil(pq_scram_keys *k) {
  static const uint8_t salt[] = {0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e,
                                 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81};
  pq_scram_derive(PQ_SLICE("pencil"), (pq_slice){salt, sizeof salt}, 4096, k);
}

static int first(pq_scram *s, const char *message) {
  unit_cx_init(&cx);
  return pq_scram_first(s, &cx, pq_str(message));
}

/* RFC 7677, section 3, byte by byte. */
#define RFC_FIRST "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
#define RFC_SERVER "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define RFC_FINAL \
  "c=biws,r=rOprNGfwEbeRWgbNEkqO" RFC_SERVER ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="

static void challenge_rfc(pq_scram *s, bool is_known) {
  pq_scram_keys k;
  pq_slice answer;
  pencil(&k);
  CHECK(first(s, RFC_FIRST) == PQ_OK);
  pq_scram_challenge(s, &k, is_known, RFC_SERVER, &answer);
  CHECK(pq_slice_is(answer, "r=rOprNGfwEbeRWgbNEkqO" RFC_SERVER ",s=W22ZaJ0SNY7soEsUEjb6gQ==,"
                            "i=4096"));
}

static int finish(pq_scram *s, const char *message, pq_slice *answer) {
  return pq_scram_final(s, &cx, pq_str(message), answer);
}

static void test_rfc(void) {
  pq_scram s;
  pq_slice answer;
  challenge_rfc(&s, true);
  CHECK(strcmp(s.user, "user") == 0);
  CHECK(finish(&s, RFC_FINAL, &answer) == PQ_OK);
  CHECK(pq_slice_is(answer, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
  CHECK(finish(&s, RFC_FINAL, &answer) == PQ_EINVALID); /* once is enough */
}

static void test_refused(void) {
  /* Of another password; a digit less; bits where none may be; of another exchange. */
  static const struct {
    const char *message;
    int rc;
  } finals[] = {
      {"c=biws,r=rOprNGfwEbeRWgbNEkqO" RFC_SERVER ",p=AHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
       PQ_EPERM},
      {"c=biws,r=rOprNGfwEbeRWgbNEkqO" RFC_SERVER ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVR=",
       PQ_EINVALID},
      {"c=biws,r=rOprNGfwEbeRWgbNEkqO" RFC_SERVER ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndV=",
       PQ_EINVALID},
      {"c=biws,r=rOprNGfwEbeRWgbNEkqO" RFC_SERVER ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHg*qmmiz7AndVQ=",
       PQ_EINVALID},
      {"c=biws,r=rOprNGfwEbeRWgbNEkqO,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", PQ_EINVALID},
      {"c=eSws,r=rOprNGfwEbeRWgbNEkqO" RFC_SERVER ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
       PQ_EINVALID},
      {"c=biws,r=rOprNGfwEbeRWgbNEkqO" RFC_SERVER
       ",m=x,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
       PQ_EINVALID},
      {"c=biws,r=rOprNGfwEbeRWgbNEkqO" RFC_SERVER, PQ_EINVALID},
      {"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", PQ_EINVALID},
      {",", PQ_EINVALID},
      {"", PQ_EINVALID}};
  pq_scram s;
  pq_slice answer;
  for (size_t i = 0; i < sizeof finals / sizeof *finals; i++) {
    challenge_rfc(&s, true);
    CHECK(finish(&s, finals[i].message, &answer) == finals[i].rc);
    CHECK(answer.n == 0);
    CHECK(finish(&s, RFC_FINAL, &answer) == PQ_EINVALID); /* there is no second try */
  }
  challenge_rfc(&s, false); /* the right proof for a user who does not exist */
  CHECK(finish(&s, RFC_FINAL, &answer) == PQ_EPERM);
  CHECK(first(&s, RFC_FIRST) == PQ_OK);
  CHECK(finish(&s, RFC_FINAL, &answer) == PQ_EINVALID); /* before the challenge */
}

static void test_first_messages(void) {
  static const struct {
    const char *message;
    int rc;
    const char *user;
  } firsts[] = {{"n,,n=a=2Cb=3Dc,r=12345678", PQ_OK, "a,b=c"},
                {"y,,n=\xc3\xa4,r=12345678", PQ_OK, "\xc3\xa4"},
                {"n,,n=a,r=12345678,x=1,y=2", PQ_OK, "a"},
                {"n,,n=a,r=12345678,m=1", PQ_EINVALID, ""},
                {"n,,n=a,r=12345678,", PQ_OK, "a"}, /* nothing behind a comma */
                {"n,,n=a,r=12345678,1=2", PQ_EINVALID, ""},
                {"n,,m=a,n=a,r=12345678", PQ_EUNSUPPORTED, ""},
                {"n,,n=a=2c,r=12345678", PQ_EINVALID, ""},
                {"n,,n=a=2,r=12345678", PQ_EINVALID, ""},
                {"n,,n=,r=12345678", PQ_EINVALID, ""},
                {"n,,r=12345678", PQ_EINVALID, ""},
                {"n,,n=a", PQ_EINVALID, ""},
                {"n,,n=a,r=1234567", PQ_EINVALID, ""},
                {"n,,n=a,r=1234 5678", PQ_EINVALID, ""},
                {"n,a=b,n=a,r=12345678", PQ_EUNSUPPORTED, ""},
                {"p=tls-unique,,n=a,r=12345678", PQ_EUNSUPPORTED, ""},
                {"x,,n=a,r=12345678", PQ_EINVALID, ""},
                {"n,n=a,r=12345678", PQ_EUNSUPPORTED, ""},
                {"n,,n=\xff,r=12345678", PQ_EINVALID, ""},
                {"n", PQ_EINVALID, ""},
                {"", PQ_EINVALID, ""}};
  pq_scram s;
  char long_one[PQ_SCRAM_MESSAGE_MAX + 40];
  for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
    CHECK(first(&s, firsts[i].message) == firsts[i].rc);
    if (firsts[i].rc == PQ_OK) CHECK(strcmp(s.user, firsts[i].user) == 0);
  }
  memset(long_one, 'a', sizeof long_one);
  memcpy(long_one, "n,,n=", 5);
  memcpy(long_one + 5 + PQ_SCRAM_USER_CAP - 1, ",r=12345678", 12);
  CHECK(first(&s, long_one) == PQ_OK && strlen(s.user) == PQ_SCRAM_USER_CAP - 1);
  memcpy(long_one + 5 + PQ_SCRAM_USER_CAP - 1, "a,r=12345678", 13);
  CHECK(first(&s, long_one) == PQ_EINVALID);
  memset(long_one, 'a', sizeof long_one);
  long_one[sizeof long_one - 1] = '\0';
  CHECK(first(&s, long_one) == PQ_EINVALID);
  CHECK(pq_scram_first(&s, &cx, (pq_slice){(const uint8_t *)"n,,n=a\0b,r=12345678", 19}) ==
        PQ_EINVALID);
}

/* The longest of everything stays inside. */
static void test_longest(void) {
  pq_scram s;
  pq_scram_keys k;
  pq_slice answer;
  char message[PQ_SCRAM_MESSAGE_MAX + 1], nonce[257], salt[PQ_SCRAM_SALT_MAX];
  size_t n;
  memset(salt, 's', sizeof salt);
  pq_scram_derive(PQ_SLICE("x"), (pq_slice){(const uint8_t *)salt, sizeof salt}, UINT32_MAX >> 12,
                  &k);
  memset(message, 'r', sizeof message);
  memset(nonce, 'r', 256);
  nonce[256] = '\0';
  memcpy(message, "n,,n=abcd,r=", 12);
  memcpy(message + 12 + 256, ",x=", 3);
  message[PQ_SCRAM_MESSAGE_MAX] = '\0';
  CHECK(first(&s, message) == PQ_OK);
  pq_scram_challenge(&s, &k, true, NONCE, &answer);
  CHECK(answer.n < sizeof s.answer && memcmp(answer.p, "r=rrr", 5) == 0);
  n = (size_t)snprintf(message, sizeof message, "c=biws,r=%s" NONCE ",x=", nonce);
  memset(message + n, 'y', sizeof message - n);
  memcpy(message + PQ_SCRAM_MESSAGE_MAX - 47,
         ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", 48);
  CHECK(finish(&s, message, &answer) == PQ_EPERM);
  CHECK(s.signed_len <= sizeof s.signed_text);
}

static void test_passwords(void) {
  static const uint8_t salt[PQ_SCRAM_SALT_LEN] = "a salt of twenty-eight byte";
  static const char *const fine[] = {"pencil", "p a!\"~", "gr\xc3\xbc\xc3\x9f",
                                     "\xe5\xaf\x86\xe7\xa0\x81"};
  static const char *const refused[] = {"",     "a\tb",         "u\xcc\x88",  "\xd7\x90",
                                        "\xff", "\xef\xac\x81", "a\xc2\xa0z", "\xf0\x9f\x98\x80"};
  char long_one[1026];
  pq_scram_keys k, same;
  unit_cx_init(&cx);
  for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
    CHECK(pq_scram_keys_make(&cx, pq_str(fine[i]), salt, &k) == PQ_OK);
    CHECK(k.iterations == PQ_SCRAM_ITERATIONS && k.salt_len == PQ_SCRAM_SALT_LEN);
    CHECK(pq_scram_keys_are_of(&k, pq_str(fine[i])));
    CHECK(!pq_scram_keys_are_of(&k, PQ_SLICE("Pencil")));
  }
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    CHECK(pq_scram_keys_make(&cx, pq_str(refused[i]), salt, &k) == PQ_EINVALID);
  memset(long_one, 'a', sizeof long_one);
  long_one[1025] = '\0';
  CHECK(pq_scram_keys_make(&cx, pq_str(long_one), salt, &k) == PQ_EINVALID);
  CHECK(!pq_scram_keys_are_of(&k, pq_str(long_one)));
  long_one[1024] = '\0';
  CHECK(pq_scram_keys_make(&cx, pq_str(long_one), salt, &k) == PQ_OK);
  pq_scram_fake(k.stored, PQ_SLICE("admin.nobody"), &k);
  pq_scram_fake(k.stored, PQ_SLICE("admin.nobody"), &same);
  CHECK(memcmp(k.salt, same.salt, sizeof k.salt) != 0);
  pq_scram_fake(same.stored, PQ_SLICE("admin.nobody"), &k);
  pq_scram_fake(same.stored, PQ_SLICE("admin.nobody"), &same);
  CHECK(memcmp(&k, &same, sizeof k) == 0 && k.iterations == PQ_SCRAM_ITERATIONS);
}

int main(void) {
  RUN(test_rfc);
  RUN(test_refused);
  RUN(test_first_messages);
  RUN(test_longest);
  RUN(test_passwords);
  return unit_end();
}
