/* pool.h: a thread pool for one session. The caller works too; tasks are claimed from one atomic counter. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

struct pool;

/* task: 0..count-1; worker: 0..threads-1, for per-thread scratch memory (0 is the caller). */
typedef void pool_function(void *context, size_t task, size_t worker);

/* threads includes the caller; 0: pool_cpu_count(). NULL when memory or threads are out. A pool of one has no
 * thread. */
struct pool *pool_create(size_t threads);

/* Run tasks 0..count-1 and return when all are done. Not reentrant. Waiting workers spin for a few tens of
 * microseconds, then sleep. */
void pool_run(struct pool *pool, size_t count, pool_function *function, void *context);

size_t pool_threads(const struct pool *pool);
void pool_free(struct pool *pool);

/* The cores that this process may use (affinity, not the machine's total). */
size_t pool_cpu_count(void);

#endif
