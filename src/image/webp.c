/* webp.c: WebP through libwebp; of an animation the first frame. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "image/decode.h"
#include "image/orientation.h"

static bool matches(const unsigned char *data, size_t size)
{
    return size >= 12 && !memcmp(data, "RIFF", 4) && !memcmp(data + 8, "WEBP", 4);
}

static int find_orientation(const WebPDemuxer *demuxer)
{
    WebPChunkIterator chunk;
    int orientation = 0;

    if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk)) {
        orientation = orientation_from_exif(chunk.chunk.bytes, chunk.chunk.size);
        WebPDemuxReleaseChunkIterator(&chunk);
    }
    if (!orientation && WebPDemuxGetChunk(demuxer, "XMP ", 1, &chunk)) {
        orientation = orientation_from_xmp(chunk.chunk.bytes, chunk.chunk.size);
        WebPDemuxReleaseChunkIterator(&chunk);
    }
    return orientation ? orientation : 1;
}

/* The frame's pixels to `out`, one row every `stride` bytes. */
static clipseg_status decode_frame(const struct picture_source *source, const WebPIterator *frame,
                                   WEBP_CSP_MODE channels, uint8_t *out, size_t stride, clipseg_error *error)
{
    WebPDecoderConfig config;
    VP8StatusCode code;

    if (!WebPInitDecoderConfig(&config))
        return picture_refuse(source, "WebP", error,
                              "libwebp is of another version than clipseg was built for");
    config.output.colorspace = channels;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = out;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = stride * (size_t)frame->height;
    errno = 0; /* not every failed allocation has its code */
    code = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
    bool no_memory = code == VP8_STATUS_OUT_OF_MEMORY || (code != VP8_STATUS_OK && errno == ENOMEM);
    WebPFreeDecBuffer(&config.output);
    if (no_memory)
        return error_memory(error);
    return code == VP8_STATUS_OK
               ? CLIPSEG_OK
               : picture_damaged(source, "WebP", (size_t)(frame->fragment.bytes - source->data),
                                 code == VP8_STATUS_NOT_ENOUGH_DATA ? "the pixels end early"
                                                                    : "the pixels make no sense",
                                 error);
}

/* Transparency is dropped, not blended, as convert("RGB") does. What a frame leaves of its canvas is black
 * and transparent. */
static clipseg_status read_frame(const struct picture_source *source, const WebPIterator *frame,
                                 clipseg_image *image, clipseg_error *error)
{
    size_t width = (size_t)frame->width, height = (size_t)frame->height, bytes;
    size_t corner = (size_t)frame->y_offset * image->width + (size_t)frame->x_offset;
    uint8_t *rgba;
    clipseg_status status;

    if ((size_t)frame->x_offset + width > image->width || (size_t)frame->y_offset + height > image->height)
        return picture_damaged(source, "WebP", UNKNOWN_PLACE, "the first frame is larger than the canvas",
                               error);
    if (!image->alpha)
        return decode_frame(source, frame, MODE_RGB, image->rgb + 3 * corner, 3 * image->width, error);
    rgba = size_multiply(4 * width, height, &bytes) ? memory_zeroed(bytes, 1) : NULL;
    status = rgba ? decode_frame(source, frame, MODE_RGBA, rgba, 4 * width, error) : error_memory(error);
    for (size_t i = 0; !status && i < width * height; i++) {
        size_t pixel = corner + i / width * image->width + i % width;
        memcpy(image->rgb + 3 * pixel, rgba + 4 * i, 3);
        image->alpha[pixel] = rgba[4 * i + 3];
    }
    free(rgba);
    return status;
}

/* Old versions of libwebp crash when memory runs out in the middle. So ask beforehand for what they may need.
 */
static bool memory_suffices(size_t width, size_t height)
{
    size_t pixels, bytes;
    void *probe = size_multiply(width, height, &pixels) && size_multiply(pixels, 8, &bytes) &&
                          size_add(bytes, (size_t)1 << 20, &bytes)
                      ? memory_aligned(bytes, 1)
                      : NULL;

    free(probe);
    return probe != NULL;
}

static clipseg_status read_first(const struct picture_source *source, const WebPDemuxer *demuxer,
                                 struct picture *picture, clipseg_error *error)
{
    size_t width = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH),
           height = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT);
    bool alpha = source->options->keep_alpha && (WebPDemuxGetI(demuxer, WEBP_FF_FORMAT_FLAGS) & ALPHA_FLAG);
    WebPIterator frame;
    clipseg_status status = picture_allocate(source, "WebP", width, height, alpha, &picture->image, error);

    if (status)
        return status;
    if (!memory_suffices(width, height))
        return error_memory(error);
    if (!WebPDemuxGetFrame(demuxer, 1, &frame))
        return picture_damaged(source, "WebP", UNKNOWN_PLACE, "no frame", error);
    status = frame.complete
                 ? read_frame(source, &frame, &picture->image, error)
                 : picture_damaged(source, "WebP", source->size, "the first frame ends early", error);
    WebPDemuxReleaseIterator(&frame);
    picture->orientation = find_orientation(demuxer);
    return status;
}

static clipseg_status decode(const struct picture_source *source, struct picture *picture,
                             clipseg_error *error)
{
    WebPData data = {source->data, source->size};
    WebPDemuxState state;
    WebPDemuxer *demuxer;
    clipseg_status status;

    errno = 0; /* the demuxer does not tell a failed allocation from a damaged file, malloc does */
    demuxer = WebPDemuxPartial(&data, &state);
    if (demuxer && state == WEBP_DEMUX_DONE)
        status = read_first(source, demuxer, picture, error);
    else if (!demuxer && errno == ENOMEM)
        status = error_memory(error);
    else
        status = picture_damaged(
            source, "WebP", UNKNOWN_PLACE,
            state == WEBP_DEMUX_PARSE_ERROR ? "the chunks make no sense" : "the file ends early", error);
    WebPDemuxDelete(demuxer);
    return status;
}

const struct picture_format format_webp = {"WebP", matches, decode};
