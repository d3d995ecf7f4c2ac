/* cli/serve_command.c - `serve`: the warehouse for other programs, until a signal ends it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#if PARQUEDB_HAS_SERVER
#include "server/serve.h"
#endif

enum { PORT_DEFAULT = 27017, HOST_CAP = 64 };

#if PARQUEDB_HAS_SERVER

/* "HOST", ":PORT", "HOST:PORT", "[::1]:PORT" */
static int parse_address(const char *text, char host[HOST_CAP], unsigned *port) {
  const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');
  size_t len;
  char *end;
  unsigned long number;
  bool has_port = colon != NULL && (bracket == NULL || colon > bracket);
  *port = PORT_DEFAULT;
  len = has_port ? (size_t)(colon - text) : strlen(text);
  if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
    text++;
    len -= 2;
  }
  if (len >= HOST_CAP) return cli_usage_error("serve", "--listen: the address is too long");
  snprintf(host, HOST_CAP, "%.*s", (int)len, len == 0 ? "" : text);
  if (len == 0) snprintf(host, HOST_CAP, "127.0.0.1");
  if (!has_port) return CLI_DONE;
  number = strtoul(colon + 1, &end, 10);
  if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || number > 65535)
    return cli_usage_error("serve", "--listen: '%s' is no port", colon + 1);
  *port = (unsigned)number;
  return CLI_DONE;
}

static void tell_ready(void *ud, const char *address) {
  (void)ud;
  printf("listening on %s\n", address);
  (void)fflush(stdout);
}

static void tell(void *ud, const char *line) {
  (void)ud;
  fprintf(stderr, "parquedb: %s\n", line);
}

int cli_run_serve(cli_session *s, char **words, int word_count) {
  pq_serve_options options = {.ready = tell_ready, .log = tell};
  const char *listen = cli_own_text(s->options, "listen");
  char host[HOST_CAP];
  int status, rc;
  (void)words;
  (void)word_count;
  if (s->is_shell) return cli_usage_error("serve", "not inside the shell");
  status = parse_address(listen == NULL ? "127.0.0.1" : listen, host, &options.port);
  if (status == CLI_DONE) status = cli_open(s, PQDB_CREATE);
  if (status != CLI_DONE) return status;
  options.host = host;
  options.must_login = cli_has_own(s->options, CLI_OWN_AUTH);
  rc = pq_serve(s->db, &options);
  if (rc != PQDB_OK) return cli_error(pqdb_status_name(rc), "%s", pqdb_message(s->db));
  printf("stopped\n");
  return CLI_DONE;
}

#else

int cli_run_serve(cli_session *s, char **words, int word_count) {
  (void)s;
  (void)words;
  (void)word_count;
  (void)PORT_DEFAULT;
  (void)HOST_CAP;
  return cli_error(
      pqdb_status_name(PQDB_NOT_SUPPORTED),
      "this parquedb was built without the server: libuv1-dev, libbson-dev, libssl-dev or "
      "libwslay-dev was missing");
}

#endif
