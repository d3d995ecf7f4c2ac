/* port/cpu.h - what the machine can do beyond plain C.
 *
 * The core may not ask (src/parquet/kernels_int.h), so whoever makes a context asks here:
 *
 *     pq_cx_init(&cx, alloc, ud);
 *     cx.cpu = pq_cpu_features();
 */
#ifndef PQ_PORT_CPU_H
#define PQ_PORT_CPU_H

/* Bits for pq_cx.cpu; 0: plain C. */
unsigned pq_cpu_features(void);

#endif
