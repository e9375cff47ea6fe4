"""convert --type int8: what it calibrates on, and what it says about the file."""
import io
import json
import os
import shutil
import sys

import numpy
from PIL import Image

from harness import CLIPSEG, EXAMPLE, MODEL, PICTURE, Skip, check_failure, check_success, clipseg, main
from models import CLIP

INT8 = ("--type", "int8")


def write_pictures(folder, count):
    os.mkdir(folder)
    for i in range(count):
        pixels = numpy.random.default_rng(i).integers(0, 256, (5, 7, 3), dtype=numpy.uint8)
        Image.fromarray(pixels).resize((70, 50)).save(f"{folder}/{i:02d}.png")


def convert(*arguments):
    return json.loads(check_success(clipseg("convert", *INT8, *arguments, "--json")).stdout)


def probabilities(model, picture, prompts):
    words = [word for prompt in prompts for word in ("-p", prompt)]
    data = check_success(clipseg("segment", picture, "-m", model, *words, "-f", "npy", "-o", "-", "--refine", "off")).stdout
    return 1 / (1 + numpy.exp(-numpy.load(io.BytesIO(data)).astype("f8")))


def test_the_accuracy_is_that_of_the_masks_of_file_and_model():
    os.mkdir("own")
    shutil.copy(PICTURE, "own")
    shutil.copy(EXAMPLE, "own")
    prompts = ["a glass", "something red"]
    found = convert(MODEL, "model.gguf", "--calibrate", "own", "-p", prompts[0], "-p", prompts[1])
    assert found["file"] == "model.gguf" and found["type"] == "int8" and found["bytes"] == os.path.getsize("model.gguf")
    before, after = (numpy.stack([probabilities(m, p, prompts) for p in (PICTURE, EXAMPLE)]) for m in (MODEL, "./model.gguf"))
    accuracy = found["accuracy"]
    assert accuracy["pictures"] == 2 and [p["prompt"] for p in accuracy["prompts"]] == prompts
    rows = [(accuracy["prompts"][i], before[:, i], after[:, i]) for i in range(2)] + [(accuracy, before, after)]
    for row, x, y in rows:
        both, either = ((x > 0.5) & (y > 0.5)).sum(), ((x > 0.5) | (y > 0.5)).sum()
        assert 0 < row["difference"] and abs(row["difference"] - abs(x - y).mean()) < 1e-5, row
        assert abs(row["iou"] - both / either) < 1e-3 and abs(row["area"] - either / x.size) < 1e-3, row
    assert accuracy["iou"] > 0.97 and accuracy["difference"] < 0.01


def test_the_table_has_a_row_for_every_prompt():
    result = check_success(clipseg("convert", *INT8, MODEL, "model.gguf"))
    lines = result.stdout.decode().splitlines()
    assert "built-in pictures" in lines[0] and lines[1].split()[0] == "mask" and lines[-1].endswith("(all)")
    assert len(lines) > 4 and all(0.9 < float(line.split()[0]) <= 1 for line in lines[2:])
    result = check_success(clipseg("convert", *INT8, MODEL, "model.gguf", "-p", "a fork", "-q"))
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
    check_failure(clipseg("convert", MODEL, "x.gguf", "-p", "a cat", "--type", "f16"), 2, "-p belongs to --type int8")
    check_failure(clipseg("convert", *INT8, MODEL, "x.gguf", "-p", ""), 2, "prompt is empty")
    assert os.listdir(".") == ["none"]


def test_bench_says_that_bytes_are_multiplied():
    convert(MODEL, "model.gguf")
    runs = json.loads(check_success(clipseg("bench", "-m", "model.gguf", "--json", "--repeat", "1")).stdout)["runs"]
    assert [run["precision"] for run in runs] == ["int8", "int8"]


def test_plain_clip_is_compared_by_its_vectors():
    assert "cosine" in check_success(clipseg("convert", *INT8, CLIP, "clip.gguf")).stdout.decode()
    deeper = os.path.join(os.path.dirname(CLIPSEG), "checkpoints", "clip-tiny-b-16")
    if not os.path.exists(deeper):
        raise Skip("tests/make_checkpoints has not run")
    found = convert(deeper, "clip.gguf")["accuracy"]
    assert 0.99 < found["least_cosine"] <= found["mean_cosine"] < 1 and "iou" not in found


def test_other_types_say_their_size():
    found = json.loads(check_success(clipseg("convert", MODEL, "model.gguf", "--json")).stdout)
    assert found == {"file": "model.gguf", "type": "f32", "bytes": os.path.getsize("model.gguf")}


if __name__ == "__main__":
    main(sys.modules[__name__])
