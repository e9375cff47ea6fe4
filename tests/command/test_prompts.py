"""What prompts mean: expressions, negatives, templates, reshaped masks, label rules, categories."""
import json
import os
import sys

import numpy as np
from PIL import Image

from harness import EXAMPLE, PICTURE, check_failure, check_success, clipseg, main
from peers import enlarged, sigmoid


def logits(*arguments):
    check_success(clipseg("segment", PICTURE, "-f", "npy", "-o", ".", *arguments))
    return np.load("picture.npy").astype(np.float64)


def masks(*arguments):
    """All masks, in order, of a run with these arguments."""
    check_success(clipseg("segment", PICTURE, "-f", "mask", "-o", "masks", *arguments))
    files = sorted(os.listdir("masks"))
    found = [np.asarray(Image.open(f"masks/{name}")) for name in files]
    for name in files:
        os.remove(f"masks/{name}")
    return found


# ---- expressions

def test_expressions_combine_probabilities():
    plain = sigmoid(logits("-p", "face", "-p", "hair", "-p", "hat"))
    found = logits("-p", "face AND NOT (hair OR hat)", "-p", "hair{*0.5} OR hat", "-p", "hat{*1.5}")
    want = (np.minimum(plain[0], 1 - np.maximum(plain[1], plain[2])), np.maximum(0.5 * plain[1], plain[2]),
            np.minimum(1.5 * plain[2], 1))
    assert np.abs(sigmoid(found) - want).max() < 1e-5
    assert np.abs(found).max() <= 30


def test_lower_case_and_quoted_keywords_are_text():
    found = logits("-p", "salt and pepper", "-p", '"salt AND pepper"', "-p", "salt AND pepper", "-p", "salt (and pepper)")
    plain = logits("-p", "salt and pepper", "-p", "salt", "-p", "pepper")
    assert np.abs(found[0] - plain[0]).max() < 1e-5
    assert np.abs(found[1] - plain[0]).max() < 1e-5, "CLIP's tokens are lower case"
    assert np.abs(found[2] - np.minimum(plain[1], plain[2])).max() < 1e-5
    assert np.abs(found[3] - plain[0]).max() > 1e-3, "parentheses alone are text"


def test_a_broken_expression_tells_its_column():
    check_failure(clipseg("segment", PICTURE, "-p", "face AND (hair"), 2, "column 10", "never closed")
    check_failure(clipseg("segment", PICTURE, "-p", "x", "--negative", "OR y"), 2, "column 1")
    open("list.txt", "w").write("cup\nface NOT hat\n")
    check_failure(clipseg("segment", PICTURE, "--prompts", "list.txt"), 2, "column 6", "AND NOT")


def test_negatives_hold_for_all_prompts():
    found = logits("-p", "cup", "-p", "fork OR spoon", "--negative", "hand", "--negative", "table")
    cup, fork, spoon, hand, table = logits("-p", "cup", "-p", "fork", "-p", "spoon", "-p", "hand", "-p", "table")
    not_that = np.minimum(-hand, -table)
    assert np.abs(found[0] - np.minimum(cup, not_that)).max() < 1e-5
    assert np.abs(found[1] - np.minimum(np.maximum(fork, spoon), not_that)).max() < 1e-5


def test_many_expressions_share_what_they_name():
    things = [f"thing {i}" for i in range(150)]
    plain = logits(*(word for t in things for word in ("-p", t)))
    both = [f"{a} AND {b}" for a, b in zip(things, things[1:])]
    found = logits(*(word for t in both for word in ("-p", t)))
    assert np.abs(found - np.minimum(plain[:-1], plain[1:])).max() < 1e-4


# ---- templates

def test_templates_are_averaged_as_clips_authors_do():
    """Normalised, averaged, normalised; then as long as the parts are on average. Seen through saved prompts."""
    def embedding(*templates):
        check_success(clipseg("prompt", '"cup"', "-o", "x.prompt", *(w for t in templates for w in ("--template", t))))
        return np.array(json.load(open("x.prompt"))["embedding"])

    templates = "a photo of a {}.", "the {}, a {} indeed", "{}"
    parts = [embedding(t) for t in templates]
    mean = np.mean([p / np.linalg.norm(p) for p in parts], 0)
    want = mean / np.linalg.norm(mean) * np.mean([np.linalg.norm(p) for p in parts])
    assert np.abs(embedding(*templates) - want).max() < 1e-5 * np.linalg.norm(want)


def test_templates_replace_the_phrase():
    direct = logits("-p", "a photo of a cup.", "-p", "a photo of a fork.")
    assert np.array_equal(direct, logits("-p", "cup", "-p", "fork", "--template", "a photo of a {}."))
    paper = logits("-p", "cup", "--template", "paper")
    assert np.abs(paper[0] - direct[0]).max() > 1e-3
    check_failure(clipseg("segment", PICTURE, "-p", "x", "--template", "no place"), 2, "{}")


# ---- masks

def median_threshold(*arguments):
    """One at which the mask is neither empty nor full."""
    return float(np.quantile(enlarged(logits(*arguments)[0], 120, 90), 0.7))


def test_masks_are_reshaped_exactly():
    t = median_threshold("-p", "cup")
    plain = masks("-p", "cup", "--threshold", t)[0] > 0
    y, x = np.indices(plain.shape)
    inside, outside = np.argwhere(plain), np.argwhere(~plain)
    near = np.sqrt(((y[..., None] - inside[:, 0]) ** 2 + (x[..., None] - inside[:, 1]) ** 2).min(-1))
    far = np.sqrt(((y[..., None] - outside[:, 0]) ** 2 + (x[..., None] - outside[:, 1]) ** 2).min(-1))

    def shaped(*arguments):
        return masks("-p", "cup", "--threshold", t, *arguments)[0]

    assert ((shaped("--grow", "3.5") > 0) == (near <= 3.5)).all()
    assert ((shaped("--grow", "5%") > 0) == (near <= 4.5)).all(), "per cent of the shorter side, 90"
    assert ((shaped("--shrink", "2px") > 0) == (far > 2)).all()
    assert ((shaped("--invert") > 0) == ~plain).all()
    ramp = np.where(plain, 0.5 + (far - 0.5) / 6, 0.5 - (near - 0.5) / 6).clip(0, 1)
    assert np.abs(shaped("--feather", "6") - 255 * ramp).max() <= 0.51
    assert not shaped("--min-area", "100%").any()


def test_json_measures_the_reshaped_mask_and_the_models_probability():
    t = median_threshold("-p", "cup")
    plain = json.loads(check_success(clipseg("segment", PICTURE, "-p", "cup", "--json", "--threshold", t)).stdout)
    grown = json.loads(check_success(clipseg("segment", PICTURE, "-p", "cup", "--json", "--threshold", t, "--grow",
                                             "4")).stdout)
    assert grown["prompts"][0]["area"] > plain["prompts"][0]["area"]
    assert grown["prompts"][0]["max"] == plain["prompts"][0]["max"]


def test_lengths_and_areas_out_of_range_are_named():
    for option in ("--grow", "--shrink", "--feather", "--min-area"):
        for value in ("-1", "3cm", "500%", "x"):
            check_failure(clipseg("segment", PICTURE, "-p", "cup", option, value), 2, f"{option} {value}:", "pixels",
                          "0 to 100 per cent")


# ---- label maps

PROMPTS = ("-p", "a glass", "-p", "blueberries", "-p", "fork")


def label_map(*arguments):
    check_success(clipseg("segment", PICTURE, "-f", "labels", "-o", ".", "--refine", "off", *arguments))
    return np.asarray(Image.open("picture.labels.png"))


def agrees(found, stack, unsure=1e-4):
    """argmax, where the two best are not so close that rounding decides."""
    ordered = np.sort(stack, 0)
    sure = ordered[-1] - ordered[-2] > unsure
    assert sure.mean() > 0.9
    return (found == stack.argmax(0))[sure].all()


def test_the_guides_rule_pixel_by_pixel():
    """The guide: logits enlarged bilinearly, sigmoid, class 0 the constant 0.1, arg max."""
    probability = [enlarged(z, 120, 90) for z in logits(*PROMPTS)]
    threshold = float(np.quantile(np.max(probability, 0), 0.3))
    for t in (0.1, threshold):
        stack = np.stack([np.full((90, 120), t)] + probability)
        found = label_map(*PROMPTS, *(() if t == 0.1 else ("--threshold", t)))
        assert agrees(found, stack)
    assert len(np.unique(found)) > 2, "the second map shows prompts and none"


def test_the_authors_rule_counts_the_background_three_times():
    probability = [enlarged(z, 120, 90) for z in logits("-p", "background", *PROMPTS)]
    probability[0] *= 3
    assert agrees(label_map(*PROMPTS, "--label-rule", "authors"), np.stack(probability))
    check_failure(clipseg("segment", PICTURE, "-p", "x", "--label-rule", "mine"), 2, "authors")


def test_an_undecided_band_stays_unlabelled():
    probability = np.stack([np.full((90, 120), 0.1)] + [enlarged(z, 120, 90) for z in logits(*PROMPTS)])
    ordered = np.sort(probability, 0)
    margin = ordered[-1] - ordered[-2]
    band = float(np.median(margin))
    found = label_map(*PROMPTS, "--unlabelled", band)
    sure = np.abs(margin - band) > 1e-4
    assert ((found == 255) == (margin <= band))[sure].all()
    kept = sure & (margin > band)
    assert (found == probability.argmax(0))[kept].all()


# ---- categories

CATEGORIES = {"categories": [
    {"name": "drink", "id": 7, "colour": "#ff8800", "prompts": ["a glass", "a cup"], "negatives": ["fork"]},
    {"name": "blueberries", "id": 3, "color": [10, 20, 30]},
    {"name": "shown", "id": 90, "images": ["shown.png"]}]}


def write_categories(categories=CATEGORIES, name="sub/things.json"):
    os.makedirs("sub", exist_ok=True)
    Image.open(EXAMPLE).save("sub/shown.png")
    json.dump(categories, open(name, "w"))
    return name


def test_categories_join_their_prompts():
    found = logits("--categories", write_categories())
    glass, cup, fork, blueberries, shown = logits("-p", "a glass", "-p", "a cup", "-p", "fork", "-p", "blueberries",
                                                  "--prompt-image", "sub/shown.png")
    assert np.abs(found[0] - np.minimum(np.maximum(glass, cup), -fork)).max() < 1e-5
    assert np.abs(found[1] - blueberries).max() < 1e-5 and np.abs(found[2] - shown).max() < 1e-5
    check_success(clipseg("segment", PICTURE, "--categories", "sub/things.json", "-f", "mask", "-o", "out"))
    assert sorted(os.listdir("out")) == ["picture.00-drink.mask.png", "picture.01-blueberries.mask.png",
                                         "picture.02-shown.mask.png"]


def test_label_maps_hold_the_categories_ids_and_colours():
    probability = [enlarged(z, 120, 90) for z in logits("--categories", write_categories())]
    threshold = float(np.quantile(np.max(probability, 0), 0.3))
    label_map("--categories", "sub/things.json", "--threshold", threshold)
    image = Image.open("picture.labels.png")
    stack = np.stack([np.full((90, 120), threshold)] + probability)
    ordered = np.sort(stack, 0)
    sure = ordered[-1] - ordered[-2] > 1e-4
    want = np.array([0, 7, 3, 90])[stack.argmax(0)]
    assert (np.asarray(image) == want)[sure].all()
    palette = np.array(image.getpalette()).reshape(-1, 3)
    assert palette[7].tolist() == [255, 136, 0] and palette[3].tolist() == [10, 20, 30]


def test_categories_are_checked():
    def refused(text, *words):
        open("c.json", "w").write(text if isinstance(text, str) else json.dumps(text))
        check_failure(clipseg("segment", PICTURE, "--categories", "c.json"), 2, "c.json", *words)

    refused('[{"name": "a", "name": "b"}]', "duplicate")
    refused('[{"name": "a"}', "line 1")
    refused("{}", "list of categories")
    refused(" " * (5 << 20) + "[]", "4194304")
    refused("[" + "[]," * 1000000 + "[]]", "more values")
    refused([{"id": 1}], "category 1", "name")
    refused([{"name": "a", "id": 0}], "id")
    refused([{"name": "a", "id": 5}, {"name": "b", "id": 5}], "category 2", "already")
    refused([{"name": "a"}, {"name": "a"}], "category 2", "already")
    refused([{"name": "a", "colour": "red"}], "colour")
    refused([{"name": "a", "prompt": ["x"]}], "no such key")
    refused([{"name": "a", "prompts": "x"}], "list of texts")
    check_failure(clipseg("segment", PICTURE, "--categories", "c.json", "-p", "x"), 2)
    open("c.json", "w").write('[{"name": "a", "prompts": ["b AND"]}]')
    check_failure(clipseg("segment", PICTURE, "--categories", "c.json"), 2, "column")


if __name__ == "__main__":
    main(sys.modules[__name__])
