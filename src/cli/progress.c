/* progress.c: a bar on stderr when that is a terminal. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"

#define BAR 24

static struct {
    bool enabled, shown;
    double start, last;
} state;

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void progress_enable(bool enabled)
{
    state.enabled = enabled && isatty(STDERR_FILENO);
    state.start = seconds_now();
}

void progress_show(size_t done, size_t total, const char *name)
{
    double now = seconds_now(), passed = now - state.start;
    const char *slash = strrchr(name, '/');
    char bar[BAR * 3 + 1] = "";

    if (!state.enabled || !total || (done < total && now - state.last < 0.1))
        return;
    state.last = now;
    for (size_t i = 0; i < BAR; i++)
        strcat(bar, i * total < done * BAR ? "\u2588" : "\u2591");
    fprintf(stderr, "\r\033[K%s %zu/%zu", bar, done, total);
    if (done && passed > 0.5) {
        double rate = (double)done / passed, left = (double)(total - done) / rate;
        fprintf(stderr, "  %.1f/s  %d:%02d left", rate, (int)(left / 60.0), (int)left % 60);
    }
    fprintf(stderr, "  %.40s", slash ? slash + 1 : name);
    fflush(stderr);
    state.shown = true;
}

void progress_end(void)
{
    if (state.shown)
        fputs("\r\033[K", stderr);
    state.shown = false;
}
