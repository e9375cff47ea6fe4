/* prelabel.h: a data set on Segments.ai: what the command line says about it, for labelling and for fetching.
 */
#ifndef CLI_PRELABEL_H
#define CLI_PRELABEL_H

#include "base/buffer.h"
#include "cli/command.h"
#include "cli/segment.h"
#include "hub/segments.h"

struct prelabel {
    /* the command line */
    struct segment segment; /* how labels are made; of fetching only whether it is quiet */
    const char *dataset, *labelset, *api_url, *name, *output, *journal_path, *categories;
    struct buffer metadata; /* --filter KEY:VALUE, joined by commas */
    double timeout;
    size_t limit, jobs, retries;
    bool only_unlabeled, replace_prelabeled, overwrite, dry_run, json;
    struct client_options network;
};

/* --filter: KEY:VALUE for metadata, or a part of the name. Target is a struct prelabel. */
clipseg_status prelabel_add_filter(void *target, const char *value, clipseg_error *error);

/* What is common to labelling and fetching. Errors: USAGE. */
clipseg_status prelabel_check(struct prelabel *p, clipseg_error *error);

/* A note when the data set lists its label sets and ours is not among them. */
void prelabel_check_labelset(const struct prelabel *p, const struct segments_dataset *dataset);

/* May a label of this status be replaced? NULL: there is none. */
bool prelabel_may_label(const struct prelabel *p, const char *status);

/* prelabel_segments.c: the run; the exit code. */
int prelabel_segments(struct prelabel *p);

/* prelabel_categories.c: what is looked for, with the data set's ids. Without --categories that is every
 * category by its name; else those of the file, each of which the data set must have. Errors: USAGE, MEMORY.
 */
clipseg_status prelabel_choose_categories(struct prelabel *p, const struct segments_dataset *dataset,
                                          clipseg_error *error);

/* ---- prelabel_summary.c */

/* What a run did. rows: p->segment.prompts. */
struct label_counts {
    size_t *pixels, *with;     /* [rows + 1]: of each category, 0 none; samples that have it */
    size_t all_pixels;         /* of the samples done */
    size_t done, failed, left; /* samples */
    size_t before, left_alone; /* labelled by an interrupted run; with a label that stays */
};

/* On stdout, as text or with --json as one object. Errors: IO, MEMORY. */
clipseg_status prelabel_summary(const struct prelabel *p, const struct label_counts *counts, double seconds,
                                clipseg_error *error);

/* ---- prelabel_samples.c */

/* Names for files about the samples, without folders, each once: [count], to be freed with free_names. NULL:
 * memory is out. The picture's suffix stays where `keep_suffix`. */
char **sample_names(const struct segments_samples *samples, bool keep_suffix);
void free_names(char **names, size_t count);

/* Download a picture and decode it. One that cannot be decoded is asked for once more: a body may be cut
 * short without a sign of it. uuid: of the sample whose picture it is, for asking the service where it lies
 * now when the address has expired or is none of the web's (s3://...); NULL: it is something else. reply: its
 * bytes, to be freed in every case. Errors: NETWORK, IMAGE, MEMORY, INTERRUPTED. */
clipseg_status sample_picture(struct segments *segments, const char *uuid, const char *url, const char *name,
                              const clipseg_image_options *options, struct network_reply *reply,
                              clipseg_image *image, clipseg_error *error);

/* ---- prelabel_journal.c: which labels were put, for a run that continues. Threads share it. */

struct label_journal;

/* All that a label depends on, once the model is open. base: the service's address. */
uint64_t label_journal_key(const struct prelabel *p, const char *base);

/* Open it at `path` ("": in $XDG_STATE_HOME, called by `key`); one of another key is begun anew. key: all
 * that a label depends on. Errors: IO, MEMORY. */
clipseg_status label_journal_open(struct label_journal **journal, const char *path, uint64_t key,
                                  clipseg_error *error);

/* Before a label is put: its bitmap's address. After it: done. Errors: IO. */
clipseg_status label_journal_intend(struct label_journal *journal, const char *uuid, const char *bitmap,
                                    clipseg_error *error);
clipseg_status label_journal_done(struct label_journal *journal, const char *uuid, clipseg_error *error);

/* Was it put? bitmap: the address of one of which that is not known, or NULL. */
bool label_journal_has(struct label_journal *journal, const char *uuid, const char **bitmap);

/* Close it; keep: for the next run. */
void label_journal_close(struct label_journal **journal, bool keep);

#endif
