/* server/job.h - what the engine's thread runs for a request: one kind for each language.
 *
 *   request ─► kind->begin ─► advance … advance ─► end ─► the answered request
 *                              │        ▲
 *                              ▼        │
 *                     a part of the answer goes out; the request is submitted again for the next
 *
 * A job is a struct of the kind's own that begins with a pq_job. All functions are called by the
 * engine's thread. What is big is answered in parts: a job whose `has_more` is set when it is done
 * for now is kept, and goes on when its request is submitted again; is_cancelled in the request
 * then says that nobody wants the rest.
 *
 * A job may wait, for changes or for the time: hundreds of those cost a look at each in a pass, and
 * the engine sleeps as long as all that is there waits.
 */
#ifndef PQ_SERVER_JOB_H
#define PQ_SERVER_JOB_H

#include "port/handle.h"
#include "server/request.h"
#include "server/server.h"

/* What a kind gets when the engine starts. */
typedef struct pq_job_host {
  pq_cx *cx; /* borrowed: not the engine's meter, malloc */
  pqdb *db;  /* borrowed */
  const pq_server *server;
} pq_job_host;

typedef struct pq_job_class pq_job_class;

struct pq_job {
  pq_job *next; /* the engine's */
  const pq_job_class *kind;
  pq_request *request; /* the answer goes into request->answer */
  bool is_done;        /* the answer, or this part of it, is there */
  bool has_more;       /* with is_done: another part follows, when it is asked for */
  /* Not done, and nothing to do: it is not advanced before this time (pq_handle_now_us / 1000),
   * kind->is_awake, or the end of its client. Advance sets it anew. 0: it runs. */
  int64_t wait_until_ms;
  bool is_busy; /* not done, and there is more to do at once: others have a turn in between */
  /* Its command is to have ended by then (pq_handle_now_us); 0: it may take as long as it likes. In
   * the midst of a step the engine looks at it, between steps the kind. */
  int64_t deadline_us;
};

/* The deadline of a command of ours that begins now: by its own maxTimeMs, which the engine knows
 * too, or else by the server's. */
void pq_job_set_deadline(pq_job *j, const pq_server *server, pq_value command, int64_t now_us);
bool pq_job_is_late(const pq_job *j, int64_t now_us);

struct pq_job_class {
  const char *name;
  /* What all jobs of the kind share, made when the engine starts and ended with it. */
  int (*start)(const pq_job_host *host, void **shared);
  void (*stop)(void *shared); /* NULL is allowed */
  /* Once in a pass of the engine: what has become too old. NULL: nothing does. */
  void (*idle)(void *shared);
  /* A job for a request, which stays with the engine. It may be done at once. NULL: out of memory.
   * request->answer is zeroed, and has to be initialized. */
  pq_job *(*begin)(void *shared, pq_request *r);
  /* Go on as far as replies are there. Of a job that had more: with an emptied answer. */
  void (*advance)(pq_job *j);
  /* Of a job that waits, asked in each pass and so cheap: may it go on? NULL: not before its time.
   */
  bool (*is_awake)(pq_job *j);
  /* In the midst of a step of its command (pq_handle_set_job): should that
   * end at once, as it was killed or nobody waits for it any more? The next advance finds the
   * command failed, and says why. Cheap, and changes nothing. NULL: by its deadline only. */
  bool (*must_end)(const pq_job *j);
  /* A request that is still in the queue, while a step cannot be interrupted for it: does it end a
   * job? It is begun later all the same. NULL: none does. */
  void (*foresee)(void *shared, const pq_request *r);
  /* Free it, and not its request. It may not be done: then nobody wants the answer. */
  void (*end)(pq_job *j);
};

/* The kinds, by pq_job_kind. */
extern const pq_job_class pq_mongo_job;
extern const pq_job_class pq_rpc_job_class; /* capnweb_job.h */

#endif
