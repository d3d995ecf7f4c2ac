/* server/http_coding.c - see http_coding.h. */
#include "server/http_coding.h"

#include <zlib.h>
#include <zstd.h>

enum {
  GZIP_LEVEL = 1, /* the network's thread packs for everybody */
  ZSTD_LEVEL = 1,
  GZIP_WINDOW = 15 + 16, /* zlib: with gzip's header and trailer */
  GZIP_MEMORY = 8,       /* zlib's default */
  ZSTD_WINDOW_LOG_MAX = 23,
  ROOM = 32 << 10
};

static const struct {
  const char *name, *other;
} names[] = {[PQ_HTTP_IDENTITY] = {"identity", "identity"},
             [PQ_HTTP_GZIP] = {"gzip", "x-gzip"},
             [PQ_HTTP_ZSTD] = {"zstd", "zstd"}};

const char *pq_http_coding_name(pq_http_coding coding) {
  return names[coding].name;
}

bool pq_http_coding_of(const pq_http_head *head, pq_http_coding *out) {
  pq_slice value;
  *out = PQ_HTTP_IDENTITY;
  if (!pq_http_field_get(head, "content-encoding", &value)) return true;
  if (pq_http_field_count(head, "content-encoding") > 1) return false;
  for (int i = PQ_HTTP_IDENTITY; i <= PQ_HTTP_ZSTD; i++)
    if (pq_http_is(value, names[i].name) || pq_http_is(value, names[i].other)) {
      *out = (pq_http_coding)i;
      return true;
    }
  return false;
}

pq_http_coding pq_http_coding_wanted(const pq_http_head *head) {
  int zstd = pq_http_quality(head, "accept-encoding", "zstd");
  int gzip = pq_http_quality(head, "accept-encoding", "gzip");
  int plain = pq_http_quality(head, "accept-encoding", "identity");
  if (zstd > 0 && zstd >= gzip && zstd >= plain) return PQ_HTTP_ZSTD;
  return gzip > 0 && gzip >= plain ? PQ_HTTP_GZIP : PQ_HTTP_IDENTITY;
}

/* ---- packing ---- */

struct pq_http_packer {
  pq_cx *cx; /* borrowed */
  pq_http_coding coding;
  z_stream gzip;
  ZSTD_CCtx *zstd; /* owned */
};

int pq_http_packer_new(pq_cx *cx, pq_http_coding coding, pq_http_packer **out) {
  pq_http_packer *p = pq_alloc(cx, NULL, 0, sizeof *p);
  bool is_made = false;
  *out = NULL;
  if (p == NULL) return pq_fail_nomem(cx);
  memset(p, 0, sizeof *p);
  p->cx = cx;
  p->coding = coding;
  if (coding == PQ_HTTP_GZIP) {
    is_made = deflateInit2(&p->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                           Z_DEFAULT_STRATEGY) == Z_OK;
  } else {
    p->zstd = ZSTD_createCCtx();
    is_made = p->zstd != NULL &&
              !ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL));
  }
  if (is_made) {
    *out = p;
    return PQ_OK;
  }
  ZSTD_freeCCtx(p->zstd);
  pq_alloc(p->cx, p, sizeof *p, 0);
  return pq_fail_nomem(cx);
}

void pq_http_packer_free(pq_http_packer *p) {
  if (p == NULL) return;
  if (p->coding == PQ_HTTP_GZIP) (void)deflateEnd(&p->gzip);
  ZSTD_freeCCtx(p->zstd);
  pq_alloc(p->cx, p, sizeof *p, 0);
}

/* zlib has said all when it leaves room. */
static int pack_gzip(pq_http_packer *p, pq_slice part, bool is_last, pq_buf *out) {
  int flush = is_last ? Z_FINISH : Z_SYNC_FLUSH;
  p->gzip.next_in = (Bytef *)part.p;
  p->gzip.avail_in = (uInt)part.n;
  do {
    PQ_TRY(pq_buf_reserve(out, ROOM));
    p->gzip.next_out = out->p + out->len;
    p->gzip.avail_out = ROOM;
    if (deflate(&p->gzip, flush) == Z_STREAM_ERROR) return pq_fail_nomem(p->cx);
    out->len += ROOM - p->gzip.avail_out;
  } while (p->gzip.avail_out == 0);
  return PQ_OK;
}

static int pack_zstd(pq_http_packer *p, pq_slice part, bool is_last, pq_buf *out) {
  ZSTD_EndDirective flush = is_last ? ZSTD_e_end : ZSTD_e_flush;
  ZSTD_inBuffer in = {part.p, part.n, 0};
  size_t left = 1;
  while (left > 0) {
    ZSTD_outBuffer room;
    PQ_TRY(pq_buf_reserve(out, ROOM));
    room = (ZSTD_outBuffer){out->p + out->len, ROOM, 0};
    left = ZSTD_compressStream2(p->zstd, &room, &in, flush);
    if (ZSTD_isError(left)) return pq_fail_nomem(p->cx);
    out->len += room.pos;
  }
  return PQ_OK;
}

int pq_http_pack(pq_http_packer *p, pq_slice part, bool is_last, pq_buf *out) {
  size_t before = out->len;
  int rc = PQ_OK;
  if (part.n == 0 && !is_last) return PQ_OK;
  if (part.n > UINT32_MAX / 2) return pq_fail(p->cx, PQ_ELIMIT, "a part of %zu bytes", part.n);
  rc = p->coding == PQ_HTTP_GZIP ? pack_gzip(p, part, is_last, out)
                                 : pack_zstd(p, part, is_last, out);
  if (rc != PQ_OK) out->len = before;
  return rc;
}

/* ---- unpacking ---- */

struct pq_http_unpacker {
  pq_cx *cx; /* borrowed */
  pq_http_coding coding;
  z_stream gzip;
  ZSTD_DCtx *zstd; /* owned */
  bool is_whole;   /* what has come ends where a member or frame ends */
};

int pq_http_unpacker_new(pq_cx *cx, pq_http_coding coding, pq_http_unpacker **out) {
  pq_http_unpacker *u = pq_alloc(cx, NULL, 0, sizeof *u);
  bool is_made = false;
  *out = NULL;
  if (u == NULL) return pq_fail_nomem(cx);
  memset(u, 0, sizeof *u);
  u->cx = cx;
  u->coding = coding;
  if (coding == PQ_HTTP_GZIP) {
    is_made = inflateInit2(&u->gzip, GZIP_WINDOW) == Z_OK;
  } else {
    u->zstd = ZSTD_createDCtx();
    is_made = u->zstd != NULL && !ZSTD_isError(ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax,
                                                                      ZSTD_WINDOW_LOG_MAX));
  }
  if (is_made) {
    *out = u;
    return PQ_OK;
  }
  ZSTD_freeDCtx(u->zstd);
  pq_alloc(u->cx, u, sizeof *u, 0);
  return pq_fail_nomem(cx);
}

void pq_http_unpacker_free(pq_http_unpacker *u) {
  if (u == NULL) return;
  if (u->coding == PQ_HTTP_GZIP) (void)inflateEnd(&u->gzip);
  ZSTD_freeDCtx(u->zstd);
  pq_alloc(u->cx, u, sizeof *u, 0);
}

static int refuse(pq_http_unpacker *u, const char *why) {
  return pq_fail(u->cx, PQ_EINVALID, "the body is no %s: %s", names[u->coding].name, why);
}

/* Room for more; where the buffer's limit is near, what is left of it. */
static int make_room(pq_buf *out, size_t *room) {
  size_t left = out->len_max - out->len;
  *room = left < ROOM ? left : ROOM;
  return pq_buf_reserve(out, *room == 0 ? 1 : *room);
}

/* A body may have several members, one behind the other. */
static int unpack_gzip(pq_http_unpacker *u, pq_slice bytes, pq_buf *out) {
  size_t room = 0;
  u->gzip.next_in = (Bytef *)bytes.p;
  u->gzip.avail_in = (uInt)bytes.n;
  do {
    int rc;
    if (u->is_whole && inflateReset(&u->gzip) != Z_OK) return refuse(u, "it cannot go on");
    PQ_TRY(make_room(out, &room));
    u->gzip.next_out = out->p + out->len;
    u->gzip.avail_out = (uInt)room;
    rc = inflate(&u->gzip, Z_NO_FLUSH);
    out->len += room - u->gzip.avail_out;
    u->is_whole = rc == Z_STREAM_END;
    if (rc == Z_MEM_ERROR) return pq_fail_nomem(u->cx);
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
      return refuse(u, u->gzip.msg == NULL ? "damaged" : u->gzip.msg);
  } while (u->gzip.avail_in > 0 || (u->gzip.avail_out == 0 && !u->is_whole));
  return PQ_OK;
}

static int unpack_zstd(pq_http_unpacker *u, pq_slice bytes, pq_buf *out) {
  ZSTD_inBuffer in = {bytes.p, bytes.n, 0};
  ZSTD_outBuffer room;
  size_t more, len;
  do {
    PQ_TRY(make_room(out, &len));
    room = (ZSTD_outBuffer){out->p + out->len, len, 0};
    more = ZSTD_decompressStream(u->zstd, &room, &in);
    if (ZSTD_isError(more)) return refuse(u, ZSTD_getErrorName(more));
    out->len += room.pos;
    u->is_whole = more == 0;
  } while (in.pos < in.size || (room.pos == room.size && !u->is_whole));
  return PQ_OK;
}

int pq_http_unpack(pq_http_unpacker *u, pq_slice bytes, pq_buf *out) {
  if (bytes.n == 0) return PQ_OK;
  return u->coding == PQ_HTTP_GZIP ? unpack_gzip(u, bytes, out) : unpack_zstd(u, bytes, out);
}

bool pq_http_unpack_is_whole(const pq_http_unpacker *u) {
  return u->is_whole;
}
