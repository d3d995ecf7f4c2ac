/* port/handle_news.c - what has happened in the namespaces of a handle, looked up in memory, for
 * those who wait for a change (port/handle.h).
 *
 *   tail   … after │ e18 posts/p1 │ e19 users/u7 │ e20 posts/p1 │    seq of the namespace: 20
 *                  └─ all of them are here: is one about the collection?
 *   a flush came between: they are in files, so perhaps
 */
#include <string.h>

#include "port/handle.h"
#include "port/handle_int.h"
#include "table/form.h"

static const pq_space *space_of(const pqdb *db, const char *ns) {
  const pq_db *d = pq_handle_db(db);
  for (uint32_t i = 0; i < d->space_count; i++)
    if (strcmp(d->spaces[i]->ns, ns) == 0) return d->spaces[i];
  return NULL;
}

static pq_handle_space tell(const pq_space *s) {
  return (pq_handle_space){.ns = s->ns, .seq = s->seq, .ts = s->ts};
}

bool pq_handle_space_at(const pqdb *db, uint32_t i, pq_handle_space *out) {
  const pq_db *d = pq_handle_db(db);
  *out = (pq_handle_space){0};
  if (i >= d->space_count) return false;
  *out = tell(d->spaces[i]);
  return true;
}

bool pq_handle_space_of(const pqdb *db, const char *ns, pq_handle_space *out) {
  const pq_space *s = space_of(db, ns);
  *out = s == NULL ? (pq_handle_space){0} : tell(s);
  return s != NULL;
}

static bool is_about(const pq_event *e, pq_slice collection) {
  if (e->id.n < collection.n || memcmp(e->id.p, collection.p, collection.n) != 0) return false;
  return e->id.n == collection.n || e->id.p[collection.n] == '/';
}

bool pq_handle_has_news(const pqdb *db, const char *ns, pq_slice collection, uint64_t *after) {
  const pq_space *s = space_of(db, ns);
  const pq_overlay *o;
  uint32_t from;
  if (s == NULL || s->seq <= *after) return false;
  o = s->overlay;
  if (collection.n == 0 || o == NULL || s->is_stale) return true;
  from = pq_overlay_count(o, *after);
  if (o->version_count - from != s->seq - *after) return true;
  for (uint32_t i = from; i < o->version_count; i++)
    if (is_about(&o->versions[i].event, collection)) return true;
  *after = s->seq;
  return false;
}

pq_value pq_handle_record(const pqdb *db, const char *ns, pq_slice collection, uint64_t seq) {
  const pq_space *s = space_of(db, ns);
  pq_schema_at at;
  if (s == NULL) return (pq_value){0};
  pq_schema_at_seq(&(pq_form_source){&s->manifest, s->overlay, collection}, seq, &at);
  return pq_object_get_str(at.document, "$collection");
}

/* A commit has its time from when it joined the group; one that holds the write slot may have had
 * its own for long (a bulk write). */
int64_t pq_handle_settled_us(const pqdb *db) {
  const pq_db *d = pq_handle_db(db);
  int64_t settled = INT64_MAX;
  for (uint32_t i = 0; i < d->space_count; i++) {
    const pq_space *s = d->spaces[i];
    int64_t before = INT64_MAX;
    if (s->group.first != NULL) before = s->group.first->ts - 1;
    if (s->write_owner != NULL) before = s->ts;
    if (before < settled) settled = before;
  }
  return settled;
}
