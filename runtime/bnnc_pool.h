/* A pool of threads that share the loops of kernels. */
#ifndef BNNC_POOL_H
#define BNNC_POOL_H

#include <stdint.h>

/* Part number `part` of `parts` of some work; the parts may run in any order or at the same time. */
typedef void bnnc_task(void *context, int32_t part, int32_t parts);

/*
 * Start as many threads as are missing to `threads`, the caller included, of at most BNNC_POOL_MOST. Returns
 * how many there are: fewer where the system gives no more. One call at a time.
 */
int bnnc_pool_start(int threads);

/* End all of them. Nothing may be running. */
void bnnc_pool_stop(void);

/*
 * Do all parts of a task, and return when they are done. The caller works too, and does everything itself
 * where no threads were started or another caller has them.
 */
void bnnc_pool_run(bnnc_task *task, void *context, int32_t parts);

#define BNNC_POOL_MOST 64

#endif
