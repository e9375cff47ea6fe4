"""embed and classify: vectors of pictures and texts, and what is made of them."""
import json
import os
import shutil
import sys

import numpy as np
from harness import DATA, EXAMPLE, PICTURE, check_failure, check_success, clipseg, main

CLIP = os.path.join(DATA, "tiny-clip")


def lines(result):
    return [json.loads(line) for line in check_success(result).stdout.splitlines()]


def test_pictures_become_rows_in_the_order_given():
    check_success(clipseg("embed", PICTURE, EXAMPLE, "-o", "out/v.npy"))
    array, rows = np.load("out/v.npy"), lines(clipseg("embed", EXAMPLE, PICTURE))
    assert array.dtype == np.float32 and array.shape == (2, 24) and np.allclose(np.linalg.norm(array, axis=1), 1)
    assert open("out/v.txt").read().splitlines() == [PICTURE, EXAMPLE]
    assert [r["image"] for r in rows] == [EXAMPLE, PICTURE]
    assert np.array_equal(np.float32(rows[1]["embedding"]), array[0])
    assert np.abs(array[0] - array[1]).max() > 1e-3


def test_raw_vectors_keep_their_length():
    raw, unit = (np.array(lines(clipseg("embed", "-p", "a glass", *more))[0]["embedding"]) for more in (["--raw"], []))
    assert abs(np.linalg.norm(raw) - 1) > 0.05 and np.allclose(raw / np.linalg.norm(raw), unit, atol=1e-6)


def test_many_texts_are_the_same_as_each_alone():
    texts = [f"a photo of {n} spoons" for n in range(150)]
    open("texts.txt", "w").write("\n".join(texts))
    check_success(clipseg("embed", "--prompts", "texts.txt", "-o", "t.npy"))
    assert open("t.txt").read().splitlines() == texts
    array = np.load("t.npy")
    assert array.shape == (150, 24)
    alone = lines(clipseg("embed", "-p", texts[77]))[0]
    assert alone["text"] == texts[77] and np.allclose(alone["embedding"], array[77], atol=1e-6)


def test_a_bad_picture_has_no_row_and_the_others_keep_theirs():
    os.mkdir("in")
    for i in range(40):
        shutil.copy((PICTURE, EXAMPLE)[i % 2], f"in/{i:02}.png")
    whole = np.array([r["embedding"] for r in lines(clipseg("embed", "in"))])
    open("in/07.png", "r+b").truncate(200)
    result = clipseg("embed", "in", "-o", "v.npy")
    assert result.returncode == 8 and b"07.png" in result.stderr
    names = open("v.txt").read().splitlines()
    assert len(names) == 39 and "in/07.png" not in names
    assert np.allclose(np.load("v.npy"), np.delete(whole, 7, 0), atol=1e-6)
    check_failure(clipseg("embed", "in/07.png", "-o", "none.npy"), 4, "07.png")
    assert not os.path.exists("none.npy") and not os.path.exists("none.txt")


def test_mistakes_are_named():
    check_failure(clipseg("embed"), 2, "no picture")
    check_failure(clipseg("embed", PICTURE, "-p", "x"), 2, "not both")
    check_failure(clipseg("embed", "-p", ""), 2, "empty")
    check_failure(clipseg("embed", "missing.png"), 5, "missing.png")


def test_classify_is_the_softmax_of_the_scaled_cosines_of_embed():
    words = ["a glass", "fork", "orange juice"]
    rows = lines(clipseg("classify", PICTURE, *sum((["-p", w] for w in words), []), "--json", model=CLIP))[0]["labels"]
    image = np.array(lines(clipseg("embed", PICTURE, model=CLIP))[0]["embedding"])
    cosines = {w: image @ np.array(lines(clipseg("embed", "-p", w, model=CLIP))[0]["embedding"]) for w in words}
    logits = np.array([r["logit"] for r in rows])
    assert np.allclose(logits, [np.exp(3.0) * cosines[r["label"]] for r in rows], atol=1e-4)
    assert np.allclose([r["probability"] for r in rows], np.exp(logits) / np.exp(logits).sum(), atol=1e-5)


def test_classify_averages_templates_as_clip_does():
    templates, words = ["a photo of a {}", "the {}", "{}!"], ["glass", "fork"]
    options = sum((["--template", t] for t in templates), []) + sum((["-p", w] for w in words), [])
    rows = lines(clipseg("classify", PICTURE, *options, "--json", model=CLIP))[0]["labels"]
    image = np.array(lines(clipseg("embed", PICTURE, model=CLIP))[0]["embedding"])
    for row in rows:
        filled = sum((["-p", t.replace("{}", row["label"])] for t in templates), [])
        mean = np.mean([r["embedding"] for r in lines(clipseg("embed", *filled, model=CLIP))], 0)
        assert abs(row["logit"] - np.exp(3.0) * (image @ mean) / np.linalg.norm(mean)) < 1e-4
    check_failure(clipseg("classify", PICTURE, "-p", "x", "--template", "no place", model=CLIP), 2, "{}")


def test_classify_reads_labels_from_a_file_and_folders_give_a_line_each():
    os.mkdir("in")
    for i in range(5):
        shutil.copy((PICTURE, EXAMPLE)[i % 2], f"in/{i}.png")
    open("labels.txt", "w").write("a glass\nfork\nspoons\n")
    text = check_success(clipseg("classify", "in", "--labels", "labels.txt", model=CLIP)).stdout.decode()
    assert [line.split(":")[0] for line in text.splitlines()] == [f"in/{i}.png" for i in range(5)]
    top = check_success(clipseg("classify", PICTURE, "--labels", "labels.txt", "--top", "2", model=CLIP)).stdout.decode()
    assert len(top.splitlines()) == 2 and "%" in top


def test_a_model_without_decoder_says_that_it_cannot_segment():
    check_failure(clipseg("segment", PICTURE, "-p", "a glass", model=CLIP), 3, "without a decoder")


if __name__ == "__main__":
    main(sys.modules[__name__])
