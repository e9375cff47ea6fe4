"""convert --type int8 and int16: what is calibrated on, and what is said about the file."""
import io
import json
import os
import shutil
import sys

import numpy
from PIL import Image

from harness import CLIPSEG, EXAMPLE, MODEL, PICTURE, Skip, check_failure, check_success, clipseg, main
from models import CLIP

INT8, INT16 = ("--type", "int8"), ("--type", "int16")


def write_pictures(folder, count):
    os.mkdir(folder)
    for i in range(count):
        pixels = numpy.random.default_rng(i).integers(0, 256, (5, 7, 3), dtype=numpy.uint8)
        Image.fromarray(pixels).resize((70, 50)).save(f"{folder}/{i:02d}.png")


def convert(*arguments, kind=INT8):
    return json.loads(check_success(clipseg("convert", *kind, *arguments, "--json")).stdout)


def probabilities(model, picture, prompts, *more):
    words = [word for prompt in prompts for word in ("-p", prompt)]
    data = check_success(clipseg("segment", picture, "-m", model, *words, "-f", "npy", "-o", "-", "--refine", "off", *more)).stdout
    return 1 / (1 + numpy.exp(-numpy.load(io.BytesIO(data)).astype("f8")))


def check_accuracy(accuracy, model, pictures, prompts):
    """Is it what the masks of file and model say?"""
    before, after = (numpy.stack([probabilities(m, p, prompts) for p in pictures]) for m in (MODEL, model))
    assert accuracy["pictures"] == len(pictures) and [p["prompt"] for p in accuracy["prompts"]] == prompts
    rows = [(accuracy["prompts"][i], before[:, i], after[:, i]) for i in range(len(prompts))] + [(accuracy, before, after)]
    for row, x, y in rows:
        both, either = ((x > 0.5) & (y > 0.5)).sum(), ((x > 0.5) | (y > 0.5)).sum()
        assert 0 < row["difference"] and abs(row["difference"] - abs(x - y).mean()) < 1e-5, row
        assert abs(row["iou"] - both / either) < 1e-3 and abs(row["area"] - either / x.size) < 1e-3, row


def test_the_accuracy_is_that_of_the_masks_of_file_and_model():
    os.mkdir("own")
    shutil.copy(PICTURE, "own")
    shutil.copy(EXAMPLE, "own")
    prompts = ["a glass", "something red"]
    found = convert(MODEL, "model.gguf", "--calibrate", "own", "-p", prompts[0], "-p", prompts[1])
    assert found["file"] == "model.gguf" and found["type"] == "int8" and found["bytes"] == os.path.getsize("model.gguf")
    check_accuracy(found["accuracy"], "./model.gguf", (PICTURE, EXAMPLE), prompts)
    assert found["accuracy"]["iou"] > 0.97 and found["accuracy"]["difference"] < 0.01


def test_words_are_the_same_but_for_traces_on_every_instruction_set():
    found = convert(MODEL, "model.gguf", "-p", "a glass", kind=INT16)
    assert found["type"] == "int16" and found["bytes"] == os.path.getsize("model.gguf") and "calibrated_on" not in found
    assert found["accuracy"]["iou"] > 0.998 and 0 < found["accuracy"]["difference"] < 3e-4
    check_success(clipseg("convert", MODEL, "whole.gguf"))
    assert found["bytes"] < 0.8 * os.path.getsize("whole.gguf")
    check_success(clipseg("info", "--verify", "model.gguf"))
    before = probabilities(MODEL, EXAMPLE, ["a glass"])
    for cpu in ("scalar", "avx2", "avx512"):
        after = probabilities("./model.gguf", EXAMPLE, ["a glass"], "--cpu", cpu)
        assert 0 < abs(before - after).mean() < 3e-4
        check_success(clipseg("convert", "-q", *INT16, MODEL, f"{cpu}.gguf", "--cpu", cpu))
        assert open(f"{cpu}.gguf", "rb").read() == open("model.gguf", "rb").read()


def test_the_table_has_a_row_for_every_prompt():
    for kind in (INT8, INT16):
        result = check_success(clipseg("convert", *kind, MODEL, "model.gguf"))
        lines = result.stdout.decode().splitlines()
        assert "built-in pictures" in lines[0] and lines[1].split()[0] == "mask" and lines[-1].endswith("(all)")
        assert len(lines) > 4 and all(0.9 < float(line.split()[0]) <= 1 for line in lines[2:])
        result = check_success(clipseg("convert", *kind, MODEL, "model.gguf", "-p", "a fork", "-q"))
        assert result.stdout == b"" and result.stderr == b""


def test_sixteen_pictures_spread_over_the_folder_are_used():
    write_pictures("many", 40)
    found = convert(MODEL, "a.gguf", "--calibrate", "many")
    assert found["calibrated_on"] == [f"many/{i * 40 // 16:02d}.png" for i in range(16)]
    assert found["accuracy"]["pictures"] == 16
    text = check_success(clipseg("convert", *INT8, MODEL, "b.gguf", "--calibrate", "many")).stdout.decode()
    assert "16 of the 40 pictures of many" in text
    assert open("a.gguf", "rb").read() == open("b.gguf", "rb").read()


def test_own_pictures_change_the_file_and_others_do_not():
    write_pictures("own", 2)
    assert convert(MODEL, "built-in.gguf")["calibrated_on"] == []
    convert(MODEL, "own.gguf", "--calibrate", "own")
    for i in range(2):
        os.remove(f"own/{i:02d}.png")
    shutil.copy(PICTURE, "own")
    convert(MODEL, "other.gguf", "--calibrate", "own")
    assert len({open(name, "rb").read() for name in ("built-in.gguf", "own.gguf", "other.gguf")}) == 3


def test_a_folder_that_is_of_no_use_is_refused_before_anything_is_written():
    os.mkdir("none")
    open("none/notes.txt", "w", encoding="utf-8").write("no picture")
    check_failure(clipseg("convert", *INT8, MODEL, "x.gguf", "--calibrate", "none"), 4, "none", "holds no pictures")
    check_failure(clipseg("convert", *INT8, MODEL, "x.gguf", "--calibrate", "nowhere"), 5, "nowhere")
    open("none/broken.png", "wb").write(open(PICTURE, "rb").read()[:200])
    check_failure(clipseg("convert", *INT8, MODEL, "x.gguf", "--calibrate", "none"), 4, "none/broken.png")
    check_failure(clipseg("convert", MODEL, "x.gguf", "--calibrate", "none"), 2, "--calibrate belongs to --type int8")
    check_failure(clipseg("convert", *INT16, MODEL, "x.gguf", "--calibrate", "none"), 2, "--calibrate belongs to --type int8")
    check_failure(clipseg("convert", MODEL, "x.gguf", "-p", "a cat", "--type", "f16"), 2, "-p belongs to --type int16 and int8")
    check_failure(clipseg("convert", *INT8, MODEL, "x.gguf", "-p", ""), 2, "prompt is empty")
    assert os.listdir(".") == ["none"]


def test_bench_says_that_integers_are_multiplied():
    for kind in (INT8, INT16):
        convert(MODEL, "model.gguf", kind=kind)
        runs = json.loads(check_success(clipseg("bench", "-m", "model.gguf", "--json", "--repeat", "1")).stdout)["runs"]
        assert [run["precision"] for run in runs] == [kind[1], kind[1]]


def test_plain_clip_is_compared_by_its_vectors():
    assert "cosine" in check_success(clipseg("convert", *INT8, CLIP, "clip.gguf")).stdout.decode()
    deeper = os.path.join(os.path.dirname(CLIPSEG), "checkpoints", "clip-tiny-b-16")
    if not os.path.exists(deeper):
        raise Skip("tests/make_checkpoints has not run")
    found = convert(deeper, "clip.gguf")["accuracy"]
    assert 0.99 < found["least_cosine"] <= found["mean_cosine"] < 1 and "iou" not in found
    assert found["least_cosine"] < convert(deeper, "clip.gguf", kind=INT16)["accuracy"]["least_cosine"]


def test_other_types_say_their_size():
    found = json.loads(check_success(clipseg("convert", MODEL, "model.gguf", "--json")).stdout)
    assert found == {"file": "model.gguf", "type": "f32", "bytes": os.path.getsize("model.gguf")}


if __name__ == "__main__":
    main(sys.modules[__name__])
