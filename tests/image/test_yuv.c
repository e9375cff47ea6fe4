/* test_yuv.c: video frames to RGB and back, against the formulas of the standards in double precision. */
#include <math.h>
#include <string.h>

#include "image/y4m.h"
#include "tests/test.h"

static const double weights[3][2] = {{0.299, 0.114}, {0.2126, 0.0722}, {0.2627, 0.0593}};

static double between(double value)
{
    return value < 0.0 ? 0.0 : value > 255.0 ? 255.0 : value;
}

static void reference(const struct yuv_format *f, double y, double cb, double cr, double rgb[3])
{
    double kr = weights[f->matrix][0], kb = weights[f->matrix][1], kg = 1.0 - kr - kb;

    y = f->full_range ? y / 255.0 : (y - 16.0) / 219.0;
    cb = (cb - 128.0) / (f->full_range ? 255.0 : 224.0);
    cr = (cr - 128.0) / (f->full_range ? 255.0 : 224.0);
    double r = y + (2.0 - 2.0 * kr) * cr, b = y + (2.0 - 2.0 * kb) * cb;
    rgb[0] = between(255.0 * r);
    rgb[1] = between(255.0 * (y - kr * r - kb * b) / kg);
    rgb[2] = between(255.0 * b);
}

static uint8_t noise(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (uint8_t)(*seed >> 24);
}

/* Every matrix and range, on pixels of any value. */
static void yuv_444_is_the_standards_formula_within_one(void)
{
    enum { SIDE = 64 };
    static uint8_t frame[3 * SIDE * SIDE], rgb[3 * SIDE * SIDE];
    unsigned seed = 1;

    for (int kind = 0; kind < 6; kind++) {
        struct yuv_format f = {SIDE, SIDE, YUV_444, (enum yuv_matrix)(kind / 2), YUV_CENTER, kind % 2};
        double worst = 0.0;
        for (size_t i = 0; i < sizeof frame; i++)
            frame[i] = noise(&seed);
        REQUIRE(yuv_to_rgb(&f, frame, rgb));
        for (size_t i = 0; i < SIDE * SIDE; i++) {
            double want[3];
            reference(&f, frame[i], frame[SIDE * SIDE + i], frame[2 * SIDE * SIDE + i], want);
            for (size_t c = 0; c < 3; c++)
                worst = fmax(worst, fabs(want[c] - (double)rgb[3 * i + c]));
        }
        CHECK(worst < 0.6);
    }
}

/* Chroma that rises by the same amount per pixel is met again at every pixel, if the siting is right. */
static void chroma_is_interpolated_at_its_siting(void)
{
    static const struct {
        enum yuv_layout layout;
        enum yuv_siting siting;
        double x, y[2]; /* where the first sample of Cb and Cr lies */
    } cases[] = {{YUV_420, YUV_CENTER, 0.5, {0.5, 0.5}},
                 {YUV_420, YUV_LEFT, 0.0, {0.5, 0.5}},
                 {YUV_420, YUV_DV, 0.0, {0.0, 1.0}},
                 {YUV_422, YUV_LEFT, 0.0, {0.0, 0.0}}};
    enum { W = 24, H = 20 };

    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct yuv_format f = {W, H, cases[k].layout, YUV_BT601, cases[k].siting, true};
        size_t lines = f.layout == YUV_420 ? H / 2 : H, step = f.layout == YUV_420 ? 2 : 1;
        static uint8_t frame[3 * W * H], rgb[3 * W * H];
        double worst = 0.0;
        memset(frame, 128, sizeof frame);
        for (size_t plane = 0; plane < 2; plane++)
            for (size_t y = 0; y < lines; y++)
                for (size_t x = 0; x < W / 2; x++) {
                    double px = 2.0 * (double)x + cases[k].x, py = (double)(step * y) + cases[k].y[plane];
                    frame[W * H + (plane * lines + y) * (W / 2) + x] = (uint8_t)(100.0 + 2.0 * px + 2.0 * py);
                }
        REQUIRE(yuv_to_rgb(&f, frame, rgb));
        for (size_t y = 2; y + 2 < H; y++)
            for (size_t x = 2; x + 2 < W; x++) {
                double chroma = 100.0 + 2.0 * (double)x + 2.0 * (double)y, want[3];
                reference(&f, 128.0, chroma, chroma, want);
                for (size_t c = 0; c < 3; c++)
                    worst = fmax(worst, fabs(want[c] - (double)rgb[3 * (y * W + x) + c]));
            }
        CHECK(worst < 1.1);
    }
}

static void there_and_back_changes_nothing_that_the_layout_can_hold(void)
{
    enum { W = 31, H = 17 };

    for (int kind = 0; kind < 24; kind++) {
        struct yuv_format f = {
            W, H, (enum yuv_layout)(kind % 4), (enum yuv_matrix)(kind / 4 % 3), YUV_CENTER, kind / 12};
        static uint8_t frame[3 * W * H], again[3 * W * H], rgb[3 * W * H];
        size_t size = 0;
        int worst = 0;
        REQUIRE(yuv_frame_size(&f, &size) && size <= sizeof frame);
        memset(frame, 110, W * H); /* one colour, within the gamut */
        memset(frame + W * H, 140, sizeof frame - W * H);
        REQUIRE(yuv_to_rgb(&f, frame, rgb));
        yuv_from_rgb(&f, rgb, again);
        for (size_t i = 0; i < size; i++)
            worst = abs(frame[i] - again[i]) > worst ? abs(frame[i] - again[i]) : worst;
        CHECK(worst <= 1);
    }
}

static void headers_are_read_and_written_again(void)
{
    struct y4m y;
    char line[Y4M_LONGEST + 64];

    REQUIRE(!y4m_parse(&y, "YUV4MPEG2 W720 H576 F25:1 It A16:15 C420mpeg2 XYSCSS=420MPEG2", NULL));
    CHECK(y.format.width == 720 && y.format.height == 576 && y.format.siting == YUV_LEFT && y.interlaced);
    CHECK(y.format.matrix == YUV_BT601 && !y.format.full_range);
    y4m_header(&y, YUV_420, line);
    CHECK(!strcmp(line, "YUV4MPEG2 W720 H576 F25:1 It A16:15 C420mpeg2 XCOLORRANGE=LIMITED\n"));
    REQUIRE(!y4m_parse(&y, "YUV4MPEG2 H1080 W1920 F30000:1001 XCOLORRANGE=FULL C444", NULL));
    CHECK(y.format.layout == YUV_444 && y.format.matrix == YUV_BT709 && y.format.full_range && !y.interlaced);
    y4m_header(&y, YUV_MONO, line);
    CHECK(!strcmp(line, "YUV4MPEG2 W1920 H1080 F30000:1001 Cmono XCOLORRANGE=FULL\n"));
    REQUIRE(!y4m_parse(&y, "YUV4MPEG2 W2 H2", NULL));
    CHECK(y.format.layout == YUV_420 && y.format.siting == YUV_CENTER);
}

static void headers_that_cannot_be_are_refused(void)
{
    static const char *const bad[] = {"",
                                      "YUV4MPEG2",
                                      "YUV4MPEG W1 H1",
                                      "YUV4MPEG2 W1",
                                      "YUV4MPEG2 W0 H1",
                                      "YUV4MPEG2 W-1 H1",
                                      "YUV4MPEG2 W65537 H1",
                                      "YUV4MPEG2 W99999999999999999999 H1",
                                      "YUV4MPEG2 W H1",
                                      "YUV4MPEG2 W1x H1",
                                      "YUV4MPEG2 W1 H1 C420p10",
                                      "YUV4MPEG2 W1 H1 C",
                                      "YUV4MPEG2 W1 H1 C411"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct y4m y;
        clipseg_error error = {0};
        CHECK_TEXT(y4m_parse(&y, bad[i], &error) == CLIPSEG_ERROR_IMAGE && *error.text, bad[i]);
    }
}

static const struct test tests[] = {
    {"yuv_444_is_the_standards_formula_within_one", yuv_444_is_the_standards_formula_within_one},
    {"chroma_is_interpolated_at_its_siting", chroma_is_interpolated_at_its_siting},
    {"there_and_back_changes_nothing_that_the_layout_can_hold",
     there_and_back_changes_nothing_that_the_layout_can_hold},
    {"headers_are_read_and_written_again", headers_are_read_and_written_again},
    {"headers_that_cannot_be_are_refused", headers_that_cannot_be_are_refused},
};

TEST_MAIN(tests)
