/* test_image.c: pictures as Pillow sees them. Recorded by tests/image/record_pillow.py. */
#include <string.h>

#include <jansson.h>

#include "base/file.h"
#include "image/image.h"
#include "image/orientation.h"
#include "tests/image/sha256.h"
#include "tests/test.h"

static bool has_sha256(const uint8_t *data, size_t size, const char *want)
{
    char hex[65];

    sha256_hex(data, size, hex);
    return want && !strcmp(hex, want);
}

/* Lines of {"image", "width", "height", "resample", "sha256"}. */
static void compare_resizes(const char *list, const char *images)
{
    struct file_map map;
    size_t lines = 0;

    REQUIRE(!file_map_open(&map, list, NULL));
    const char *end = (const char *)map.data + map.size;
    for (const char *line = (const char *)map.data, *next; line < end; line = next + 1) {
        char path[4400], text[6000];
        next = memchr(line, '\n', (size_t)(end - line));
        json_t *row = json_loadb(line, (size_t)(next - line), 0, NULL);
        size_t width = (size_t)json_integer_value(json_object_get(row, "width"));
        size_t height = (size_t)json_integer_value(json_object_get(row, "height"));
        clipseg_image image = {0};
        snprintf(path, sizeof path, "%s/%s", images, json_string_value(json_object_get(row, "image")));
        REQUIRE(!clipseg_image_load(&image, path, NULL, NULL));
        uint8_t *out = malloc(width * height * 3);
        CHECK(!image_resize(image.rgb, image.width, image.height, out, width, height,
                            (enum image_filter)json_integer_value(json_object_get(row, "resample")), NULL));
        snprintf(text, sizeof text, "%s to %zu x %zu", path, width, height);
        CHECK_TEXT(has_sha256(out, width * height * 3, json_string_value(json_object_get(row, "sha256"))),
                   text);
        free(out);
        clipseg_image_free(&image);
        json_decref(row);
        lines++;
    }
    CHECK(lines >= 16);
    file_map_close(&map);
}

static void resize_is_bit_equal_to_pillow(void)
{
    char list[4096];

    snprintf(list, sizeof list, "%s", test_file("resize.jsonl"));
    compare_resizes(list, test_file(""));
}

static void resize_of_photographs_is_bit_equal_to_pillow(void)
{
    char list[4096], images[4096];

    if (!test_shared("goldens/resize.jsonl")) {
        test_skip("the large test data is not here");
        return;
    }
    snprintf(list, sizeof list, "%s", test_shared("goldens/resize.jsonl"));
    snprintf(images, sizeof images, "%.*s/images", (int)(strlen(list) - strlen("/goldens/resize.jsonl")),
             list);
    compare_resizes(list, images);
}

/* tests/data/pictures/NAME with the SHA-256 of its upright RGB pixels, or "refused". */
static void every_kind_of_picture_decodes_as_in_pillow(void)
{
    struct file_map map;
    json_t *list;
    const char *name;
    const json_t *want;

    REQUIRE(!file_map_open(&map, test_file("pictures.json"), NULL));
    list = json_loadb((const char *)map.data, map.size, 0, NULL);
    REQUIRE(json_object_size(list) > 20);
    json_object_foreach(list, name, want)
    {
        char path[4400], text[6000];
        clipseg_image image = {0};
        clipseg_error error = {0};
        snprintf(path, sizeof path, "%s/%s", test_file("pictures"), name);
        clipseg_status status = clipseg_image_load(&image, path, NULL, &error);
        snprintf(text, sizeof text, "%s: %s", name, status ? error.text : "other pixels than Pillow's");
        CHECK_TEXT(!status && image.width == (size_t)json_integer_value(json_object_get(want, "width")) &&
                       has_sha256(image.rgb, image.width * image.height * 3,
                                  json_string_value(json_object_get(want, "sha256"))),
                   text);
        clipseg_image_free(&image);
    }
    json_decref(list);
    file_map_close(&map);
}

/* A picture cut off anywhere is refused with a reason, never half-decoded, and nothing is read behind its
 * end. */
static void cut_off_pictures_are_refused(void)
{
    struct file_map list;
    json_t *names;
    const char *name;
    const json_t *unused;

    REQUIRE(!file_map_open(&list, test_file("pictures.json"), NULL));
    names = json_loadb((const char *)list.data, list.size, 0, NULL);
    json_object_foreach(names, name, unused)
    {
        char path[4400], text[6000];
        struct file_map map;
        snprintf(path, sizeof path, "%s/%s", test_file("pictures"), name);
        if (!strcmp(name, "text.ppm")) /* "30" cut to "3" is a number, too */
            continue;
        REQUIRE(!file_map_open(&map, path, NULL));
        for (size_t size = 0; size < map.size;
             size += size < 64 || size + 16 > map.size ? 1 : 1 + map.size / 50) {
            clipseg_image image = {0};
            clipseg_error error = {0};
            unsigned char *exact = malloc(size ? size : 1);
            memcpy(exact, map.data, size);
            clipseg_status status = clipseg_image_load_memory(&image, exact, size, name, NULL, &error);
            snprintf(text, sizeof text, "%s cut to %zu of %zu bytes was accepted", name, size, map.size);
            CHECK_TEXT(status == CLIPSEG_ERROR_IMAGE && *error.text, text);
            clipseg_image_free(&image);
            free(exact);
        }
        file_map_close(&map);
    }
    json_decref(names);
    file_map_close(&list);
}

static void orientations_turn_as_exif_transpose(void)
{
    /* 2 x 3 pixels, numbered by row, seen upright in each orientation */
    static const uint8_t upright[9][6] = {{0},
                                          {0, 1, 2, 3, 4, 5},
                                          {1, 0, 3, 2, 5, 4},
                                          {5, 4, 3, 2, 1, 0},
                                          {4, 5, 2, 3, 0, 1},
                                          {0, 2, 4, 1, 3, 5},
                                          {4, 2, 0, 5, 3, 1},
                                          {5, 3, 1, 4, 2, 0},
                                          {1, 3, 5, 0, 2, 4}};

    for (int orientation = 0; orientation <= 9; orientation++) {
        clipseg_image image = {2, 3, malloc(18), malloc(6)};
        const uint8_t *want = upright[orientation >= 1 && orientation <= 8 ? orientation : 1];
        for (uint8_t i = 0; i < 6; i++)
            image.alpha[i] = image.rgb[3 * i] = image.rgb[3 * i + 1] = image.rgb[3 * i + 2] = i;
        CHECK(!orientation_apply(&image, orientation, NULL));
        CHECK(image.width == (orientation >= 5 && orientation <= 8 ? 3 : 2));
        for (size_t i = 0; i < 6; i++)
            CHECK(image.rgb[3 * i + 1] == want[i] && image.alpha[i] == want[i]);
        clipseg_image_free(&image);
    }
}

static void broken_exif_says_nothing(void)
{
    unsigned char block[64] = "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";

    CHECK(orientation_from_exif(block, 26) == 6);
    for (size_t size = 0; size < 22; size++)
        CHECK(orientation_from_exif(block, size) == 0);
    block[18] = 9;
    CHECK(orientation_from_exif(block, 26) == 1);
    block[4] = 0xff;
    CHECK(orientation_from_exif(block, 26) == 0);
    CHECK(orientation_from_xmp((const unsigned char *)"<x tiff:Orientation=\"8\"/>", 25) == 8);
    CHECK(orientation_from_xmp((const unsigned char *)"<tiff:Orientation>3<", 20) == 3);
    CHECK(orientation_from_xmp((const unsigned char *)"tiff:Orientation", 16) == 0);
}

static void large_pictures_are_refused_before_allocation(void)
{
    static const unsigned char huge[] = "P6 60000 60000 255\n";
    clipseg_image image = {0};
    clipseg_image_options options;
    clipseg_error error;

    CHECK(clipseg_image_load_memory(&image, huge, sizeof huge - 1, "huge", NULL, &error) ==
          CLIPSEG_ERROR_IMAGE);
    clipseg_image_options_default(&options);
    options.max_pixels = 5;
    CHECK(clipseg_image_load_memory(&image, "P5 2 3 255\nabcdef", 17, "small", &options, &error) ==
          CLIPSEG_ERROR_IMAGE);
    CHECK(strstr(error.text, "--max-pixels") != NULL);
    options.max_pixels = 6;
    CHECK(!clipseg_image_load_memory(&image, "P5 2 3 255\nabcdef", 17, "small", &options, &error));
    clipseg_image_free(&image);
}

static void strangers_are_named(void)
{
    clipseg_image image = {0};
    clipseg_error error;

    CHECK(clipseg_image_load_memory(&image, "GIF89a\1\0\1\0", 10, "x", NULL, &error) == CLIPSEG_ERROR_IMAGE);
    CHECK(strstr(error.text, "a GIF") != NULL);
    CHECK(clipseg_image_load_memory(&image, "%PDF-1.7", 8, "x", NULL, &error) == CLIPSEG_ERROR_IMAGE);
    CHECK(strstr(error.text, "a PDF") != NULL);
    CHECK(clipseg_image_load_memory(&image, "", 0, "x", NULL, &error) == CLIPSEG_ERROR_IMAGE);
    CHECK(clipseg_image_load(&image, "/dev/zero", NULL, &error) == CLIPSEG_ERROR_IMAGE);
    CHECK(clipseg_image_load(&image, "/", NULL, &error) == CLIPSEG_ERROR_IMAGE);
}

static const struct test tests[] = {
    {"resize_is_bit_equal_to_pillow", resize_is_bit_equal_to_pillow},
    {"resize_of_photographs_is_bit_equal_to_pillow", resize_of_photographs_is_bit_equal_to_pillow},
    {"every_kind_of_picture_decodes_as_in_pillow", every_kind_of_picture_decodes_as_in_pillow},
    {"cut_off_pictures_are_refused", cut_off_pictures_are_refused},
    {"orientations_turn_as_exif_transpose", orientations_turn_as_exif_transpose},
    {"broken_exif_says_nothing", broken_exif_says_nothing},
    {"large_pictures_are_refused_before_allocation", large_pictures_are_refused_before_allocation},
    {"strangers_are_named", strangers_are_named},
};

TEST_MAIN(tests)
