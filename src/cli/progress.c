/* progress.c: a bar on stderr when that is a terminal. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"

#define BAR 24

static struct {
    bool enabled, shown, begun;
    double start, last;
    size_t first; /* so many of those done took no time */
    size_t failed;
} state;

/* At most 30 bytes, whole characters, nothing that a terminal obeys. */
static void show_name(const char *name)
{
    size_t length = strnlen(name, 31);

    if (length > 30) {
        length = 30;
        while (length && ((unsigned char)name[length] & 0xc0) == 0x80)
            length--;
    }
    fputs("  ", stderr);
    for (size_t i = 0; i < length; i++)
        fputc((unsigned char)name[i] < 32 || name[i] == 127 ? '?' : name[i], stderr);
}

void progress_enable(bool enabled)
{
    state.enabled = enabled && isatty(STDERR_FILENO);
    state.start = seconds_now();
    state.begun = false;
    state.first = state.failed = 0;
}

void progress_count(size_t skipped, size_t failed)
{
    state.first = skipped;
    state.failed = failed;
}

/* unit: how many of `done` make one of the numbers that are shown. */
static void show(size_t done, size_t total, double unit, const char *name)
{
    double now = seconds_now(), passed = now - state.start;
    const char *slash = strrchr(name, '/');
    char bar[BAR * 3 + 1] = "";
    int digits = unit > 1.0 ? 1 : 0;

    if (!state.enabled || (done != total && now - state.last < 0.1))
        return;
    state.last = now;
    state.shown = true;
    if (!total) {
        fprintf(stderr, "\r\033[K%zu  %.1f/s", done, passed > 0.0 ? (double)done / passed : 0.0);
        fflush(stderr);
        return;
    }
    for (size_t i = 0; i < BAR; i++)
        strcat(bar, i * total < done * BAR ? "\u2588" : "\u2591");
    fprintf(stderr, "\r\033[K%s %.*f/%.*f%s", bar, digits, (double)done / unit, digits, (double)total / unit,
            unit > 1.0 ? " MB" : "");
    if (state.failed)
        fprintf(stderr, "  %zu failed", state.failed);
    if (done > state.first && passed > 0.5) {
        double rate = (double)(done - state.first) / passed, left = (double)(total - done) / rate;
        fprintf(stderr, "  %.1f%s/s  %d:%02d left", rate / unit, unit > 1.0 ? " MB" : "", (int)(left / 60.0),
                (int)left % 60);
    }
    show_name(slash ? slash + 1 : name);
    fflush(stderr);
}

void progress_show(size_t done, size_t total, const char *name)
{
    show(done, total, 1.0, name);
}

/* What was there before the first call is not part of the rate. */
void progress_bytes(size_t done, size_t total, const char *name)
{
    if (!state.begun)
        state.first = done;
    state.begun = true;
    show(done, total, 1e6, name);
}

void progress_end(void)
{
    if (state.shown)
        fputs("\r\033[K", stderr);
    state.shown = false;
}

void progress_rate(char text[PROGRESS_RATE], size_t pictures)
{
    double passed = seconds_now() - state.start;

    snprintf(text, PROGRESS_RATE, "%.1f s, %.1f pictures per second", passed,
             passed > 0.0 ? (double)pictures / passed : 0.0);
}

void progress_summary(bool quiet, size_t done, size_t failed, size_t skipped)
{
    char rate[PROGRESS_RATE];

    progress_rate(rate, done + failed);
    note(quiet, "%zu of %zu pictures done, %zu failed, %zu skipped; %s", done, done + failed + skipped,
         failed, skipped, rate);
}
