/* test_rle.c: run lengths as the annotation tools themselves write them (tests/data/formats/record.py). */
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "output/rle.h"
#include "tests/test.h"

struct mask {
    size_t width, height;
    uint8_t pixels[140 * 140], columns[140 * 140];
    const json_t *spelled;
};

static const char *text_of(const struct mask *m, const char *key)
{
    return json_string_value(json_object_get(m->spelled, key));
}

static json_t *recorded(void)
{
    struct file_map map;
    json_t *root = NULL;

    if (file_map_open(&map, CLIPSEG_SOURCE "/tests/data/formats/masks.json", NULL))
        return NULL;
    if (json_parse(&root, map.data, map.size, "masks.json", CLIPSEG_ERROR_USAGE, NULL))
        root = NULL;
    file_map_close(&map);
    return root;
}

static void read_mask(struct mask *m, const json_t *entry)
{
    m->spelled = entry;
    m->width = (size_t)json_integer_value(json_object_get(entry, "width"));
    m->height = (size_t)json_integer_value(json_object_get(entry, "height"));
    for (size_t i = 0; i < m->width * m->height; i++)
        m->pixels[i] = text_of(m, "rows")[i] == '1';
    bits_transpose(m->pixels, m->width, m->height, m->columns);
}

static void for_each_mask(void (*check)(const struct mask *))
{
    static struct mask mask;
    json_t *root = recorded();

    REQUIRE(json_array_size(root) == 8);
    for (size_t i = 0; i < json_array_size(root); i++) {
        read_mask(&mask, json_array_get(root, i));
        check(&mask);
    }
    json_decref(root);
}

static void check_coco(const struct mask *m)
{
    struct runs runs = {0};
    struct buffer text = {0}, plain = {0};

    runs_append_mask(&runs, m->columns, m->width * m->height);
    rle_coco(&text, &runs);
    for (size_t i = 0; i < text.size; i++) { /* undo JSON's doubling */
        buffer_append(&plain, text.data + i, 1);
        i += text.data[i] == '\\';
    }
    CHECK_TEXT(!strcmp(plain.data, text_of(m, "coco")), text_of(m, "coco"));
    buffer_free(&text);
    buffer_free(&plain);
    runs_free(&runs);
}

static void coco_counts_are_those_of_pycocotools(void)
{
    for_each_mask(check_coco);
}

static void check_brush(const struct mask *m)
{
    struct runs runs = {0};
    struct buffer text = {0};

    runs_append_mask(&runs, m->pixels, m->width * m->height);
    rle_brush(&text, &runs);
    CHECK_TEXT(!strcmp(text.data, text_of(m, "labelstudio")), text_of(m, "labelstudio"));
    buffer_free(&text);
    runs_free(&runs);
}

static void brush_bytes_are_those_of_label_studio(void)
{
    for_each_mask(check_brush);
}

static void check_cvat(const struct mask *m)
{
    struct runs runs = {0};
    struct buffer text = {0};
    size_t left = m->width, top = m->height, right = 0, bottom = 0;

    for (size_t i = 0; i < m->width * m->height; i++)
        if (m->pixels[i]) {
            size_t x = i % m->width, y = i / m->width;
            left = x < left ? x : left;
            right = x + 1 > right ? x + 1 : right;
            top = y < top ? y : top;
            bottom = y + 1;
        }
    for (size_t y = top; y < bottom; y++)
        runs_append_mask(&runs, m->pixels + y * m->width + left, right - left);
    for (size_t i = 0; i < runs.count; i++)
        buffer_format(&text, "%zu,", runs.lengths[i]);
    if (bottom)
        buffer_format(&text, "%zu,%zu,%zu,%zu", left, top, right - 1, bottom - 1);
    CHECK_TEXT(!strcmp(bottom ? text.data : "", text_of(m, "cvat")), text_of(m, "cvat"));
    buffer_free(&text);
    runs_free(&runs);
}

static void runs_of_rows_in_a_box_are_those_of_cvat(void)
{
    for_each_mask(check_cvat);
}

static const struct test tests[] = {
    {"coco_counts_are_those_of_pycocotools", coco_counts_are_those_of_pycocotools},
    {"brush_bytes_are_those_of_label_studio", brush_bytes_are_those_of_label_studio},
    {"runs_of_rows_in_a_box_are_those_of_cvat", runs_of_rows_in_a_box_are_those_of_cvat},
};

TEST_MAIN(tests)
