/* pool.c: worker threads that spin for a moment and then sleep. */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"

#define SPIN_NANOSECONDS 30000
#define MOST_THREADS 256

struct worker {
    struct pool *pool;
    pthread_t thread;
    size_t number;
};

struct pool {
    size_t threads;
    struct worker *workers; /* [threads - 1] */

    /* the work in hand; written by the caller while nobody works */
    pool_function *function;
    void *context;
    size_t count;
    atomic_size_t next; /* the task that nobody has claimed yet */
    atomic_size_t busy; /* workers that have not finished this round */
    atomic_uint round;  /* grows by one with every pool_run */
    atomic_bool stop;

    pthread_mutex_t mutex;
    pthread_cond_t wake, done;
    atomic_uint sleepers; /* workers in `wake` */
    atomic_bool caller_sleeps;
};

static uint64_t nanoseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    sched_yield();
#endif
}

static void work(struct pool *pool, size_t worker)
{
    for (;;) {
        size_t task = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (task >= pool->count)
            return;
        pool->function(pool->context, task, worker);
    }
}

static bool round_begins(struct pool *pool, unsigned seen)
{
    return atomic_load_explicit(&pool->round, memory_order_acquire) != seen || atomic_load(&pool->stop);
}

/* Until there is a round other than `seen`. */
static void wait_for_round(struct pool *pool, unsigned seen)
{
    for (uint64_t end = nanoseconds() + SPIN_NANOSECONDS; nanoseconds() < end;)
        for (int i = 0; i < 64; i++) {
            if (round_begins(pool, seen))
                return;
            relax();
        }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!round_begins(pool, seen))
        pthread_cond_wait(&pool->wake, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
}

static void *run_worker(void *argument)
{
    struct worker *worker = argument;
    struct pool *pool = worker->pool;
    unsigned seen = 0;

    for (;;) {
        wait_for_round(pool, seen);
        if (atomic_load(&pool->stop))
            return NULL;
        seen = atomic_load(&pool->round);
        work(pool, worker->number);
        if (atomic_fetch_sub(&pool->busy, 1) == 1 && atomic_load(&pool->caller_sleeps)) {
            pthread_mutex_lock(&pool->mutex);
            pthread_cond_signal(&pool->done);
            pthread_mutex_unlock(&pool->mutex);
        }
    }
}

static void wait_for_workers(struct pool *pool)
{
    for (uint64_t end = nanoseconds() + SPIN_NANOSECONDS; nanoseconds() < end;)
        for (int i = 0; i < 64; i++) {
            if (!atomic_load_explicit(&pool->busy, memory_order_acquire))
                return;
            relax();
        }
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->caller_sleeps, true);
    while (atomic_load(&pool->busy))
        pthread_cond_wait(&pool->done, &pool->mutex);
    atomic_store(&pool->caller_sleeps, false);
    pthread_mutex_unlock(&pool->mutex);
}

void pool_run(struct pool *pool, size_t count, pool_function *function, void *context)
{
    if (pool->threads == 1 || count < 2) {
        for (size_t task = 0; task < count; task++)
            function(context, task, 0);
        return;
    }
    pool->function = function;
    pool->context = context;
    pool->count = count;
    atomic_store(&pool->next, 0);
    atomic_store(&pool->busy, pool->threads - 1);
    atomic_fetch_add(&pool->round, 1);
    if (atomic_load(&pool->sleepers)) {
        pthread_mutex_lock(&pool->mutex);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->mutex);
    }
    work(pool, 0);
    wait_for_workers(pool);
}

size_t pool_threads(const struct pool *pool)
{
    return pool->threads;
}

size_t pool_cpu_count(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) || CPU_COUNT(&set) < 1)
        return 1;
    return (size_t)CPU_COUNT(&set);
}

struct pool *pool_create(size_t threads)
{
    struct pool *pool = memory_zeroed(1, sizeof *pool);
    size_t wanted = threads ? threads : pool_cpu_count();

    wanted = wanted > MOST_THREADS ? MOST_THREADS : wanted;
    if (!pool)
        return NULL;
    pool->threads = 1;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->workers = memory_zeroed(wanted, sizeof *pool->workers);
    for (; pool->workers && pool->threads < wanted; pool->threads++) {
        struct worker *worker = &pool->workers[pool->threads - 1];
        *worker = (struct worker){.pool = pool, .number = pool->threads};
        if (pthread_create(&worker->thread, NULL, run_worker, worker))
            break;
    }
    if (pool->threads == wanted)
        return pool;
    pool_free(pool);
    return NULL;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i + 1 < pool->threads; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_mutex_destroy(&pool->mutex);
    pthread_cond_destroy(&pool->wake);
    pthread_cond_destroy(&pool->done);
    free(pool->workers);
    free(pool);
}
