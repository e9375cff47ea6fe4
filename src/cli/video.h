/* video.h: `clipseg segment --video`: frames on stdin, masks or overlays on stdout. */
#ifndef CLI_VIDEO_H
#define CLI_VIDEO_H

#include "image/y4m.h"

struct segment;

struct video_choice {
    const char *kind;   /* --video: y4m or rgb24; NULL: no video */
    const char *size;   /* --size WxH */
    const char *matrix; /* --matrix bt601, bt709 or bt2020 */
};

/* Are the options, parsed into `segment`, right for video? Errors: USAGE. */
clipseg_status video_check(struct segment *segment, clipseg_error *error);

/* All frames; the segment is prepared. Returns the exit code. */
int video_run(struct segment *segment);

#endif
