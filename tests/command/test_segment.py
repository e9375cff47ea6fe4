"""What `clipseg segment` writes, where, and how it fails."""
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
from PIL import Image

from harness import CLIPSEG, DATA, EXAMPLE, MODEL, PICTURE, check_failure, check_success, clipseg, main
from peers import enlarged


def listing(folder="."):
    return sorted(os.path.relpath(os.path.join(d, f), folder) for d, _, names in os.walk(folder) for f in names)


def test_default_formats_are_overlay_and_mask_beside_the_picture():
    shutil.copy(PICTURE, "cup.png")
    check_success(clipseg("segment", "cup.png", "-p", "a glass", "-p", "Fork & Knife!"))
    assert listing() == ["cup.00-a-glass.mask.png", "cup.00-a-glass.overlay.png", "cup.01-Fork-Knife.mask.png",
                         "cup.01-Fork-Knife.overlay.png", "cup.png"], listing()


def test_everything_has_the_pictures_size_but_npy():
    check_success(clipseg("segment", PICTURE, "-p", "a", "-p", "b", "-o", "out",
                          "-f", "mask,heatmap,overlay,labels,figure,npy,json"))
    for name in ("00-a.mask", "00-a.heatmap", "00-a.overlay", "labels"):
        assert Image.open(f"out/picture.{name}.png").size == (120, 90)
    assert np.load("out/picture.npy").shape == (2, 80, 80)
    assert np.load("out/picture.npy").dtype == np.float32
    assert Image.open("out/picture.figure.png").width > 3 * 300


def answers():
    check_success(clipseg("segment", PICTURE, "-p", "a glass", "-p", "blueberries", "-o", ".", "--threshold", "0.4", "--refine", "off",
                          "-f", "npy,mask,labels,json,heatmap"))
    return [enlarged(x.astype(np.float64), 120, 90) for x in np.load("picture.npy")]


def test_mask_is_white_above_the_threshold():
    probability = answers()[0]
    mask = np.asarray(Image.open("picture.00-a-glass.mask.png"))
    assert set(np.unique(mask)) <= {0, 255}
    sure = np.abs(probability - 0.4) > 1e-4
    assert ((mask > 0) == (probability > 0.4))[sure].all()


def test_labels_follow_the_guides_rule():
    probability = np.stack([np.full((90, 120), 0.4)] + answers())
    labels = Image.open("picture.labels.png")
    assert labels.mode == "P"
    ordered = np.sort(probability, 0)
    sure = ordered[-1] - ordered[-2] > 1e-4
    assert (np.asarray(labels) == probability.argmax(0))[sure].all()


def test_json_tells_area_box_and_probability():
    probability = answers()[1]
    data = json.load(open("picture.json"))
    assert (data["width"], data["height"]) == (120, 90)
    entry = data["prompts"][1]
    mask = np.asarray(Image.open("picture.01-blueberries.mask.png")) > 0
    y, x = np.nonzero(mask)
    assert entry["prompt"] == "blueberries" and entry["area"] == mask.sum()
    box = [x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1] if len(x) else [0, 0, 0, 0]
    assert entry["box"] == [int(v) for v in box]
    assert abs(entry["mean"] - probability.mean()) < 1e-4 and abs(entry["max"] - probability.max()) < 1e-4


def test_json_option_prints_one_line_per_picture_and_writes_nothing():
    result = check_success(clipseg("segment", PICTURE, EXAMPLE, "-p", "a", "--json"))
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [r["image"] for r in rows] == [PICTURE, EXAMPLE]
    assert listing() == []


def test_prompts_keep_their_order_and_may_be_pictures():
    open("list.txt", "w").write("one\r\ntwo\n\n")
    check_success(clipseg("segment", PICTURE, "--prompt-image", EXAMPLE, "--prompts", "list.txt", "-p", "three", "-o",
                          "out", "-f", "mask"))
    assert listing("out") == ["picture.00-example-png.mask.png", "picture.01-one.mask.png", "picture.02-two.mask.png",
                              "picture.03-three.mask.png"]


def test_prompts_cannot_leave_the_folder():
    check_success(clipseg("segment", PICTURE, "-p", "../../etc/x", "-p", "..", "-p", "日本/語", "-o", "out", "-f", "mask"))
    assert listing() == ["out/picture.00-etc-x.mask.png", "out/picture.01.mask.png", "out/picture.02-日本-語.mask.png"]


def test_stdin_and_stdout():
    data = open(PICTURE, "rb").read()
    result = check_success(clipseg("segment", "-", "-p", "a", "-f", "mask", "-o", "-", stdin=data))
    assert result.stdout.startswith(b"\x89PNG") and listing() == []
    check_success(clipseg("segment", "-", "-p", "a", "-f", "npy", stdin=data))
    assert listing() == ["stdin.npy"]


def test_folders_are_searched_by_content_and_mirrored():
    os.makedirs("in/deep")
    shutil.copy(PICTURE, "in/b.dat")
    shutil.copy(EXAMPLE, "in/deep/a.png")
    open("in/readme.txt", "w").write("no picture")
    os.symlink("..", "in/deep/loop")
    check_success(clipseg("segment", "in", "-p", "x", "-f", "json", "-o", "out"))
    assert listing("out") == ["b.json", "deep/a.json"], listing("out")


def test_names_that_collide_stop_before_any_work():
    shutil.copy(PICTURE, "a.png")
    shutil.copy(PICTURE, "a.jpg")
    check_failure(clipseg("segment", "a.png", "a.jpg", "-p", "x"), 2, "same files")
    assert listing() == ["a.jpg", "a.png"]


def test_one_bad_picture_does_not_stop_the_others():
    shutil.copy(PICTURE, "good.png")
    open("bad.png", "wb").write(open(PICTURE, "rb").read()[:500])
    result = clipseg("segment", "bad.png", "good.png", "-p", "x", "-f", "json")
    assert result.returncode == 8, result.stderr
    assert "good.json" in listing() and "bad.json" not in listing()
    assert b"bad.png" in result.stderr and b"1 of 2" in result.stderr


def test_a_list_of_files():
    open("list.txt", "w").write(f"{PICTURE}\n{EXAMPLE}\n")
    check_success(clipseg("segment", "--files-from", "list.txt", "-p", "x", "-f", "json", "-o", "out"))
    assert listing("out") == ["example.json", "picture.json"]


def test_exit_codes():
    check_failure(clipseg("segment", PICTURE), 2, "no prompt")
    check_failure(clipseg("segment", "-p", "x"), 2, "no picture")
    check_failure(clipseg("segment", PICTURE, "-p", ""), 2, "empty")
    check_failure(clipseg("segment", PICTURE, "-p", "  \t"), 2, "empty")
    check_failure(clipseg("segment", PICTURE, "-p", b"\xff\xfe".decode("utf-8", "surrogateescape")), 2, "UTF-8")
    check_failure(clipseg("segment", PICTURE, "-p", "x", "-f", "jpeg"), 2, "no format")
    check_failure(clipseg("segment", PICTURE, "-p", "x", "--threshold", "2"), 2, "0 to 1")
    check_failure(clipseg("segment", PICTURE, "-p", "x", "--input-size", "50"), 2, "multiple")
    check_failure(clipseg("segment", PICTURE, "-p", "x", "--cpu", "z80"), 2, "z80")
    check_failure(clipseg("segment", PICTURE, "--promt", "x"), 2, "--prompt")
    check_failure(clipseg("segment", PICTURE, "-p", "x", "-m", "/nowhere"), 5, "/nowhere")
    check_failure(clipseg("segment", PICTURE, "-p", "x", "-m", DATA), 3, "config.json")
    check_failure(clipseg("segment", PICTURE, "-p", "x", "-m", "org/none"), 3, "org/none")
    check_failure(clipseg("segment", "nothing.png", "-p", "x"), 5, "nothing.png")
    check_failure(clipseg("segment", os.path.join(DATA, "make_tiny.py"), "-p", "x"), 4, "no picture")
    os.mkdir("empty")
    check_failure(clipseg("segment", "empty", "-p", "x"), 4, "no pictures")
    check_failure(clipseg("nonsense"), 2, "nonsense")


def test_output_that_cannot_be_written():
    open("file", "w").write("x")
    check_failure(clipseg("segment", PICTURE, "-p", "x", "-f", "mask", "-o", "file/deep"), 5)
    assert listing() == ["file"]


def test_old_files_survive_a_full_disk_and_nothing_is_left_over():
    shutil.copy(PICTURE, "a.png")
    check_success(clipseg("segment", "a.png", "-p", "x", "-f", "heatmap"))
    before = open("a.00-x.heatmap.png", "rb").read()

    def limit():
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    result = clipseg("segment", "a.png", "-p", "x", "-f", "heatmap", preexec_fn=limit)
    assert result.returncode == 5, result.stderr
    assert open("a.00-x.heatmap.png", "rb").read() == before
    assert listing() == ["a.00-x.heatmap.png", "a.png"]


def test_long_prompts_are_cut_and_said():
    result = check_success(clipseg("segment", PICTURE, "-p", "glass " * 40, "--json"))
    assert b"cut to 20" in result.stderr
    assert check_success(clipseg("segment", PICTURE, "-p", "glass " * 40, "--json", "-q")).stderr == b""


def test_one_file_serves_ten_thousand_prompts_in_flat_memory():
    open("many.txt", "w").write("".join(f"thing {i}\n" for i in range(2000)))
    result = check_success(clipseg("segment", EXAMPLE, "--prompts", "many.txt", "--json"))
    assert len(json.loads(result.stdout)["prompts"]) == 2000


def test_every_tier_gives_the_same_numbers():
    outputs = []
    for cpu in ("scalar", "avx2", "avx512"):
        check_success(clipseg("segment", PICTURE, "-p", "a glass", "-f", "npy", "-o", cpu, "--cpu", cpu))
        outputs.append(np.load(f"{cpu}/picture.npy"))
    for other in outputs[1:]:
        assert np.abs(outputs[0] - other).max() <= 1e-4 * outputs[0].std()


def test_progress_only_on_a_terminal():
    shutil.copy(PICTURE, "a.png")
    shutil.copy(PICTURE, "b.png")
    arguments = ["segment", "a.png", "b.png", "-p", "x", "-f", "json"]
    result = check_success(clipseg(*arguments))
    assert result.stderr.count(b"\n") == 1 and b"\r" not in result.stderr and b"2 of 2 pictures done" in result.stderr
    parent, child = pty.openpty()
    subprocess.run([CLIPSEG, *arguments, "-m", MODEL], stderr=child, check=True)
    os.close(child)
    assert "2" in os.read(parent, 4096).decode()
    os.close(parent)


def test_interruption_leaves_nothing_half_written():
    os.mkdir("in")
    for i in range(400):
        shutil.copy(PICTURE, f"in/{i:03d}.png")
    process = subprocess.Popen([CLIPSEG, "segment", "in", "-p", "x", "-f", "mask", "-o", "out", "-m", MODEL],
                               stderr=subprocess.DEVNULL)
    while not os.path.isdir("out"):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    for name in listing("out"):
        assert name.endswith(".journal") or Image.open(f"out/{name}").size == (120, 90)


def test_help_lists_every_option():
    for command in ("segment", "prompt", "classify", "info", "tokenize", "bench"):
        short = check_success(clipseg("help", command)).stdout
        assert short == check_success(clipseg(command, "--help")).stdout
        assert b"--model" in short


if __name__ == "__main__":
    main(sys.modules[__name__])
