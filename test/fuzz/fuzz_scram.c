/* test/fuzz/fuzz_scram.c - both messages of a login, apart at a newline: nobody gets in who does
 * not know the password, and what is signed stays in its room. */
#include "fuzz.h"

#include "server/scram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t secret[PQ_SCRAM_HASH_LEN] = "a secret that nobody could guess";
  pq_cx cx;
  pq_scram s;
  pq_scram_keys keys;
  pq_slice left = {data, size}, first, final, answer;
  fuzz_cx_init(&cx);
  first = fuzz_copy(fuzz_until(&left, '\n'));
  final = fuzz_copy(left);
  if (pq_scram_first(&s, &cx, first) == PQ_OK) {
    FUZZ_CHECK(s.user[0] != '\0' && strlen(s.user) < sizeof s.user);
    pq_scram_fake(secret, pq_str(s.user), &keys);
    pq_scram_challenge(&s, &keys, true, "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u", &answer);
    FUZZ_CHECK(answer.n > 40 && answer.n < sizeof s.answer);
    FUZZ_CHECK(pq_scram_final(&s, &cx, final, &answer) < 0 && answer.n == 0);
    FUZZ_CHECK(s.signed_len <= sizeof s.signed_text);
  }
  free((void *)(uintptr_t)first.p);
  free((void *)(uintptr_t) final.p);
  return 0;
}
