/* server/http_guard.c - who may ask at all, whoever he is: against pages of other sites that make a
 * browser ask.
 *
 *   Host      as long as nobody has to log in, only names of this machine: a page whose name leads
 *             here (DNS rebinding) has another one
 *   Origin    a page of another site: only those that were named (--http-origin)
 */
#include <string.h>

#include "server/access.h"
#include "server/http_int.h"

/* "localhost:8080" without the port; "[::1]:8080" without port and brackets. */
static pq_slice host_name(pq_slice host) {
  const uint8_t *end;
  if (host.n > 0 && host.p[0] == '[') {
    end = memchr(host.p, ']', host.n);
    return end == NULL ? host : (pq_slice){host.p + 1, (size_t)(end - host.p) - 1};
  }
  end = host.n == 0 ? NULL : memchr(host.p, ':', host.n);
  return end == NULL ? host : (pq_slice){host.p, (size_t)(end - host.p)};
}

static bool is_this_machine(pq_slice host) {
  pq_slice name = host_name(host);
  return pq_http_is(name, "localhost") || pq_slice_is(name, "127.0.0.1") ||
         pq_slice_is(name, "::1");
}

/* Is it in the list of --http-origin, or is that "*"? */
static bool is_listed(const char *list, pq_slice origin) {
  while (list != NULL && *list != '\0') {
    size_t n = strcspn(list, ",");
    pq_slice one = {(const uint8_t *)list, n};
    if (pq_slice_is(one, "*") || pq_slice_eq(one, origin)) return true;
    list += n + (list[n] == ',');
  }
  return false;
}

/* "http://HOST" of the very host that is asked. */
static bool is_same(pq_slice origin, pq_slice host) {
  static const char *const schemes[] = {"http://", "https://"};
  for (int i = 0; i < 2; i++) {
    size_t n = strlen(schemes[i]);
    if (origin.n == n + host.n && memcmp(origin.p, schemes[i], n) == 0 &&
        memcmp(origin.p + n, host.p, host.n) == 0)
      return true;
  }
  return false;
}

bool pq_http_is_preflight(const pq_http_head *h) {
  pq_slice v;
  return pq_slice_is(h->method, "OPTIONS") && pq_http_field_get(h, "origin", &v) &&
         pq_http_field_get(h, "access-control-request-method", &v);
}

bool pq_http_needs_login(const pq_server *server) {
  return pq_access_is_required(server->access);
}

void pq_http_guard(pq_connection *c) {
  http_connection *h = c->state;
  const pq_server *server = pq_net_server(c->net);
  pq_slice origin;
  if (!pq_http_needs_login(server) && h->head.host.n > 0 && !is_this_machine(h->head.host)) {
    pq_http_refuse(c, 421, "PERMISSION_DENIED",
                   "the field Host names another machine: as long as nobody has to log in, it is "
                   "localhost, 127.0.0.1 or [::1]");
    return;
  }
  if (!pq_http_field_get(&h->head, "origin", &origin)) return;
  if (is_listed(server->options->http_origin, origin) && origin.n < sizeof h->answer.origin) {
    memcpy(h->answer.origin, origin.p, origin.n);
    h->answer.origin[origin.n] = '\0';
  } else if (!is_same(origin, h->head.host)) {
    pq_http_refuse(c, 403, "PERMISSION_DENIED",
                   "pages of this origin may not ask: --http-origin names those that may");
  }
}
