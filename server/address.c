/* server/address.c - see address.h. */
#include "server/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <uv.h>

static const struct sockaddr_in *four_of(const struct sockaddr_storage *a) {
  return (const struct sockaddr_in *)(const void *)a;
}

static const struct sockaddr_in6 *six_of(const struct sockaddr_storage *a) {
  return (const struct sockaddr_in6 *)(const void *)a;
}

bool pq_address_is_loopback(const struct sockaddr_storage *a) {
  if (a->ss_family == AF_INET6) {
    const struct in6_addr *six = &six_of(a)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
  }
  return a->ss_family == AF_INET && ntohl(four_of(a)->sin_addr.s_addr) >> 24 == 127;
}

bool pq_address_is_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b) {
  if (a->ss_family != b->ss_family) return false;
  if (a->ss_family == AF_INET6)
    return memcmp(&six_of(a)->sin6_addr, &six_of(b)->sin6_addr, sizeof(struct in6_addr)) == 0;
  return a->ss_family == AF_INET && four_of(a)->sin_addr.s_addr == four_of(b)->sin_addr.s_addr;
}

void pq_address_print(const struct sockaddr_storage *a, char out[PQ_ADDRESS_CAP]) {
  char ip[64] = "";
  if (a->ss_family == AF_INET6) {
    (void)uv_ip6_name(six_of(a), ip, sizeof ip);
    (void)snprintf(out, PQ_ADDRESS_CAP, "[%s]:%u", ip, (unsigned)ntohs(six_of(a)->sin6_port));
  } else {
    (void)uv_ip4_name(four_of(a), ip, sizeof ip);
    (void)snprintf(out, PQ_ADDRESS_CAP, "%s:%u", ip, (unsigned)ntohs(four_of(a)->sin_port));
  }
}

static int parse_path(pq_cx *cx, const char *path, pq_address *out) {
  struct sockaddr_un a;
  if (path[0] != '/')
    return pq_fail(cx, PQ_EINVALID, "unix:%.60s: give the whole path, from /", path);
  if (strlen(path) >= sizeof a.sun_path)
    return pq_fail(cx, PQ_EINVALID, "unix:%.60s…: a path has at most %zu bytes", path,
                   sizeof a.sun_path - 1);
  out->path = path;
  out->is_local = true;
  return PQ_OK;
}

int pq_address_parse(pq_cx *cx, const char *text, unsigned port, pq_address *out) {
  const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']'), *host_text = text;
  char host[64] = "", *end;
  size_t len;
  *out = (pq_address){0};
  if (strncmp(text, "unix:", 5) == 0) return parse_path(cx, text + 5, out);
  if (colon != NULL && bracket != NULL && colon < bracket) colon = NULL;
  len = colon == NULL ? strlen(text) : (size_t)(colon - text);
  if (colon != NULL) {
    unsigned long number = strtoul(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || number > 65535)
      return pq_fail(cx, PQ_EINVALID, "'%.60s' is no port", colon + 1);
    port = (unsigned)number;
  }
  if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
    host_text++;
    len -= 2;
  }
  if (len < sizeof host) (void)snprintf(host, sizeof host, "%.*s", (int)len, host_text);
  if (len == 0 || strcmp(host, "localhost") == 0) (void)snprintf(host, sizeof host, "127.0.0.1");
  if (uv_ip4_addr(host, (int)port, (struct sockaddr_in *)(void *)&out->ip) != 0 &&
      uv_ip6_addr(host, (int)port, (struct sockaddr_in6 *)(void *)&out->ip) != 0)
    return pq_fail(cx, PQ_EINVALID, "'%.60s' is no address: give one, such as 127.0.0.1", text);
  out->is_local = pq_address_is_loopback(&out->ip);
  return PQ_OK;
}
