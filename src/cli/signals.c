/* signals.c: being interrupted without leaving anything half-written. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/command.h"

static volatile sig_atomic_t asked;

static void ask_to_stop(int number)
{
    if (asked) { /* the second time: at once */
        file_write_abandon_all_signal_safe();
        _exit(128 + number);
    }
    asked = number;
}

/* A mapped file became shorter while it was read. */
static void on_bus_error(int number)
{
    static const char text[] = "clipseg: a file became shorter while it was being read; try again\n";

    (void)number;
    file_write_abandon_all_signal_safe();
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(CLIPSEG_ERROR_IO);
    _exit(CLIPSEG_ERROR_IO);
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void signals_install(void)
{
    handle(SIGINT, ask_to_stop);
    handle(SIGTERM, ask_to_stop);
    handle(SIGBUS, on_bus_error);
    handle(SIGPIPE, SIG_IGN);
    handle(SIGXFSZ, SIG_IGN);
}

int signals_stop(void)
{
    return asked ? 128 + asked : 0;
}
