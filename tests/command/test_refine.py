"""`--refine` and its controls, and cut-outs."""
import json
import os
import sys

import numpy as np
from PIL import Image

from harness import EXAMPLE, PICTURE, Skip, check_failure, check_success, clipseg, main

BREAKFAST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "breakfast.png")
SHARED = os.environ.get("CLIPSEG_TEST_DATA", os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared"))


def run(folder, *options, formats="mask,labels,json,npy,heatmap", picture=PICTURE):
    check_success(clipseg("segment", picture, "-p", "a glass", "-p", "blueberries", "-o", folder, "-f", formats,
                          "--threshold", "0.4", *options))


def mask(folder, name="picture.00-a-glass.mask.png"):
    return np.asarray(Image.open(f"{folder}/{name}"))


def test_fast_is_the_default_and_logits_stay_raw():
    run("default")
    run("fast", "--refine", "fast")
    run("off", "--refine", "off")
    for name in os.listdir("default"):
        assert open(f"default/{name}", "rb").read() == open(f"fast/{name}", "rb").read(), name
    assert open("default/picture.npy", "rb").read() == open("off/picture.npy", "rb").read()
    assert not np.array_equal(mask("default"), mask("off"))
    assert not np.array_equal(mask("default", "picture.labels.png"), mask("off", "picture.labels.png"))


def test_mask_json_and_heatmap_agree():
    run("out")
    entry = json.load(open("out/picture.json"))["prompts"][0]
    assert entry["area"] == (mask("out") > 0).sum()
    heat = np.asarray(Image.open("out/picture.00-a-glass.heatmap.png")).astype(int).sum(-1)
    inside = mask("out") > 0
    if inside.any() and not inside.all():
        assert heat[inside].mean() > heat[~inside].mean()


def test_one_label_is_the_mask():
    """Unless the mask is left alone as it would lose a tenth of its area, which maps do not ask."""
    check_success(clipseg("segment", BREAKFAST, "-p", "blueberries", "-f", "labels,mask", "-o", ".", model="demo"))
    labels, white = np.asarray(Image.open("breakfast.labels.png")), mask(".", "breakfast.00-blueberries.mask.png") > 0
    assert white.mean() > 0.02
    assert ((labels > 0) == white).mean() > 0.99


def test_best_and_the_controls_are_accepted():
    for options in (("--refine", "best"), ("--trust", "0"), ("--trust", "4"), ("--contrast", "1"), ("--contrast", "64")):
        run("out", *options, formats="mask")
        assert mask("out").shape == (90, 120)


def test_values_out_of_range_are_named():
    for options, word in ((("--refine", "sharp"), "fast"), (("--trust", "5"), "0 to 4"), (("--trust", "nan"), "0 to 4"),
                          (("--contrast", "0"), "1 to 64"), (("--contrast", "x"), "1 to 64"),
                          (("--cutout-on", "#12345"), "#rrggbb"), (("--cutout-on", "-12345"), "#rrggbb")):
        check_failure(clipseg("segment", PICTURE, "-p", "x", *options), 2, options[0], word)


def test_a_cutout_is_the_picture_with_the_coverage_as_alpha():
    check_success(clipseg("segment", PICTURE, "-p", "a glass", "-f", "cutout,mask", "--threshold", "0.4", "-o", "."))
    cutout = np.asarray(Image.open("picture.00-a-glass.cutout.png"))
    picture = np.asarray(Image.open(PICTURE).convert("RGB"))
    assert cutout.shape == (90, 120, 4)
    alpha = cutout[..., 3]
    assert (cutout[alpha > 0][:, :3] == picture[alpha > 0]).all()
    assert (cutout[alpha == 0] == 0).all()
    white = mask(".") > 0
    assert (white[alpha > 128]).all() and not white[alpha < 127].any()


def test_a_cutout_on_a_colour_has_no_alpha():
    check_success(clipseg("segment", PICTURE, "-p", "a glass", "-f", "cutout", "--threshold", "0.4", "-o", "clear"))
    check_success(clipseg("segment", PICTURE, "-p", "a glass", "-f", "cutout", "--threshold", "0.4", "-o", "solid",
                          "--cutout-on", "#20c040"))
    clear = np.asarray(Image.open("clear/picture.00-a-glass.cutout.png")).astype(float)
    solid = Image.open("solid/picture.00-a-glass.cutout.png")
    assert solid.mode == "RGB"
    alpha = clear[..., 3:] / 255
    want = clear[..., :3] * alpha + np.array([0x20, 0xc0, 0x40]) * (1 - alpha)
    assert np.abs(np.asarray(solid) - want).max() <= 1


def test_a_cutout_without_refinement_is_the_bilinear_mask():
    check_success(clipseg("segment", PICTURE, "-p", "a glass", "-f", "cutout,mask", "--refine", "off", "-o", "."))
    alpha = np.asarray(Image.open("picture.00-a-glass.cutout.png"))[..., 3]
    white = mask(".") > 0
    assert white[alpha > 128].all() and not white[alpha < 127].any()


def test_a_reshaped_mask_is_cut_out_as_it_was_reshaped():
    check_success(clipseg("segment", PICTURE, "-p", "a glass", "-f", "cutout", "--threshold", "0.4", "-o", "plain"))
    check_success(clipseg("segment", PICTURE, "-p", "a glass", "-f", "cutout", "--threshold", "0.4", "-o", "inverted",
                          "--invert"))
    plain, inverted = (np.asarray(Image.open(f"{d}/picture.00-a-glass.cutout.png"))[..., 3] for d in ("plain", "inverted"))
    assert (inverted == 255 - plain).all() and len(np.unique(plain)) > 2


def test_a_cutout_stays_soft_where_its_edge_does_not_move():
    def alpha(*options):
        check_success(clipseg("segment", BREAKFAST, "-p", "blueberries", "-f", "cutout,mask", "-m", "demo", "-o", "out", *options))
        name = next(f for f in os.listdir("out") if f.endswith(".mask.png"))
        return (np.asarray(Image.open(f"out/{name.replace('mask', 'cutout')}"))[..., 3], np.asarray(Image.open(f"out/{name}")))

    plain, _ = alpha()
    assert len(np.unique(plain)) > 20
    assert (alpha("--min-area", "1")[0] == plain).all()
    kept, white = alpha("--min-area", "10")
    assert len(np.unique(kept)) > 20 and (kept[white > 0] == plain[white > 0]).all()
    grown, white = alpha("--grow", "3")
    assert (grown == white).all()
    feathered, white = alpha("--grow", "3", "--feather", "6")
    assert np.abs(feathered.astype(int) - white).max() <= 1 and len(np.unique(feathered)) > 2


def test_what_would_go_unheeded_is_refused():
    for options in (("--trust", "2"), ("--contrast", "3")):
        check_failure(clipseg("segment", PICTURE, "-p", "x", "--refine", "off", *options), 2, options[0], "--refine")
        check_failure(clipseg("segment", PICTURE, "-p", "x", *options, "--refine", "off"), 2, options[0], "--refine")
    check_failure(clipseg("segment", PICTURE, "-p", "x", "-f", "mask", "--cutout-on", "white"), 2, "--cutout-on", "-f cutout")


def test_threads_and_instruction_sets_agree():
    for threads in ("1", "2", "3"):
        run(threads, "-t", threads, formats="mask,labels")
    run("scalar", "--cpu", "scalar", formats="mask,labels")
    for name in ("picture.00-a-glass.mask.png", "picture.labels.png"):
        assert np.array_equal(mask("1", name), mask("2", name)) and np.array_equal(mask("1", name), mask("3", name))
        assert (mask("1", name) != mask("scalar", name)).mean() < 0.002


def test_many_labels_leave_no_gap_and_stream():
    open("many.txt", "w").write("".join(f"thing {i}\n" for i in range(40)))
    check_success(clipseg("segment", EXAMPLE, "--prompts", "many.txt", "-f", "labels", "--threshold", "0", "-o", "."))
    labels = np.asarray(Image.open("example.labels.png"))
    assert (labels > 0).all()


def test_a_photograph_of_12_megapixels():
    photo = os.path.join(SHARED, "images", "sky-193508.jpg")
    if not os.path.exists(photo):
        raise Skip("no sky-193508.jpg in CLIPSEG_TEST_DATA")
    check_success(clipseg("segment", photo, "-p", "a glass", "-f", "mask", "-o", "."))
    assert mask(".", "sky-193508.00-a-glass.mask.png").shape == (4032, 3024)


def test_search_and_video_refine_as_segment_does():
    for mode in ("fast", "off"):
        run(mode, "--refine", mode, "--threshold", "0.5")
    picture = Image.open(PICTURE).convert("RGB")
    stream = clipseg("segment", "--video", "rgb24", "--size", f"{picture.width}x{picture.height}", "-p", "a glass", "-f", "mask",
                     "-o", "-", stdin=picture.tobytes())
    frame = np.frombuffer(check_success(stream).stdout, np.uint8).reshape(picture.height, picture.width, 3)
    assert (frame == mask("fast")[..., None]).all() and not (frame == mask("off")[..., None]).all()
    if b"left out" in clipseg("--help").stdout:
        raise Skip("search: built without SQLite")
    check_success(clipseg("index", PICTURE, "-o", "photos.db", "-q"))
    hit = json.loads(check_success(clipseg("search", "photos.db", "a glass", "--segment", "--json")).stdout)
    area = {name: (mask(name) > 0).mean() for name in ("fast", "off")}
    assert abs(hit["area"] - area["fast"]) < 1e-6 < abs(hit["area"] - area["off"])


if __name__ == "__main__":
    main(sys.modules[__name__])
