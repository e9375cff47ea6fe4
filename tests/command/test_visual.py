"""Visual prompts: what the model is shown, and prompts that are kept in files."""
import json
import shutil
import sys

import numpy as np
from PIL import Image

from harness import DATA, EXAMPLE, MODEL, PICTURE, check_failure, check_success, clipseg, main

SIDE = 80  # of the test model's input


def normalisation():
    config = json.load(open(f"{MODEL}/preprocessor_config.json"))
    return np.array(config["image_mean"]), np.array(config["image_std"])


def blurred(image):
    """cv2.GaussianBlur(image, (15, 15), 3)"""
    kernel = np.exp(-np.arange(-7, 8) ** 2 / 18.0)
    kernel /= kernel.sum()
    padded = np.pad(image, ((7, 7), (7, 7), (0, 0)), "reflect")
    rows = sum(k * padded[i:i + image.shape[0]] for i, k in enumerate(kernel))
    return sum(k * rows[:, i:i + image.shape[1]] for i, k in enumerate(kernel))


def nearest(image, side):
    """torch.nn.functional.interpolate(image, (side, side), mode="nearest")"""
    def index(size):
        return np.minimum(np.floor(np.arange(side, dtype=np.float32) * np.float32(size / side)).astype(int), size - 1)
    return image[index(image.shape[0])][:, index(image.shape[1])]


def prepared(picture, mask, crop=True, blur=True, darken=True):
    """The paper's visual prompt on the normalised picture, as 8-bit colours. mask: 0..1."""
    mean, deviation = normalisation()
    if not crop:
        picture = picture.resize((SIDE, SIDE), Image.BICUBIC if resample() == 3 else Image.BILINEAR)
        mask = nearest(mask, SIDE)
    image = (np.asarray(picture, np.float64) / 255 - mean) / deviation
    m = mask[..., None]
    out = image * m + (0.1 if darken else 1) * (blurred(image) if blur else image) * (1 - m)
    if crop:
        y, x = np.nonzero(mask >= 0.5)
        left, right, top, bottom = x.min(), x.max() + 1, y.min(), y.max() + 1
        dx, dy = 0.1 * (right - left), 0.1 * (bottom - top)
        left, right = int(max(0, left - dx)), int(min(mask.shape[1], right + dx))
        top, bottom = int(max(0, top - dy)), int(min(mask.shape[0], bottom + dy))
        out = out[top:bottom, left:right]
        height, width = out.shape[:2]
        side = max(width, height)
        square = np.zeros((side, side, 3))
        square[(side - height) // 2:(side - height) // 2 + height, (side - width) // 2:(side - width) // 2 + width] = out
        out = nearest(square, SIDE)
    return np.clip((out * deviation + mean) * 255, 0, 255)


def resample():
    return json.load(open(f"{MODEL}/preprocessor_config.json")).get("resample", 2)


def shown(prompt, *arguments):
    check_success(clipseg("prompt", prompt, "--show", "shown.png", *arguments))
    return np.asarray(Image.open("shown.png").convert("RGB"), np.float64)


def box_mask(size, x, y, width, height):
    mask = np.zeros((size[1], size[0]))
    mask[y:y + height, x:x + width] = 1
    return mask


def test_the_papers_best_variant_of_a_box():
    picture = Image.open(PICTURE).convert("RGB")
    for box in ((30, 20, 40, 25), (0, 50, 33, 40), (100, 3, 20, 87)):
        found = shown(f"{PICTURE}@{','.join(map(str, box))}")
        assert np.abs(found - prepared(picture, box_mask(picture.size, *box))).max() <= 0.51, box


def test_every_part_alone():
    picture = Image.open(PICTURE).convert("RGB")
    mask = box_mask(picture.size, 30, 20, 40, 25)
    for parts in ("crop", "blur", "darken", "crop,blur", "blur,darken", "darken,crop"):
        found = shown(f"{PICTURE}@30,20,40,25", "--prepare", parts)
        want = prepared(picture, mask, "crop" in parts, "blur" in parts, "darken" in parts)
        assert np.abs(found - want).max() <= (0.51 if "crop" in parts else 1.01), parts
    whole = shown(f"{PICTURE}@30,20,40,25", "--prepare", "none")
    assert np.array_equal(whole, shown(PICTURE)), "nothing prepared is the whole picture"


def test_masks_from_a_file_and_from_transparency():
    picture = Image.open(PICTURE).convert("RGB")
    y, x = np.indices((picture.height, picture.width))
    mask = np.clip(30 - np.hypot(x - 55, y - 50), 0, 8) / 8  # a disc with a soft edge
    soft = Image.fromarray(np.round(255 * mask).astype(np.uint8))
    soft.save("disc.png")
    shutil.copy(PICTURE, "cup.png")
    want = prepared(picture, np.asarray(soft) / 255)
    assert np.abs(shown("cup.png@disc.png") - want).max() <= 0.51
    picture.putalpha(soft)
    picture.save("cut.png")
    assert np.abs(shown("cut.png") - want).max() <= 0.51
    picture.putalpha(255)
    picture.save("opaque.png")
    assert np.array_equal(shown("opaque.png"), shown("cup.png")), "nothing is around an opaque picture"


def test_what_is_shown_is_what_is_embedded():
    """The prepared picture, given as a whole picture, has nearly the same embedding."""
    check_success(clipseg("prompt", f"{PICTURE}@30,20,40,25", "-o", "a.prompt", "--show", "shown.png"))
    check_success(clipseg("prompt", "shown.png", "-o", "b.prompt"))
    check_success(clipseg("prompt", PICTURE, "-o", "c.prompt"))
    a, b, c = (np.array(json.load(open(f"{n}.prompt"))["embedding"]) for n in "abc")
    assert np.linalg.norm(a - b) < 0.2 * np.linalg.norm(a - c)


def test_a_name_with_an_at_sign_is_a_file_if_there_is_one():
    shutil.copy(EXAMPLE, "cup@1,2,3,4")
    assert np.array_equal(shown("cup@1,2,3,4"), shown(EXAMPLE))


def test_regions_are_checked():
    check_failure(clipseg("segment", PICTURE, "--prompt-image", f"{PICTURE}@100,20,40,25"), 2, "120 x 90")
    check_failure(clipseg("segment", PICTURE, "--prompt-image", f"{PICTURE}@1,2,0,4"), 2, "box")
    check_failure(clipseg("segment", PICTURE, "--prompt-image", f"{PICTURE}@{EXAMPLE}"), 2, "same size")
    for broken in ("1,2,3", "-1,2,3,4", "1.5,2,3,4", "1,2,3,4,5", "1, 2, 3, 4"):
        check_failure(clipseg("segment", PICTURE, "--prompt-image", f"{PICTURE}@{broken}"), 2, "X,Y,WIDTH,HEIGHT", broken)
    check_failure(clipseg("segment", PICTURE, "--prompt-image", f"{PICTURE}@nothing.png"), 5, "nothing.png")
    check_failure(clipseg("segment", PICTURE, "--prompt-image", "nothing.png@1,2,3,4"), 5, "nothing.png")
    Image.new("L", (120, 90)).save("empty.png")
    check_failure(clipseg("segment", PICTURE, "--prompt-image", f"{PICTURE}@empty.png"), 2, "empty.png", "is empty")
    check_failure(clipseg("segment", PICTURE, "-p", "x", "--prepare", "crop,glow"), 2, "darken")


# ---- kept prompts

def logits(*arguments, **more):
    check_success(clipseg("segment", PICTURE, "-f", "npy", "-o", ".", *arguments, **more))
    return np.load("picture.npy")


def test_a_kept_prompt_is_the_same_prompt():
    check_success(clipseg("prompt", '"a glass"', "-o", "deep/glass.prompt"))
    check_success(clipseg("prompt", EXAMPLE, "-o", "shown.prompt", "--title", "my cup"))
    direct = logits("-p", "a glass", "--prompt-image", EXAMPLE, "-p", "a glass AND NOT fork")
    kept = logits("-p", "@deep/glass.prompt", "-p", "@shown.prompt", "-p", "@deep/glass.prompt AND NOT fork")
    assert np.array_equal(direct, kept)
    result = check_success(clipseg("segment", PICTURE, "-p", "@shown.prompt", "-p", "@deep/glass.prompt", "-p",
                                   "@shown.prompt{*2}", "--json"))
    titles = [p["prompt"] for p in json.loads(result.stdout)["prompts"]]
    assert titles == ["my cup", "a glass", "@shown.prompt{*2}"]


def test_mixes_are_weighted_sums():
    def embedding(prompt):
        check_success(clipseg("prompt", prompt, "-o", "x.prompt"))
        return np.array(json.load(open("x.prompt"))["embedding"])

    shutil.copy(EXAMPLE, "my cup.png")
    shutil.copy(EXAMPLE, "cup.png")
    cup, text = embedding("cup.png"), embedding('"a paper cup"')
    assert np.abs(embedding('cup.png*0.7 + "a paper cup"*0.3') - (0.7 * cup + 0.3 * text)).max() < 1e-5
    assert np.abs(embedding("'my cup.png' + \"a paper cup\"") - (cup + text) / 2).max() < 1e-5
    check_success(clipseg("prompt", "cup.png", "-o", "kept.prompt"))
    assert np.abs(embedding('@kept.prompt*2 + "a paper cup"*6') - (0.25 * cup + 0.75 * text)).max() < 1e-5
    for broken, word in (("cup.png +", "column 10"), ("cup.png cup.png", "column 9"), ('"a', "never closed"),
                         ("cup.png*0", "weight"), ('"a"*x', "number"), ("", "want a picture")):
        check_failure(clipseg("prompt", broken, "-o", "y.prompt"), 2, word)
    check_failure(clipseg("prompt", "a paper cup", "-o", "y.prompt"), 2, "double quotes")


def test_kept_prompts_are_bound_to_their_model():
    check_success(clipseg("prompt", '"a glass"', "-o", "glass.prompt"))
    check_failure(clipseg("segment", PICTURE, "-p", "@glass.prompt", "--json", model=f"{DATA}/tiny-simple"), 3,
                  "glass.prompt", "another model")


def test_kept_prompts_are_checked():
    check_success(clipseg("prompt", '"a glass"', "-o", "good.prompt"))
    good = json.load(open("good.prompt"))

    def refused(word, **change):
        json.dump({**good, **change}, open("bad.prompt", "w"))
        check_failure(clipseg("segment", PICTURE, "-p", "@bad.prompt", "--json"), 2, "bad.prompt", word)

    refused("no saved prompt", format="other")
    refused("version", version=2)
    refused("embedding", embedding=[])
    refused("embedding", embedding=["x"])
    refused("title", title="")
    refused("picture", picture=0)
    refused("model", model=[1.0] * 33)
    refused("4194304", title="x" * (5 << 20))
    open("bad.prompt", "w").write(open("good.prompt").read()[:-30])
    check_failure(clipseg("segment", PICTURE, "-p", "@bad.prompt", "--json"), 2, "bad.prompt", "line")
    check_failure(clipseg("segment", PICTURE, "-p", "@none.prompt", "--json"), 5, "none.prompt")
    check_success(clipseg("segment", PICTURE, "-p", '"@none.prompt"', "--json"))
    check_failure(clipseg("prompt", '"x"'), 2, "-o FILE")
    check_failure(clipseg("prompt", '"x"', "--show", "x.png"), 2, "no picture")


# ---- presence

def logit_scale():
    data = open(f"{MODEL}/model.safetensors", "rb").read()
    size = int.from_bytes(data[:8], "little")
    names = json.loads(data[8:8 + size])
    begin, end = next(v["data_offsets"] for k, v in names.items() if k.endswith("logit_scale"))
    assert end - begin == 4
    return np.exp(np.frombuffer(data[8 + size + begin:8 + size + end], "<f4")[0])


def test_presence_compares_with_phrases_that_fit_everything():
    result = check_success(clipseg("segment", PICTURE, "-p", "a glass", "-p", "fork", "-p", "a glass AND NOT fork",
                                   "-p", "a glass OR fork", "--prompt-image", EXAMPLE, "--json"))
    glass, fork, without, either, shown_one = (p["presence"] for p in json.loads(result.stdout)["prompts"])
    assert 0 <= glass <= 1 and without == glass and either == max(glass, fork) and shown_one is None

    def embedding(prompt):
        check_success(clipseg("prompt", prompt, "-o", "x.prompt"))
        e = np.array(json.load(open("x.prompt"))["embedding"])
        return e / np.linalg.norm(e)

    picture = embedding(PICTURE)
    neutral = max(embedding(f'"{t}"') @ picture for t in ("object", "things", "stuff", "texture"))
    want = 1 / (1 + np.exp(logit_scale() * (neutral - embedding('"fork"') @ picture)))
    assert abs(fork - want) < 1e-3, (fork, want)


def test_absent_things_have_no_mask():
    result = check_success(clipseg("segment", PICTURE, "-p", "a glass", "-p", "fork", "--json"))
    presences = [p["presence"] for p in json.loads(result.stdout)["prompts"]]
    between = sum(presences) / 2
    result = check_success(clipseg("segment", PICTURE, "-p", "a glass", "-p", "fork", "--json", "--threshold", "0.01",
                                   "--min-presence", between))
    for prompt, presence in zip(json.loads(result.stdout)["prompts"], presences):
        assert (prompt["area"] > 0) == (presence > between)


if __name__ == "__main__":
    main(sys.modules[__name__])
