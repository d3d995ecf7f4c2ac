/* shred/key_id.h - which id the value of `_id` gives an entity (doc/formats/data.md, Local ids).
 *
 *   "a/b" ─► posts/a%2Fb     ObjectId ─► posts/~o<hex>     3, 3.0 ─► posts/~x<hex of its bytes>
 *
 * Equal values give equal ids, different ones different ids. So where every document with an `_id`
 * of a file has the id of it (a keyed file), an equality on `_id` is the look-up of an id.
 */
#ifndef PQ_SHRED_KEY_ID_H
#define PQ_SHRED_KEY_ID_H

#include "parquet/reader.h"
#include "value/variant.h"

/* "collection/" + the encoded local id: '/', '%' and a leading '~' are percent-encoded. */
int pq_id_encode(pq_arena *arena, pq_slice collection, pq_slice local, pq_slice *out) PQ_MUST_CHECK;

/* The id of a key: text that is not empty, an ObjectId, a number that is a long or a double. Empty:
 * the value is none. */
int pq_id_of_key(pq_arena *arena, pq_slice collection, pq_value v, pq_slice *out) PQ_MUST_CHECK;

/* What clients are shown as `_id` of an entity whose document has none: the local id, decoded where
 * that is what the encoding makes of it. In `arena`, or borrowed from `id`. PQ_ENOMEM. */
int pq_key_of_id(pq_arena *arena, pq_slice id, pq_slice *out) PQ_MUST_CHECK;

/* The other id that is shown so: of a text that ids hold as it is, though the encoding would not
 * ("100%", "~a"). Empty: there is none. PQ_ENOMEM. */
int pq_id_shown_as(pq_arena *arena, pq_slice collection, pq_value v, pq_slice *out) PQ_MUST_CHECK;

/* Is `id` that of the key `v`? False for values that are no keys. */
bool pq_id_is_of_key(pq_slice id, pq_value v);

/* Is the file keyed? Older files do not say. */
bool pq_file_is_keyed(const pq_footer *footer);
/* May documents of the file have no `_id`? Older files do not say: they may. */
bool pq_file_lacks_keys(const pq_footer *footer);

#endif
