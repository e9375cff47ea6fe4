/* failing_memory.c: a library for LD_PRELOAD that runs a program once for every allocation it makes, and lets
 * that one fail: FAILING="FIRST STEP" in the environment: from the FIRST on, but of libjansson's, which makes
 * thousands of the same kind for one vocabulary, only every STEP-th. A copy of the process is made before
 * main, so a run costs little more than the program's own work. Prints a line of JSON per run on stdout:
 *   {"n": which, "exit": code, "signal": 0, "leaked": blocks, "leak": where one was allocated, "failed":
 * where it failed}
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* glibc's own, below the names that are taken over here */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

#define MOST ((size_t)1 << 17)

/* What a run leaves for the process that started it. */
struct outcome {
    size_t count; /* allocations */
    size_t leaked;
    char leak[256], failed[256];
    bool of_json[MOST]; /* in the first run, in which none fails: whose allocation it is */
};

static struct outcome *outcome; /* shared; NULL: nothing is counted */
static size_t number;           /* the allocation that fails */

/* ---- the blocks that are in use: a hash table without deletion marks (a later entry moves into the gap) */

#define SLOTS ((size_t)1 << 16)

static struct {
    uintptr_t block, site;
} live[SLOTS];
static size_t live_count;
static atomic_flag busy = ATOMIC_FLAG_INIT;

static size_t home(uintptr_t block)
{
    return (block >> 4) * 0x9e3779b97f4a7c15u >> 48;
}

static void lock(void)
{
    while (atomic_flag_test_and_set(&busy))
        ;
}

static void unlock(void)
{
    atomic_flag_clear(&busy);
}

static void remember(void *block, void *site)
{
    size_t i = home((uintptr_t)block);

    if (!outcome || !block)
        return;
    lock();
    while (live[i].block)
        i = (i + 1) % SLOTS;
    live[i].block = (uintptr_t)block;
    live[i].site = (uintptr_t)site;
    if (++live_count == SLOTS)
        abort();
    unlock();
}

static void forget(void *block)
{
    size_t i = home((uintptr_t)block);

    if (!outcome || !block)
        return;
    lock();
    while (live[i].block && live[i].block != (uintptr_t)block)
        i = (i + 1) % SLOTS;
    if (live[i].block) {
        live_count--;
        for (size_t gap = i, k = (i + 1) % SLOTS;; k = (k + 1) % SLOTS) {
            if (!live[k].block) {
                live[gap].block = 0;
                break;
            }
            if ((k - home(live[k].block)) % SLOTS >= (k - gap) % SLOTS) {
                live[gap] = live[k];
                gap = k;
            }
        }
    }
    unlock();
}

/* FILE+OFFSET, for addr2line. */
static void describe(uintptr_t site, char *text, size_t size)
{
    Dl_info info;

    if (dladdr((const void *)site, &info) && info.dli_fname)
        snprintf(text, size, "%s+0x%lx", info.dli_fname, (unsigned long)(site - (uintptr_t)info.dli_fbase));
}

static bool is_of_json(const void *site)
{
    Dl_info info;

    return dladdr(site, &info) && info.dli_fname && strstr(info.dli_fname, "jansson");
}

/* Is this the one that fails? */
static bool fails(void *site)
{
    if (!outcome)
        return false;
    lock();
    size_t n = ++outcome->count;
    unlock();
    if (!number && n < MOST)
        outcome->of_json[n] = is_of_json(site);
    bool now = n == number;
    if (now) {
        describe((uintptr_t)site, outcome->failed, sizeof outcome->failed);
        errno = ENOMEM;
    }
    return now;
}

/* ---- the allocation functions */

#define SITE __builtin_return_address(0)

void *malloc(size_t size)
{
    void *block = fails(SITE) ? NULL : __libc_malloc(size);

    remember(block, SITE);
    return block;
}

void *calloc(size_t count, size_t size)
{
    void *block = fails(SITE) ? NULL : __libc_calloc(count, size);

    remember(block, SITE);
    return block;
}

void *realloc(void *old, size_t size)
{
    void *block;

    if (fails(SITE))
        return NULL;
    forget(old);
    block = __libc_realloc(old, size);
    remember(block || !size ? block : old, SITE);
    return block;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    void *block = fails(SITE) ? NULL : __libc_memalign(alignment, size);

    remember(block, SITE);
    return block;
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *block = fails(SITE) ? NULL : __libc_memalign(alignment, size);

    if (!block)
        return ENOMEM;
    remember(block, SITE);
    *out = block;
    return 0;
}

void free(void *block)
{
    forget(block);
    __libc_free(block);
}

/* ---- the runs */

__attribute__((destructor)) static void look_for_leaks(void)
{
    if (!outcome)
        return;
    outcome->leaked = live_count;
    for (size_t i = 0; i < SLOTS && live_count; i++)
        if (live[i].block) {
            describe(live[i].site, outcome->leak, sizeof outcome->leak);
            break;
        }
}

/* In the child: main follows, with its output thrown away. */
static void prepare(struct outcome *shared, size_t n)
{
    static char buffer[1 << 16]; /* stdout's, which would never be freed */

    if (!freopen("/dev/null", "w", stdout))
        _exit(99);
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    number = n;
    outcome = shared;
}

static void print_outcome(const struct outcome *shared, size_t n, int status)
{
    dprintf(
        STDOUT_FILENO,
        "{\"n\": %zu, \"exit\": %d, \"signal\": %d, \"leaked\": %zu, \"leak\": \"%s\", \"failed\": \"%s\"}\n",
        n, WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        shared->leaked, shared->leak, shared->failed);
}

__attribute__((constructor)) static void run_again_and_again(void)
{
    const char *range = getenv("FAILING");
    size_t first, step, last = 0;

    if (!range || sscanf(range, "%zu %zu", &first, &step) != 2 || !step)
        return;
    unsetenv("FAILING");
    struct outcome *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        _exit(99);
    for (size_t n = 0; n <= last; n = n ? n + 1 : first) {
        int status;
        if (n && shared->of_json[n] && n % step)
            continue;
        shared->count = shared->leaked = 0;
        shared->leak[0] = shared->failed[0] = 0;
        pid_t child = fork();
        if (!child) {
            prepare(shared, n);
            return;
        }
        if (child < 0 || waitpid(child, &status, 0) != child || shared->count >= MOST)
            _exit(99);
        print_outcome(shared, n, status);
        last = n ? last : shared->count;
    }
    _exit(0);
}
