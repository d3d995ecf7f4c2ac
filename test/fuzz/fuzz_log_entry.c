/* test/fuzz/fuzz_log_entry.c - log entries, checkpoints, the boundary and pins.
 *
 *   input: u8 how | text     bit 0: a checkpoint, bit 2: a boundary, bit 3: a pin, else an entry
 *                            bit 1: the text is the JSON line; header and checksum are put before
 * it
 *
 * An entry or checkpoint that was accepted prints as a text that parses to the same print, and so
 * does the text when its records of files are read as parts of a document.
 */
#include "fuzz.h"

#include "codec/codec.h"
#include "log/boundary.h"
#include "log/manifest.h"

static int with_header(pq_buf *out, const char *kind, pq_slice json) {
  PQ_TRY(pq_buf_printf(out, "parquedb-%s 2 %08x\n", kind, (unsigned)pq_crc32(json)));
  PQ_TRY(pq_buf_put_slice(out, json));
  return pq_buf_put_byte(out, '\n');
}

/* The same text with a space in front of its first record, so that its records are not read in the
 * quick way (log/record_text.c); empty when there is none. */
static int put_spaced(pq_buf *out, const char *kind, const char *field, pq_slice text) {
  size_t n = strlen(field);
  pq_buf line;
  int rc = PQ_OK;
  pq_buf_init(&line, out->cx, 16u << 20);
  for (size_t i = 0; i + n <= text.n && line.len == 0 && rc == PQ_OK; i++) {
    const uint8_t *json = memchr(text.p, '\n', text.n);
    if (json == NULL || memcmp(text.p + i, field, n) != 0) continue;
    rc = pq_buf_put(&line, json + 1, (size_t)(text.p + i + n - json - 1));
    if (rc == PQ_OK) rc = pq_buf_put_byte(&line, ' ');
    if (rc == PQ_OK) rc = pq_buf_put(&line, text.p + i + n, text.n - i - n - 1);
    if (rc == PQ_OK) rc = with_header(out, kind, pq_buf_slice(&line));
  }
  pq_buf_release(&line);
  return rc;
}

static void run_entry(pq_cx *cx, pq_slice text) {
  pq_arena arena;
  pq_log_entry e, again;
  pq_buf first, second, spaced;
  char key[PQ_LOG_KEY_CAP];
  pq_arena_init(&arena, cx, cx->limits.op_len_max);
  pq_buf_init(&first, cx, 16u << 20);
  pq_buf_init(&second, cx, 16u << 20);
  pq_log_key(1, key);
  if (pq_log_entry_parse(&arena, key, text, &e) == PQ_OK) {
    FUZZ_CHECK(e.entry == 1);
    FUZZ_CHECK(pq_log_entry_print(&e, &first) == PQ_OK);
    FUZZ_CHECK(pq_log_entry_parse(&arena, key, pq_buf_slice(&first), &again) == PQ_OK);
    FUZZ_CHECK(pq_log_entry_print(&again, &second) == PQ_OK);
    FUZZ_CHECK(pq_slice_eq(pq_buf_slice(&first), pq_buf_slice(&second)));
    pq_buf_init(&spaced, cx, 16u << 20);
    FUZZ_CHECK(put_spaced(&spaced, "log", ",\"add\":[", text) == PQ_OK);
    pq_buf_clear(&second);
    if (spaced.len > 0) {
      FUZZ_CHECK(pq_log_entry_parse(&arena, key, pq_buf_slice(&spaced), &again) == PQ_OK);
      FUZZ_CHECK(pq_log_entry_print(&again, &second) == PQ_OK);
      FUZZ_CHECK(pq_slice_eq(pq_buf_slice(&first), pq_buf_slice(&second)));
    }
    pq_buf_release(&spaced);
  }
  pq_buf_release(&first);
  pq_buf_release(&second);
  pq_arena_release(&arena);
}

static void run_checkpoint(pq_cx *cx, pq_slice text) {
  pq_manifest m, again;
  pq_buf first, second, spaced;
  char key[PQ_LOG_KEY_CAP];
  pq_manifest_init(&m, cx);
  pq_manifest_init(&again, cx);
  pq_buf_init(&first, cx, 16u << 20);
  pq_buf_init(&second, cx, 16u << 20);
  pq_ckpt_key(1, key);
  if (pq_manifest_parse(&m, key, text) == PQ_OK) {
    FUZZ_CHECK(pq_manifest_print(&m, &first) == PQ_OK);
    FUZZ_CHECK(pq_manifest_parse(&again, key, pq_buf_slice(&first)) == PQ_OK);
    FUZZ_CHECK(pq_manifest_print(&again, &second) == PQ_OK);
    FUZZ_CHECK(pq_slice_eq(pq_buf_slice(&first), pq_buf_slice(&second)));
    pq_buf_init(&spaced, cx, 16u << 20);
    FUZZ_CHECK(put_spaced(&spaced, "ckpt", ",\"files\":[", text) == PQ_OK);
    if (spaced.len > 0) {
      pq_manifest_release(&again);
      pq_manifest_init(&again, cx);
      pq_buf_clear(&second);
      FUZZ_CHECK(pq_manifest_parse(&again, key, pq_buf_slice(&spaced)) == PQ_OK);
      FUZZ_CHECK(pq_manifest_print(&again, &second) == PQ_OK);
      FUZZ_CHECK(pq_slice_eq(pq_buf_slice(&first), pq_buf_slice(&second)));
    }
    pq_buf_release(&spaced);
  }
  pq_buf_release(&first);
  pq_buf_release(&second);
  pq_manifest_release(&m);
  pq_manifest_release(&again);
}

static void run_small(pq_cx *cx, bool is_pin, pq_slice text) {
  uint64_t entry;
  pq_pin pin;
  pq_arena arena;
  pq_buf out;
  int rc;
  pq_arena_init(&arena, cx, cx->limits.op_len_max);
  pq_buf_init(&out, cx, 16u << 20);
  rc =
      is_pin ? pq_pin_parse(&arena, "k", text, &pin) : pq_boundary_parse(&arena, "k", text, &entry);
  if (rc == PQ_OK)
    FUZZ_CHECK((is_pin ? pq_pin_print(&pin, &out) : pq_boundary_print(entry, &out)) == PQ_OK);
  pq_buf_release(&out);
  pq_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size};
  pq_cx cx;
  pq_buf text;
  uint8_t how = fuzz_byte(&in);
  bool is_checkpoint = (how & 1) != 0, is_small = (how & 12) != 0, is_pin = (how & 8) != 0;
  const char *word = is_pin ? "pin" : is_small ? "boundary" : is_checkpoint ? "ckpt" : "log";
  fuzz_cx_init(&cx);
  pq_buf_init(&text, &cx, 16u << 20);
  if ((how & 2) != 0) {
    FUZZ_CHECK(with_header(&text, word, in) == PQ_OK);
    in = pq_buf_slice(&text);
  }
  if (is_small) {
    run_small(&cx, is_pin, in);
  } else if (is_checkpoint) {
    run_checkpoint(&cx, in);
  } else {
    run_entry(&cx, in);
  }
  pq_buf_release(&text);
  return 0;
}
