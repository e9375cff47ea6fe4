/* batch_sessions.c: how the cores are used for many pictures. */
#include <stdlib.h>
#include <sys/resource.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "cli/batch.h"

#define MOST_WORKERS 16
#define FILES_PER_WORKER 4 /* open at the same time */
#define OTHER_FILES 8

/* As many workers as the limit of open files allows. */
static size_t most_workers(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < OTHER_FILES + FILES_PER_WORKER)
        return 1;
    return size_min((limit.rlim_cur - OTHER_FILES) / FILES_PER_WORKER, 256);
}

struct batch_plan batch_plan(size_t threads, size_t jobs, size_t pictures)
{
    struct batch_plan plan;

    threads = threads ? threads : pool_cpu_count();
    plan.workers = size_min(jobs ? jobs : size_min(threads, MOST_WORKERS), size_max(pictures, 1));
    plan.workers = size_max(size_min(plan.workers, most_workers()), 1);
    plan.threads = size_max(threads / plan.workers, 1);
    return plan;
}

clipseg_status batch_open_sessions(clipseg_session ***sessions, const struct batch_plan *plan,
                                   const clipseg_model *model, const clipseg_session_options *options,
                                   clipseg_error *error)
{
    clipseg_session_options one = *options;
    clipseg_status status = CLIPSEG_OK;

    one.threads = plan->threads;
    *sessions = memory_zeroed(plan->workers, sizeof(clipseg_session *));
    if (!*sessions)
        return error_memory(error);
    for (size_t i = 0; !status && i < plan->workers; i++)
        status = clipseg_session_create(&(*sessions)[i], model, &one, error);
    if (status)
        batch_close_sessions(sessions, plan);
    return status;
}

void batch_close_sessions(clipseg_session ***sessions, const struct batch_plan *plan)
{
    for (size_t i = 0; *sessions && i < plan->workers; i++)
        clipseg_session_close(&(*sessions)[i]);
    free(*sessions);
    *sessions = NULL;
}
