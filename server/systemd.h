/* server/systemd.h - what systemd's service manager and a server tell each other, by variables of
 * the environment and datagrams (sd_listen_fds(3), sd_notify(3)); no library is needed.
 */
#ifndef PQ_SERVER_SYSTEMD_H
#define PQ_SERVER_SYSTEMD_H

#include "base/base.h"

enum { PQ_SYSTEMD_FIRST = 3 /* descriptor */ };

/* How many sockets were opened for this process; 0: none. PQ_EINVALID: the variables make no sense.
 */
int pq_systemd_sockets(pq_cx *cx, unsigned *count) PQ_MUST_CHECK;
/* Is the i-th one named `name` (FileDescriptorName= in the socket's unit)? */
bool pq_systemd_is_named(unsigned i, const char *name);
/* Child processes know nothing of them. After the last question. */
void pq_systemd_forget(void);

/* "READY=1", "STOPPING=1" …: to whoever started us, if he wants to know. */
void pq_systemd_notify(const char *state);

#endif
