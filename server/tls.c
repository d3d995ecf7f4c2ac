/* server/tls.c - see tls.h. */
#include "server/tls.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

struct pq_tls {
  SSL_CTX *context;
};

struct pq_tls_link {
  SSL *ssl;
  BIO *in, *out; /* owned by ssl */
  pq_cx *cx;
};

/* OpenSSL's own words for what went wrong last; its queue is empty afterwards. */
static const char *reason(void) {
  unsigned long e = ERR_peek_last_error();
  const char *text = e == 0 ? NULL : ERR_reason_error_string(e);
  ERR_clear_error();
  return text == NULL ? "it is refused" : text;
}

/* ---- certificates ---- */

/* A client that names protocols is told that it may speak HTTP/1.1; others name none. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *ud) {
  static const unsigned char ours[] = "\x08http/1.1";
  unsigned char *chosen;
  (void)ssl;
  (void)ud;
  if (SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, in, in_len) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

static int load_authorities(pq_cx *cx, SSL_CTX *context, const char *ca) {
  STACK_OF(X509_NAME) * names;
  if (SSL_CTX_load_verify_locations(context, ca, NULL) != 1)
    return pq_fail(cx, PQ_EINVALID, "%.200s has no certificates: %s", ca, reason());
  names = SSL_load_client_CA_file(ca);
  if (names == NULL)
    return pq_fail(cx, PQ_EINVALID, "%.200s has no certificates: %s", ca, reason());
  SSL_CTX_set_client_CA_list(context, names); /* taken */
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  return PQ_OK;
}

static int load(pq_cx *cx, SSL_CTX *context, const char *cert, const char *key, const char *ca) {
  static const unsigned char session[] = "parquedb";
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context, "HIGH:!aNULL:!kRSA:!PSK:!SRP:!SHA1") != 1)
    return pq_fail(cx, PQ_EUNSUPPORTED, "OpenSSL has no TLS 1.2: %s", reason());
  (void)SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  (void)SSL_CTX_set_session_id_context(context, session, sizeof session - 1);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
  if (SSL_CTX_use_certificate_chain_file(context, cert) != 1)
    return pq_fail(cx, PQ_EINVALID, "%.200s has no certificate: %s", cert, reason());
  if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
    return pq_fail(cx, PQ_EINVALID, "%.200s has no key: %s", key, reason());
  if (SSL_CTX_check_private_key(context) != 1)
    return pq_fail(cx, PQ_EINVALID, "the key of %.100s is not that of %.100s", key, cert);
  return ca == NULL ? PQ_OK : load_authorities(cx, context, ca);
}

/* Nobody can type a pass phrase into a server. */
static int no_pass_phrase(char *buf, int cap, int is_writing, void *ud) {
  (void)buf;
  (void)cap;
  (void)is_writing;
  (void)ud;
  return -1;
}

int pq_tls_new(pq_cx *cx, const char *cert, const char *key, const char *ca, pq_tls **out) {
  pq_tls *tls = calloc(1, sizeof *tls);
  int rc;
  *out = NULL;
  if (tls != NULL) tls->context = SSL_CTX_new(TLS_server_method());
  if (tls == NULL || tls->context == NULL) {
    free(tls);
    return pq_fail_nomem(cx);
  }
  SSL_CTX_set_default_passwd_cb(tls->context, no_pass_phrase);
  rc = load(cx, tls->context, cert, key == NULL ? cert : key, ca);
  if (rc != PQ_OK)
    pq_tls_free(tls);
  else
    *out = tls;
  return rc;
}

void pq_tls_free(pq_tls *tls) {
  if (tls == NULL) return;
  SSL_CTX_free(tls->context);
  free(tls);
}

/* ---- links ---- */

int pq_tls_link_new(pq_tls *tls, pq_cx *cx, pq_tls_link **out) {
  pq_tls_link *l = calloc(1, sizeof *l);
  *out = NULL;
  if (l == NULL) return pq_fail_nomem(cx);
  l->cx = cx;
  l->ssl = SSL_new(tls->context);
  l->in = BIO_new(BIO_s_mem());
  l->out = BIO_new(BIO_s_mem());
  if (l->ssl == NULL || l->in == NULL || l->out == NULL) {
    BIO_free(l->in);
    BIO_free(l->out);
    SSL_free(l->ssl);
    free(l);
    ERR_clear_error();
    return pq_fail_nomem(cx);
  }
  SSL_set_bio(l->ssl, l->in, l->out); /* taken */
  SSL_set_accept_state(l->ssl);
  *out = l;
  return PQ_OK;
}

void pq_tls_link_free(pq_tls_link *l) {
  if (l == NULL) return;
  SSL_free(l->ssl);
  free(l);
}

bool pq_tls_is_open(const pq_tls_link *l) {
  return SSL_is_init_finished(l->ssl) == 1;
}

/* What TLS wants to be sent. */
static int take_out(pq_tls_link *l, pq_buf *to_socket) {
  size_t pending = BIO_ctrl_pending(l->out), got;
  if (pending == 0) return PQ_OK;
  PQ_TRY(pq_buf_reserve(to_socket, pending));
  if (BIO_read_ex(l->out, to_socket->p + to_socket->len, pending, &got) != 1)
    return pq_fail_nomem(l->cx);
  to_socket->len += got;
  return PQ_OK;
}

/* Decode all that is there. */
static int take_plain(pq_tls_link *l, pq_buf *plain, bool *is_end) {
  enum { RECORD_LEN = 16 << 10 };
  for (;;) {
    size_t got = 0;
    int status;
    PQ_TRY(pq_buf_reserve(plain, RECORD_LEN));
    ERR_clear_error();
    status = SSL_read_ex(l->ssl, plain->p + plain->len, plain->cap - plain->len, &got);
    plain->len += got;
    if (status == 1) continue;
    status = SSL_get_error(l->ssl, status);
    if (status == SSL_ERROR_WANT_READ || status == SSL_ERROR_WANT_WRITE) return PQ_OK;
    if (status == SSL_ERROR_ZERO_RETURN) {
      *is_end = true;
      return PQ_OK;
    }
    return pq_fail(l->cx, PQ_EINVALID, "TLS: %s", reason());
  }
}

int pq_tls_receive(pq_tls_link *l, pq_slice bytes, pq_buf *plain, pq_buf *to_socket, bool *is_end) {
  size_t written;
  int rc;
  *is_end = false;
  if (bytes.n > 0 && BIO_write_ex(l->in, bytes.p, bytes.n, &written) != 1)
    return pq_fail_nomem(l->cx);
  rc = take_plain(l, plain, is_end);
  if (rc == PQ_OK) return take_out(l, to_socket);
  (void)!take_out(l, to_socket); /* an alert; the failure counts */
  return rc;
}

int pq_tls_send(pq_tls_link *l, pq_slice plain, pq_buf *to_socket) {
  size_t written;
  if (plain.n == 0) return PQ_OK;
  ERR_clear_error();
  if (SSL_write_ex(l->ssl, plain.p, plain.n, &written) != 1 || written != plain.n)
    return pq_fail(l->cx, PQ_EINVALID, "TLS: %s", reason());
  return take_out(l, to_socket);
}

void pq_tls_end(pq_tls_link *l, pq_buf *to_socket) {
  if (!pq_tls_is_open(l)) return;
  (void)SSL_shutdown(l->ssl);
  (void)!take_out(l, to_socket);
  ERR_clear_error();
}
