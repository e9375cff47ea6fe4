/* command.h: what the subcommands share: options, messages, the choice of a model. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clipseg.h"

/* ---- subcommands, one file each; the result is the exit code */

struct subcommand {
    const char *name;
    const char *help;                        /* one line */
    int (*run)(int count, char **arguments); /* arguments[0] is the subcommand's name */
};

extern const struct subcommand command_segment, command_prompt, command_prelabel, command_fetch,
    command_classify, command_embed, command_index, command_search, command_pull, command_models,
    command_convert, command_info, command_tokenize, command_bench;
extern const struct subcommand *const subcommands[]; /* ends with NULL */

/* ---- options.c */

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_SIZE, OPTION_NUMBER, OPTION_CALL };

typedef clipseg_status option_call(void *target, const char *value, clipseg_error *error);

struct option {
    char letter;       /* 0: none */
    const char *name;  /* without the dashes */
    const char *value; /* what the value is called in the help; NULL for flags */
    const char *help;
    enum option_kind kind;
    void *target; /* bool, const char *, size_t, double, or what the call takes */
    option_call *call;
};

struct usage {
    const struct subcommand *subcommand;
    const char *synopsis;         /* behind "clipseg NAME" */
    const char *text;             /* a paragraph */
    const struct option *options; /* ends with a name of NULL */
};

/* Take the options out of arguments[1..]; what remains, up to *count, are the operands. --help prints and
 * exits 0; `--` ends the options. Errors: USAGE. */
clipseg_status options_parse(const struct usage *usage, int *count, char **arguments, clipseg_error *error);

/* A hash of the options that were parsed, but for those that say where results go and how fast they come. */
uint64_t options_key(void);

/* Whole-number parsing for values like "1,4" or "--shard 2/5" elsewhere: false when `text` is no number in
 * range. */
bool parse_size(const char *text, size_t minimum, size_t maximum, size_t *value);

/* ---- messages.c */

/* One line on stderr, made safe to print; returns the status as exit code. */
int fail(const clipseg_error *error);

/* What was printed has arrived. Errors: IO, also of anything before. */
clipseg_status stdout_flush(clipseg_error *error);

/* A line on stderr unless quiet. */
__attribute__((format(printf, 2, 3))) void note(bool quiet, const char *format, ...);

/* ---- model_choice.c */

struct model_choice {
    const char *model; /* -m: NULL for $CLIPSEG_MODEL, else the built-in one */
    const char *cpu;   /* --cpu: NULL for $CLIPSEG_CPU */
    const char *clip;  /* --clip */
    size_t threads;
    bool pull; /* --pull: download a hub id that is not in the cache */
    bool quiet;
};

/* Open what -m names: a path, a hub id found in the Hugging Face cache, or `demo`. Errors: USAGE (no model),
 * IO, MODEL, MEMORY. */
clipseg_status model_choose(clipseg_model **model, const struct model_choice *choice, clipseg_error *error);

/* The path for a name: itself, or the snapshot folder of a hub id. Nothing is downloaded. out: [size].
 * Errors: MODEL, IO. */
clipseg_status model_resolve(const char *name, char *out, size_t size, clipseg_error *error);

/* A hash of the model's content, by samples of its files; equal on all machines. */
uint64_t model_key(const struct model_choice *choice);

struct hub_id;
struct pulled;

/* pull.c: download a model, with a progress bar unless quiet. Errors: NETWORK, MODEL, IO, MEMORY,
 * INTERRUPTED. */
clipseg_status model_pull(const struct hub_id *id, bool quiet, struct pulled *pulled, clipseg_error *error);

/* ---- signals.c */

/* SIGINT and SIGTERM ask for a stop (a second one stops at once), a shrunken mapped file ends with exit 5. */
void signals_install(void);

/* The exit code 130 or 143 when a stop was asked for, else 0. */
int signals_stop(void);

/* ---- progress.c */

/* A bar with rate and time left, on a terminal only. done of total (0: unknown); name: what is worked on. */
void progress_show(size_t done, size_t total, const char *name);
void progress_bytes(size_t done, size_t total, const char *name); /* the same for bytes: 12.3/603.1 MB */
/* Of those done: how many cost no time, and how many failed. */
void progress_count(size_t skipped, size_t failed);
void progress_end(void);
void progress_enable(bool enabled); /* the time begins here */

/* "12.3 s, 24.4 pictures per second", since progress_enable */
#define PROGRESS_RATE 64
void progress_rate(char text[PROGRESS_RATE], size_t pictures);

/* The line that ends a run over several pictures. skipped: those that cost no time. */
void progress_summary(bool quiet, size_t done, size_t failed, size_t skipped);

/* ---- search/bench_search.c */

struct bench_search {
    size_t vectors, dimension, threads;
    const char *cpu;
    bool json;
};

/* Time searches among random vectors in memory, and print that. Errors: USAGE, MEMORY. */
clipseg_status bench_search(const struct bench_search *asked, clipseg_error *error);

#endif
