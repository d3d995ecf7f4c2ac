/* server/websocket.c - see websocket.h. */
#include "server/websocket.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <wslay/wslay.h>

#include "base/text.h"

enum { OUT_MAX = 128 << 20, KEY_LEN = 24, REASON_MAX = 120 };

struct pq_websocket {
  pq_websocket_options options;
  wslay_event_context_ptr wslay; /* owned */
  pq_slice in;                   /* what wslay has not read yet */
  pq_buf out;                    /* owned */
  int rc;                        /* of a message */
  uint64_t frames;               /* that have come whole */
  bool is_closing;               /* a close frame of ours is on its way */
  bool is_bad;                   /* what came is no frame */
  bool is_over;
};

bool pq_websocket_accept(pq_slice key, char out[32]) {
  static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */
  uint8_t text[KEY_LEN + sizeof guid - 1], hash[SHA_DIGEST_LENGTH], random[KEY_LEN];
  unsigned len = 0;
  memset(out, 0, 32);
  if (key.n != KEY_LEN || key.p[22] != '=' || key.p[23] != '=') return false;
  memcpy(text, key.p, KEY_LEN);
  if (EVP_DecodeBlock(random, text, KEY_LEN) != 18) return false;
  memcpy(text + KEY_LEN, guid, sizeof guid - 1);
  if (EVP_Digest(text, sizeof text, hash, &len, EVP_sha1(), NULL) != 1) return false;
  return EVP_EncodeBlock((uint8_t *)out, hash, sizeof hash) == 28;
}

/* ---- what wslay calls ---- */

static ssize_t read_bytes(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, int flags,
                          void *ud) {
  pq_websocket *w = ud;
  size_t n = len < w->in.n ? len : w->in.n;
  (void)flags;
  if (n == 0) {
    wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
    return -1;
  }
  memcpy(buf, w->in.p, n);
  w->in.p += n;
  w->in.n -= n;
  return (ssize_t)n;
}

static ssize_t write_bytes(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags,
                           void *ud) {
  pq_websocket *w = ud;
  (void)flags;
  if (pq_buf_put(&w->out, data, len) == PQ_OK) return (ssize_t)len;
  wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
  return -1;
}

static void take_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *arg,
                         void *ud) {
  pq_websocket *w = ud;
  if (w->rc != PQ_OK || w->is_closing || wslay_is_ctrl_frame(arg->opcode)) return;
  if (arg->opcode != WSLAY_TEXT_FRAME) {
    w->is_closing = true;
    (void)wslay_event_queue_close(ctx, PQ_WEBSOCKET_UNSUPPORTED,
                                  (const uint8_t *)"text messages only", 18);
    return;
  }
  w->rc = w->options.message(w->options.ud, (pq_slice){arg->msg, arg->msg_length});
}

static void end_frame(wslay_event_context_ptr ctx, void *ud) {
  pq_websocket *w = ud;
  (void)ctx;
  w->frames++;
}

static const struct wslay_event_callbacks callbacks = {.recv_callback = read_bytes,
                                                       .send_callback = write_bytes,
                                                       .on_frame_recv_end_callback = end_frame,
                                                       .on_msg_recv_callback = take_message};

/* ---- the life of one ---- */

int pq_websocket_new(const pq_websocket_options *options, pq_websocket **out) {
  pq_websocket *w = pq_alloc(options->cx, NULL, 0, sizeof *w);
  *out = NULL;
  if (w == NULL) return pq_fail_nomem(options->cx);
  memset(w, 0, sizeof *w);
  w->options = *options;
  pq_buf_init(&w->out, options->cx, OUT_MAX);
  if (wslay_event_context_server_init(&w->wslay, &callbacks, w) != 0) {
    pq_alloc(options->cx, w, sizeof *w, 0);
    return pq_fail_nomem(options->cx);
  }
  wslay_event_config_set_max_recv_msg_length(w->wslay, options->message_max);
  *out = w;
  return PQ_OK;
}

void pq_websocket_free(pq_websocket *w) {
  if (w == NULL) return;
  wslay_event_context_free(w->wslay);
  pq_buf_release(&w->out);
  pq_alloc(w->options.cx, w, sizeof *w, 0);
}

/* Frames that are queued become bytes. */
static int flush(pq_websocket *w) {
  if (wslay_event_want_write(w->wslay) && wslay_event_send(w->wslay) != 0)
    return pq_fail_nomem(w->options.cx);
  if (wslay_event_get_close_sent(w->wslay)) w->is_over = true;
  return PQ_OK;
}

int pq_websocket_receive(pq_websocket *w, pq_slice bytes) {
  if (w->is_over) return PQ_OK;
  w->in = bytes;
  while (w->in.n > 0 && w->rc == PQ_OK && wslay_event_want_read(w->wslay)) {
    bool is_bad = wslay_event_recv(w->wslay) != 0; /* it has a close frame without a code, then */
    PQ_TRY(flush(w));
    if (is_bad) w->is_over = w->is_bad = true;
    if (w->is_over) break;
  }
  w->in = (pq_slice){NULL, 0};
  if (!w->is_over) PQ_TRY(flush(w));
  return w->rc;
}

int pq_websocket_send(pq_websocket *w, pq_slice text) {
  struct wslay_event_msg message = {
      .opcode = WSLAY_TEXT_FRAME, .msg = text.p, .msg_length = text.n};
  if (w->is_over || w->is_closing || wslay_event_get_close_received(w->wslay)) return PQ_OK;
  if (wslay_event_queue_msg(w->wslay, &message) != 0) return pq_fail_nomem(w->options.cx);
  return flush(w);
}

int pq_websocket_ping(pq_websocket *w) {
  struct wslay_event_msg message = {.opcode = WSLAY_PING};
  if (w->is_over) return PQ_OK;
  if (wslay_event_queue_msg(w->wslay, &message) != 0) return pq_fail_nomem(w->options.cx);
  return flush(w);
}

int pq_websocket_close(pq_websocket *w, int code, const char *why) {
  pq_slice text = pq_str(why == NULL ? "" : why);
  if (w->is_over) return PQ_OK;
  w->is_closing = true;
  text.n = pq_utf8_prefix(text, REASON_MAX);
  (void)wslay_event_queue_close(w->wslay, (uint16_t)code, text.p, text.n);
  return flush(w);
}

void pq_websocket_set_max(pq_websocket *w, size_t message_max) {
  wslay_event_config_set_max_recv_msg_length(w->wslay, message_max);
}

uint64_t pq_websocket_frames(const pq_websocket *w) {
  return w->frames;
}

int pq_websocket_code(const pq_websocket *w) {
  int code = wslay_event_get_close_sent(w->wslay) ? wslay_event_get_status_code_sent(w->wslay) : 0;
  if (w->is_bad) return PQ_WEBSOCKET_PROTOCOL;
  return code == WSLAY_CODE_NO_STATUS_RCVD ? 0 : code;
}

pq_buf *pq_websocket_out(pq_websocket *w) {
  return &w->out;
}

bool pq_websocket_is_over(const pq_websocket *w) {
  return w->is_over;
}
