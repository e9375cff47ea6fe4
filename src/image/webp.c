/* webp.c: WebP through libwebp; of an animation the first frame. */
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "base/error.h"
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

/* Transparency is dropped, not blended, as convert("RGB") does. */
static void split(const uint8_t *rgba, size_t pixels, clipseg_image *image)
{
    for (size_t i = 0; i < pixels; i++) {
        memcpy(image->rgb + 3 * i, rgba + 4 * i, 3);
        if (image->alpha)
            image->alpha[i] = rgba[4 * i + 3];
    }
}

static clipseg_status read_animation(const struct picture_source *source, const WebPData *data,
                                     clipseg_image *image, clipseg_error *error)
{
    WebPAnimDecoder *decoder = WebPAnimDecoderNew(data, NULL);
    uint8_t *canvas;
    int time;
    clipseg_status status = CLIPSEG_OK;

    if (decoder && WebPAnimDecoderGetNext(decoder, &canvas, &time))
        split(canvas, image->width * image->height, image);
    else
        status = picture_refuse(source, "WebP", error, "the first frame is damaged");
    WebPAnimDecoderDelete(decoder);
    return status;
}

static clipseg_status read_still(const struct picture_source *source, clipseg_image *image,
                                 clipseg_error *error)
{
    size_t pixels = image->width * image->height;
    uint8_t *rgba;

    if (!image->alpha) {
        if (WebPDecodeRGBInto(source->data, source->size, image->rgb, 3 * pixels, 3 * (int)image->width))
            return CLIPSEG_OK;
        return picture_refuse(source, "WebP", error, "damaged or cut off");
    }
    rgba = WebPDecodeRGBA(source->data, source->size, NULL, NULL);
    if (!rgba)
        return picture_refuse(source, "WebP", error, "damaged or cut off");
    split(rgba, pixels, image);
    WebPFree(rgba);
    return CLIPSEG_OK;
}

static clipseg_status decode(const struct picture_source *source, struct picture *picture,
                             clipseg_error *error)
{
    WebPBitstreamFeatures features;
    WebPData data = {source->data, source->size};
    WebPDemuxState state;
    WebPDemuxer *demuxer = WebPDemuxPartial(&data, &state);
    clipseg_status status;

    if (!demuxer || state != WEBP_DEMUX_DONE || WebPGetFeatures(source->data, source->size, &features)) {
        WebPDemuxDelete(demuxer);
        return picture_refuse(source, "WebP", error, "damaged or cut off");
    }
    status = picture_allocate(source, "WebP", WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH),
                              WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT),
                              source->options->keep_alpha && features.has_alpha, &picture->image, error);
    if (!status)
        status = features.has_animation ? read_animation(source, &data, &picture->image, error)
                                        : read_still(source, &picture->image, error);
    if (!status)
        picture->orientation = find_orientation(demuxer);
    WebPDemuxDelete(demuxer);
    return status;
}

const struct picture_format format_webp = {"WebP", matches, decode};
