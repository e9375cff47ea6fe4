/* formats.c: the table of formats, and the names of files. */
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/error.h"
#include "base/file.h"
#include "output/output.h"

const struct format *const output_formats[] = {
    &format_overlay, &format_mask,           &format_cutout,       &format_heatmap,
    &format_labels,  &format_figure,         &format_npy,          &format_json,
    &format_coco,    &format_coco_polygons,  &format_coco_results, &format_yolo,
    &format_labelme, &format_labelme_masks,  &format_labelstudio,  &format_labelstudio_polygons,
    &format_cvat,    &format_cvat_polygons,  &format_segments,     &format_voc,
    &format_npz,     &format_npz_compressed, &format_report,       NULL};

const struct format *output_find(const char *name)
{
    for (size_t i = 0; output_formats[i]; i++)
        if (!strcmp(output_formats[i]->name, name))
            return output_formats[i];
    return NULL;
}

void output_release(struct output *output)
{
    if (output->state && output->release)
        output->release(output->state);
    free(output->state);
    output->state = NULL;
}

clipseg_status output_copy(const char *path, FILE *stream, clipseg_error *error)
{
    struct file_map map;
    clipseg_status status = file_map_open(&map, path, error);

    if (status)
        return status;
    if (fwrite(map.data, 1, map.size, stream) != map.size)
        status = error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be copied", path);
    file_map_close(&map);
    return status;
}

static bool is_word_character(utf8proc_int32_t code)
{
    switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return true;
    default:
        return false;
    }
}

void output_slug(char *out, size_t number, const char *prompt)
{
    const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)prompt;
    size_t start = (size_t)snprintf(out, 24, "%02zu-", number), length = start;
    utf8proc_int32_t code;

    for (utf8proc_ssize_t step; *p && (step = utf8proc_iterate(p, -1, &code)) > 0; p += step) {
        bool word = is_word_character(code);
        size_t need = word ? (size_t)step : 1;
        if (!word && (length == start || out[length - 1] == '-'))
            continue;
        if (length - start + need > 40)
            break;
        if (word)
            memcpy(out + length, p, need);
        else
            out[length] = '-';
        length += need;
    }
    while (length > start && out[length - 1] == '-')
        length--;
    out[length > start ? length : start - 1] = 0;
}
