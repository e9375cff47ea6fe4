/* video.c: frames from a pipe, each of which is a picture of its own, and the masks as frames back into a
 * pipe. Several frames are worked on at the same time; they come out in their order. */
#include "cli/video.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/pipe.h"
#include "cli/segment.h"

#define LONGEST_FRAME ((size_t)1 << 30)

struct video {
    struct segment *segment;
    bool is_y4m;
    struct y4m y4m;   /* of rgb24: only width and height */
    size_t size;      /* bytes of a frame */
    uint8_t **frames; /* [workers]: a frame each */
    size_t *numbers;  /* [workers]: which one */
    size_t count;     /* frames read */
    struct pipe pipe;
};

/* ---- the command line */

static bool parse_frame_size(const char *text, size_t *width, size_t *height)
{
    char number[16];
    size_t length = strcspn(text, "x");

    if (!text[length] || length >= sizeof number)
        return false;
    memcpy(number, text, length);
    number[length] = 0;
    return parse_size(number, 1, 65536, width) && parse_size(text + length + 1, 1, 65536, height);
}

static bool find_matrix(const char *name, enum yuv_matrix *matrix)
{
    static const char *const names[] = {
        [YUV_BT601] = "bt601", [YUV_BT709] = "bt709", [YUV_BT2020] = "bt2020"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i])) {
            *matrix = (enum yuv_matrix)i;
            return true;
        }
    return false;
}

/* Masks and overlays as bare pixels instead of PNG. */
static bool use_frame_format(struct segment *s)
{
    if (s->formats[0] == &format_mask)
        s->formats[0] = &format_mask_frame;
    else if (s->formats[0] == &format_overlay)
        s->formats[0] = &format_overlay_frame;
    else
        return false;
    return true;
}

clipseg_status video_check(struct segment *s, clipseg_error *error)
{
    const struct video_choice *v = &s->video;
    enum yuv_matrix matrix;
    size_t width, height;
    bool is_rgb = v->kind && !strcmp(v->kind, "rgb24");

    if (!v->kind && (v->size || v->matrix))
        return error_set(error, CLIPSEG_ERROR_USAGE, "--%s belongs to --video", v->size ? "size" : "matrix");
    if (!v->kind)
        return CLIPSEG_OK;
    if (!is_rgb && strcmp(v->kind, "y4m") != 0)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--video %.40s: want y4m or rgb24", v->kind);
    if (is_rgb && (!v->size || !parse_frame_size(v->size, &width, &height)))
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "--video rgb24: want the frames' --size WxH, for example 640x360");
    if (!is_rgb && v->size)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--size: y4m tells its size itself");
    if (v->matrix && (is_rgb || !find_matrix(v->matrix, &matrix)))
        return error_set(error, CLIPSEG_ERROR_USAGE, "--matrix %.40s: want bt601, bt709 or bt2020, and y4m",
                         v->matrix);
    if (s->to_stdout ? !use_frame_format(s) : !s->json || s->format_count)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "--video: want -o - with -f mask or -f overlay, or --json alone");
    return CLIPSEG_OK;
}

/* ---- reading */

/* A header line without its newline; *end: nothing more came. */
static clipseg_status read_line(struct video *v, char line[Y4M_LONGEST], bool *end, clipseg_error *error)
{
    if (pipe_line(&v->pipe, line, Y4M_LONGEST, end) || *end)
        return CLIPSEG_OK;
    return error_set(error, CLIPSEG_ERROR_IMAGE, "y4m: a header line without an end");
}

static clipseg_status begin_reading(struct video *v, clipseg_error *error)
{
    char line[Y4M_LONGEST];
    clipseg_status status = CLIPSEG_OK;
    struct yuv_format *format = &v->y4m.format;
    bool end = false, fits;

    if (v->is_y4m) {
        status = read_line(v, line, &end, error);
        if (!status)
            status = y4m_parse(&v->y4m, line, error);
        if (v->segment->video.matrix)
            find_matrix(v->segment->video.matrix, &format->matrix);
        fits = !status && yuv_frame_size(format, &v->size);
    } else {
        parse_frame_size(v->segment->video.size, &format->width, &format->height);
        fits = size_multiply(3 * format->width, format->height, &v->size);
    }
    if (!status && (!fits || v->size > LONGEST_FRAME))
        status = error_set(error, CLIPSEG_ERROR_IMAGE, "frames of %zu x %zu pixels are too large",
                           format->width, format->height);
    if (!status && format->width * format->height > v->segment->image_options.max_pixels)
        status = error_set(error, CLIPSEG_ERROR_IMAGE, "frames of %zu x %zu pixels: more than --max-pixels",
                           format->width, format->height);
    if (!status && v->y4m.interlaced)
        note(v->segment->choice.quiet,
             "the video is interlaced: its frames are taken as they are (ffmpeg -vf yadif mends it)");
    return status;
}

static clipseg_status read_frame(void *context, size_t worker, bool *end, clipseg_error *error)
{
    struct video *v = context;
    char line[Y4M_LONGEST];

    if (v->is_y4m) {
        clipseg_status status = read_line(v, line, end, error);
        *end = *end || signals_stop();
        if (status || *end)
            return *end ? CLIPSEG_OK : status;
        if (strncmp(line, "FRAME", 5) != 0 || (line[5] && line[5] != ' '))
            return error_set(error, CLIPSEG_ERROR_IMAGE, "y4m: frame %zu does not begin with FRAME",
                             v->count);
    }
    size_t found = pipe_read(&v->pipe, v->frames[worker], v->size);
    *end = signals_stop() || (!found && !v->is_y4m);
    if (!*end && found < v->size)
        return error_set(error, CLIPSEG_ERROR_IMAGE, "stdin: frame %zu is cut off: %zu of %zu bytes",
                         v->count, found, v->size);
    v->numbers[worker] = v->count++;
    return CLIPSEG_OK;
}

/* ---- one frame */

static clipseg_status load_frame(const struct video *v, size_t worker, clipseg_image *image,
                                 clipseg_error *error)
{
    const struct yuv_format *format = &v->y4m.format;
    size_t pixels = format->width * format->height;

    *image = (clipseg_image){.width = format->width, .height = format->height, .rgb = malloc(3 * pixels)};
    if (!image->rgb)
        return error_memory(error);
    if (!v->is_y4m)
        memcpy(image->rgb, v->frames[worker], 3 * pixels);
    else if (!yuv_to_rgb(format, v->frames[worker], image->rgb))
        return error_memory(error);
    return CLIPSEG_OK;
}

/* From bare pixels, of a mask or an overlay, to a frame of the output. */
static clipseg_status store_frame(const struct video *v, const struct buffer *pixels, struct buffer *out,
                                  clipseg_error *error)
{
    struct yuv_format format = v->y4m.format;
    bool is_mask = v->segment->formats[0] == &format_mask_frame;
    const uint8_t *from = (const uint8_t *)pixels->data;
    size_t count = format.width * format.height, size = 3 * count;

    if (v->is_y4m) {
        format.layout = is_mask ? YUV_MONO : format.layout;
        yuv_frame_size(&format, &size);
        buffer_text(out, "FRAME\n");
    }
    uint8_t *frame = memory_aligned(size, 1);
    if (!frame)
        return error_memory(error);
    for (size_t i = 0; !v->is_y4m && i < size; i++)
        frame[i] = from[is_mask ? i / 3 : i];
    if (v->is_y4m && is_mask)
        memcpy(frame, from, count);
    else if (v->is_y4m)
        yuv_from_rgb(&format, from, frame);
    buffer_append(out, frame, size);
    free(frame);
    return CLIPSEG_OK;
}

static clipseg_status do_frame(void *context, size_t worker, const struct input *none, struct buffer *pieces,
                               clipseg_error *error)
{
    struct video *v = context;
    struct buffer pixels = {0};
    clipseg_image image;
    char name[40];
    struct input input = {.path = name};
    clipseg_status status = load_frame(v, worker, &image, error);

    (void)none;
    snprintf(name, sizeof name, "frame-%06zu", v->numbers[worker]);
    if (!status)
        status = segment_image(v->segment, worker, &input, &image,
                               v->segment->to_stdout ? &pixels : &pieces[0], error);
    else
        clipseg_image_free(&image);
    if (!status && pixels.failed)
        status = error_memory(error);
    if (!status && v->segment->to_stdout)
        status = store_frame(v, &pixels, &pieces[0], error);
    buffer_free(&pixels);
    return status;
}

static clipseg_status print_frame(void *context, const struct input *none, const struct buffer *pieces,
                                  clipseg_error *error)
{
    (void)context;
    (void)none;
    return segment_print(&pieces[0], error);
}

/* ---- the run */

static clipseg_status begin(struct video *v, clipseg_error *error)
{
    size_t workers = v->segment->plan.workers;
    clipseg_status status = begin_reading(v, error);

    if (status)
        return status;
    v->frames = memory_zeroed(workers, sizeof *v->frames);
    v->numbers = memory_zeroed(workers, sizeof *v->numbers);
    if (!v->frames || !v->numbers)
        return error_memory(error);
    for (size_t i = 0; i < workers; i++) {
        v->frames[i] = memory_aligned(v->size, 1);
        if (!v->frames[i])
            return error_memory(error);
    }
    if (v->is_y4m && v->segment->to_stdout) {
        char header[Y4M_LONGEST + 64];
        bool is_mask = v->segment->formats[0] == &format_mask_frame;
        y4m_header(&v->y4m, is_mask ? YUV_MONO : v->y4m.format.layout, header);
        fputs(header, stdout);
    }
    return CLIPSEG_OK;
}

int video_run(struct segment *s)
{
    struct video v = {.segment = s, .is_y4m = !strcmp(s->video.kind, "y4m")};
    const struct batch_job job = {
        .context = &v, .pieces = 1, .work = do_frame, .fetch = read_frame, .finish = print_frame};
    const struct batch_options options = {.workers = s->plan.workers, .quiet = s->choice.quiet};
    clipseg_error error;
    int code = begin(&v, &error) ? fail(&error) : batch_run(&job, NULL, &options);

    for (size_t i = 0; v.frames && i < s->plan.workers; i++)
        free(v.frames[i]);
    free(v.frames);
    free(v.numbers);
    return code;
}
