/* cli/serve_command.c - `serve`: the warehouse for other programs, until a signal ends it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#if PARQUEDB_HAS_SERVER
#include "server/serve.h"
#endif

#if PARQUEDB_HAS_SERVER

enum {
  LIST_CAP = 1024,
  MEMORY_MB = 256,   /* as cli_options.memory has it by default */
  SHARED_MB_MIN = 64 /* with less the engine has all of it */
};

/* a,b,c into a list; `copy` has the texts. */
static int parse_list(const char *option, const char *text, char copy[LIST_CAP],
                      const char *list[PQ_LISTEN_MAX]) {
  size_t count = 0;
  if (strlen(text) >= LIST_CAP) return cli_usage_error("serve", "--%s is too long", option);
  snprintf(copy, LIST_CAP, "%s", text);
  for (char *at = copy; at != NULL; count++) {
    char *comma = strchr(at, ',');
    const char *colon;
    if (count == PQ_LISTEN_MAX)
      return cli_usage_error("serve", "--%s: at most %d addresses", option, PQ_LISTEN_MAX);
    if (comma != NULL) *comma = '\0';
    if (*at == '\0') return cli_usage_error("serve", "--%s: an address is empty", option);
    colon = strrchr(at, ':');
    if (colon != NULL && strchr(colon, ']') == NULL && strncmp(at, "unix:", 5) != 0) {
      char *end;
      unsigned long port = strtoul(colon + 1, &end, 10);
      if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || port > 65535)
        return cli_usage_error("serve", "--%s: '%s' is no port", option, colon + 1);
    }
    list[count] = at;
    at = comma == NULL ? NULL : comma + 1;
  }
  return CLI_DONE;
}

/* Which of the words it is; absent: *out as it is. */
static int parse_word(const cli_session *s, const char *option, const char *const words[],
                      unsigned *out) {
  const char *text = cli_own_text(s->options, option);
  if (text == NULL) return CLI_DONE;
  for (unsigned i = 0; words[i] != NULL; i++) {
    if (strcmp(words[i], text) != 0) continue;
    *out = i;
    return CLI_DONE;
  }
  return cli_usage_error("serve", "--%s: '%s' is unknown", option, text);
}

static int parse_number(const cli_session *s, const char *option, long min, uint32_t *out) {
  const char *text = cli_own_text(s->options, option);
  long number;
  char *end;
  if (text == NULL) return CLI_DONE;
  number = strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || number < min || number > INT32_MAX)
    return cli_usage_error("serve", "--%s: '%s' is no number from %ld to %d", option, text, min,
                           INT32_MAX);
  *out = (uint32_t)number;
  return CLI_DONE;
}

static int parse_words(const cli_session *s, pq_serve_options *o) {
  static const char *const topologies[] = {"rs", "mongos", "standalone", NULL};
  static const char *const levels[] = {"info", "debug", "warn", "error", NULL};
  static const char *const forms[] = {"text", "json", NULL};
  unsigned topology = 0, level = 0, form = 0;
  int status = parse_word(s, "topology", topologies, &topology);
  if (status == CLI_DONE) status = parse_word(s, "log-level", levels, &level);
  if (status == CLI_DONE) status = parse_word(s, "log", forms, &form);
  o->topology = (pq_topology)topology;
  o->log_level = (pq_log_level)level;
  o->log_json = form == 1;
  o->http_origin = cli_own_text(s->options, "http-origin");
  o->advertise = cli_own_text(s->options, "advertise");
  o->tls_cert = cli_own_text(s->options, "tls-cert");
  o->tls_key = cli_own_text(s->options, "tls-key");
  o->tls_ca = cli_own_text(s->options, "tls-ca");
  o->log_file = cli_own_text(s->options, "log-file");
  if (status == CLI_DONE && o->tls_cert == NULL && (o->tls_key != NULL || o->tls_ca != NULL))
    return cli_usage_error("serve", "--tls-key and --tls-ca need --tls-cert");
  return status;
}

static int parse_numbers(const cli_session *s, pq_serve_options *o) {
  uint32_t slow = 0;
  int status = parse_number(s, "max-connections", 1, &o->connections);
  if (status == CLI_DONE)
    status = parse_number(s, "max-connections-per-address", 1, &o->connections_per_address);
  if (status == CLI_DONE) status = parse_number(s, "max-cursors", 1, &o->cursors);
  if (status == CLI_DONE) status = parse_number(s, "max-request-bytes", 1024, &o->request_len_max);
  if (status == CLI_DONE) status = parse_number(s, "max-time-ms", 1, &o->max_time_ms);
  if (status == CLI_DONE) status = parse_number(s, "slow-ms", -1, &slow);
  if (cli_own_text(s->options, "slow-ms") != NULL) o->slow_ms = (int32_t)slow;
  return status;
}

static void tell_ready(void *ud, const char *address) {
  (void)ud;
  printf("listening on %s\n", address);
  (void)fflush(stdout);
}

/* The engine leaves a part of the memory to connections and to what lies between blocks. */
static int open_engine(cli_session *s) {
  const cli_options *given = s->options;
  cli_options options = *given;
  uint64_t megabytes = given->memory == 0 ? MEMORY_MB : given->memory;
  int status;
  options.memory = megabytes < SHARED_MB_MIN ? megabytes : megabytes - megabytes / 16;
  s->options = &options;
  status = cli_open(s, PQDB_CREATE);
  s->options = given;
  return status;
}

int cli_run_serve(cli_session *s, char **words, int word_count) {
  pq_serve_options options = {.ready = tell_ready, .slow_ms = 100};
  const char *listen = cli_own_text(s->options, "listen"), *http;
  char listen_copy[LIST_CAP], http_copy[LIST_CAP];
  int status, rc;
  (void)words;
  (void)word_count;
  if (s->is_shell) return cli_usage_error("serve", "not inside the shell");
  http = cli_own_text(s->options, "http");
  status = CLI_DONE;
  if (listen != NULL) status = parse_list("listen", listen, listen_copy, options.listen);
  if (status == CLI_DONE && http != NULL)
    status = parse_list("http", http, http_copy, options.http);
  if (status == CLI_DONE) status = parse_words(s, &options);
  if (status == CLI_DONE) status = parse_numbers(s, &options);
  if (status == CLI_DONE) status = open_engine(s);
  if (status != CLI_DONE) return status;
  options.must_login = cli_has_own(s->options, CLI_OWN_AUTH);
  options.has_test_commands = cli_has_own(s->options, CLI_OWN_TEST_COMMANDS);
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
  return cli_error(
      pqdb_status_name(PQDB_NOT_SUPPORTED),
      "this parquedb was built without the server: libuv1-dev, libbson-dev, libssl-dev or "
      "libwslay-dev was missing");
}

#endif
