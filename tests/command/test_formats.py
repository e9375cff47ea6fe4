"""Annotation files, read back by the tools that they are for, or by the rules that those document."""
import base64
import functools
import html.parser
import http.server
import io
import json
import os
import shutil
import sys
import threading
import xml.etree.ElementTree
import zipfile

import numpy as np
import yaml
from PIL import Image, ImageDraw

from harness import EXAMPLE, PICTURE, Skip, check_failure, check_success, clipseg, main

NAMES = ["a cup", 'odd <"&\'> name', "nothing of this"]
PICTURES = {"b & c.png": PICTURE, "deep/a.png": EXAMPLE}


def results(formats, *more, threshold="0.45"):
    """Write the formats for a folder of two pictures; the masks themselves, {name: [mask of each prompt]}."""
    os.makedirs("in/deep", exist_ok=True)
    for name, source in PICTURES.items():
        shutil.copy(source, os.path.join("in", name))
    prompts = [x for name in NAMES for x in ("-p", name)]
    check_success(clipseg("segment", "in", *prompts, "-o", "out", "-f", f"mask,{formats}", "--threshold", threshold, *more))
    slugs = ["00-a-cup", "01-odd-name", "02-nothing-of-this"]
    masks = {name: [np.asarray(Image.open(f"out/{os.path.splitext(name)[0]}.{slug}.mask.png")) > 0 for slug in slugs]
             for name in PICTURES}
    assert all(0 < m.sum() < m.size for m in masks["b & c.png"][:2]), "the test needs masks that are neither empty nor full"
    return masks


def filled(points, shape):
    """Pixels whose centre lies inside, by the even-odd rule."""
    points = np.asarray(points, float)
    y, x = np.mgrid[0:shape[0], 0:shape[1]] + 0.5
    inside = np.zeros(shape, bool)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, 0)):
        if y0 != y1:
            inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside


def union(polygons, shape):
    masks = [filled(p, shape) for p in polygons]
    assert not masks or np.sum(masks, 0).max() <= 1, "parts overlap"
    return np.any(masks, 0) if masks else np.zeros(shape, bool)


def coco(path):
    try:
        from pycocotools.coco import COCO
    except ImportError as error:
        raise Skip(f"no pycocotools: {error}") from error
    import contextlib
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(path)


def check_coco(path, masks):
    data = coco(path)
    assert [c["name"] for c in data.loadCats(data.getCatIds())] == NAMES
    assert sorted(i["file_name"] for i in data.loadImgs(data.getImgIds())) == sorted(masks)
    for image in data.loadImgs(data.getImgIds()):
        for index, mask in enumerate(masks[image["file_name"]]):
            found = data.loadAnns(data.getAnnIds(imgIds=[image["id"]], catIds=[index + 1]))
            assert len(found) == int(mask.any())
            for annotation in found:
                assert (data.annToMask(annotation) == mask).all(), (path, image["file_name"], index)
                y, x = np.nonzero(mask)
                assert annotation["bbox"] == [x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1]
                assert annotation["area"] == mask.sum() and 0.45 < annotation["score"] <= 1


def test_coco_masks_and_exact_polygons_are_read_by_pycocotools():
    masks = results("coco,coco-polygons", "--tolerance", "0")
    check_coco("out/annotations.json", masks)
    check_coco("out/annotations-polygons.json", masks)


def test_coco_results_load_into_a_data_set():
    masks = results("coco,coco-results")
    data = coco("out/annotations.json")
    import contextlib
    with contextlib.redirect_stdout(io.StringIO()):
        found = data.loadRes("out/results.json")
    assert len(found.anns) == sum(m.any() for each in masks.values() for m in each)
    for annotation in found.anns.values():
        mask = masks[data.imgs[annotation["image_id"]]["file_name"]][annotation["category_id"] - 1]
        assert (found.annToMask(annotation) == mask).all()


def corners(data):
    return sum(len(polygon) // 2 for a in data.anns.values() for polygon in a["segmentation"])


def test_tolerance_bounds_how_far_a_polygon_is_off():
    masks = results("coco-polygons", "--tolerance", "2")
    data = coco("out/annotations-polygons.json")
    few = corners(data)
    for image in data.loadImgs(data.getImgIds()):
        for annotation in data.loadAnns(data.getAnnIds(imgIds=[image["id"]])):
            mask = masks[image["file_name"]][annotation["category_id"] - 1]
            wrong = data.annToMask(annotation) != mask
            near = np.zeros_like(mask)  # within 3 pixels of the border
            for dy in range(-3, 4):
                for dx in range(-3, 4):
                    shifted = np.pad(mask, 3)[3 + dy:3 + dy + mask.shape[0], 3 + dx:3 + dx + mask.shape[1]]
                    near |= shifted != mask
            assert not (wrong & ~near).any()
    results("coco-polygons", "--tolerance", "0")
    assert few < 0.8 * corners(coco("out/annotations-polygons.json"))
    check_failure(clipseg("segment", PICTURE, "-p", "x", "--tolerance", "-1"), 2, "--tolerance")


def test_yolo_labels_hold_normalised_polygons():
    masks = results("yolo", "--tolerance", "0")
    data = yaml.safe_load(open("out/data.yaml"))
    assert data["names"] == dict(enumerate(NAMES)) and data["train"] == data["val"] == "images"
    for name, each in masks.items():
        polygons = {i: [] for i in range(len(each))}
        for line in open(f"out/labels/{os.path.splitext(name)[0]}.txt"):
            number, *values = line.split()
            points = np.array(values, float).reshape(-1, 2)
            assert len(points) >= 3 and points.min() >= 0 and points.max() <= 1
            polygons[int(number)].append(np.round(points * each[0].shape[::-1], 3))
        for index, mask in enumerate(each):
            assert (union(polygons[index], mask.shape) == mask).all()
    check_failure(clipseg("segment", PICTURE, "-p", "x", "-f", "yolo"), 2, "-o DIR")


def labelme(name):
    path = f"out/{os.path.splitext(name)[0]}.json"
    data = json.load(open(path))
    image = Image.open(os.path.join(os.path.dirname(path), data["imagePath"]))  # as LabelMe opens it
    assert image.size == (data["imageWidth"], data["imageHeight"]) and data["imageData"] is None
    return data


def test_labelme_polygons():
    for name, each in results("labelme", "--tolerance", "0").items():
        data = labelme(name)
        for label, mask in zip(NAMES, each):
            shapes = [s for s in data["shapes"] if s["label"] == label]
            assert all(s["shape_type"] == "polygon" for s in shapes)
            assert len({s["group_id"] for s in shapes}) <= 1, "the parts of a prompt are one group"
            assert (union([s["points"] for s in shapes], mask.shape) == mask).all()


def test_labelme_masks():
    for name, each in results("labelme-masks").items():
        data = labelme(name)
        assert len(data["shapes"]) == sum(m.any() for m in each)
        for shape in data["shapes"]:
            found = np.zeros_like(each[0])
            (x0, y0), (x1, y1) = shape["points"]
            box = np.asarray(Image.open(io.BytesIO(base64.b64decode(shape["mask"]))))
            assert set(np.unique(box)) <= {0, 1}
            found[y0:y1 + 1, x0:x1 + 1] = box
            assert (found == each[NAMES.index(shape["label"])]).all()


def test_formats_that_would_write_one_file_are_refused():
    check_failure(clipseg("segment", PICTURE, "-p", "x", "-f", "json,labelme"), 2, "json,labelme", "STEM.json")


def unpack(data):
    """thi.ng's rle-pack: what a brush in Label Studio holds."""
    bits = "".join(f"{b:08b}" for b in data)
    place = 0

    def read(count):
        nonlocal place
        place += count
        return int(bits[place - count:place], 2)
    total, word, sizes = read(32), read(5) + 1, [read(4) + 1 for _ in range(4)]
    out = []
    while len(out) < total:
        run, length = read(1), read(sizes[read(2)]) + 1
        out += [read(word)] * length if run else [read(word) for _ in range(length)]
    assert len(out) == total
    return np.array(out, np.uint8)


def test_labelstudio_brush_masks():
    masks = results("labelstudio")
    view = xml.etree.ElementTree.parse("out/labelstudio.xml").getroot()
    assert [label.get("value") for label in view.find("BrushLabels")] == NAMES
    for task in json.load(open("out/labelstudio.json")):
        each = masks[task["data"]["image"]]
        (prediction,) = task["predictions"]
        assert len(prediction["result"]) == sum(m.any() for m in each)
        for result in prediction["result"]:
            assert (result["from_name"], result["to_name"], result["type"]) == ("tag", "image", "brushlabels")
            mask = each[NAMES.index(result["value"]["brushlabels"][0])]
            shape = (result["original_height"], result["original_width"])
            assert shape == mask.shape
            assert (unpack(result["value"]["rle"]).reshape(*shape, 4) == 255 * mask[:, :, None]).all()


def test_labelstudio_polygons():
    masks = results("labelstudio-polygons", "--tolerance", "0")
    assert xml.etree.ElementTree.parse("out/labelstudio-polygons.xml").getroot().find("PolygonLabels") is not None
    for task in json.load(open("out/labelstudio-polygons.json")):
        for label, mask in zip(NAMES, masks[task["data"]["image"]]):
            found = [r["value"] for r in task["predictions"][0]["result"] if r["value"]["polygonlabels"] == [label]]
            scale = np.array(mask.shape[::-1]) / 100
            assert (union([np.round(np.array(v["points"]) * scale, 3) for v in found], mask.shape) == mask).all()


def cvat(path):
    root = xml.etree.ElementTree.parse(path).getroot()
    assert root.findtext("version") == "1.1"
    assert [label.findtext("name") for label in root.iter("label")] == NAMES
    images = root.findall("image")
    assert [i.get("name") for i in images] == sorted(PICTURES) and [i.get("id") for i in images] == ["0", "1"]
    return images


def test_cvat_masks():
    masks = results("cvat")
    for image in cvat("out/annotations.xml"):
        each = masks[image.get("name")]
        assert (int(image.get("height")), int(image.get("width"))) == each[0].shape
        assert len(image) == sum(m.any() for m in each)
        for element in image:
            left, top, width, height = (int(element.get(k)) for k in ("left", "top", "width", "height"))
            runs = [int(v) for v in element.get("rle").split(",")]
            found = np.zeros_like(each[0])
            found[top:top + height, left:left + width] = np.repeat(np.arange(len(runs)) % 2, runs).reshape(height, width)
            assert (found == each[NAMES.index(element.get("label"))]).all()


def test_cvat_polygons():
    masks = results("cvat-polygons", "--tolerance", "0")
    for image in cvat("out/annotations-polygons.xml"):
        for label, mask in zip(NAMES, masks[image.get("name")]):
            polygons = [[[float(v) for v in p.split(",")] for p in e.get("points").split(";")]
                        for e in image.findall("polygon") if e.get("label") == label]
            assert (union(polygons, mask.shape) == mask).all()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def test_segments_bitmap_is_read_by_its_sdk():
    results("labels,segments")
    try:
        from segments.utils import load_label_bitmap_from_url
    except ImportError as error:
        raise Skip(f"no segments-ai: {error}") from error
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory="out")) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for stem in ("b & c", "deep/a"):
            found = load_label_bitmap_from_url(f"http://127.0.0.1:{server.server_port}/{stem}.segments.png")
            assert (found == np.asarray(Image.open(f"out/{stem}.labels.png"))).all() and found.max() > 0
        server.shutdown()


def test_voc_is_a_palette_picture_with_the_data_sets_colours():
    results("labels,voc")
    assert open("out/ImageSets/Segmentation/default.txt").read().split("\n") == ["b & c", "deep/a", ""]
    lines = open("out/labelmap.txt").read().split("\n")
    assert lines[1:3] == ["background:0,0,0::", "a cup:128,0,0::"]
    assert lines[3].endswith(":0,128,0::") and lines[4].endswith(":128,128,0::")
    for stem in ("b & c", "deep/a"):
        image = Image.open(f"out/SegmentationClass/{stem}.png")
        assert image.mode == "P" and image.getpalette()[255 * 3:] == [224, 224, 192]
        assert (np.asarray(image) == np.asarray(Image.open(f"out/{stem}.labels.png"))).all()


def test_npz_holds_masks_logits_names_and_ids():
    sizes = []
    for name, method in (("npz", zipfile.ZIP_STORED), ("npz-compressed", zipfile.ZIP_DEFLATED)):
        masks = results(f"npy,{name}")
        sizes.append(os.path.getsize("out/b & c.npz"))
        for stem in ("b & c", "deep/a"):
            with zipfile.ZipFile(f"out/{stem}.npz") as archive:
                assert archive.testzip() is None
                assert {i.compress_type for i in archive.infolist()} == {method}
            data = np.load(f"out/{stem}.npz", allow_pickle=False)
            assert data["masks"].dtype == bool and (data["masks"] == masks[f"{stem}.png"]).all()
            assert (data["logits"] == np.load(f"out/{stem}.npy")).all()
            assert data["names"].tolist() == NAMES and data["ids"].tolist() == [1, 2, 3]
    assert sizes[1] < sizes[0]


class Page(html.parser.HTMLParser):
    """The scripts of a page: (attributes, text)."""

    def __init__(self, path):
        super().__init__()
        self.scripts, self.open = [], False
        self.feed(open(path, encoding="utf-8").read())

    def handle_starttag(self, tag, attrs):
        assert not {"src", "href"} & set(dict(attrs)), "the page is self-contained"
        self.open = tag == "script"
        if self.open:
            self.scripts.append((dict(attrs), ""))

    def handle_data(self, data):
        if self.open:
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)

    def handle_endtag(self, tag):
        self.open = False


def test_report_is_one_page_with_pictures_and_maps():
    name = "x</script><!--<b>&"
    masks = results("npz,report")
    check_success(clipseg("segment", "in", *[x for n in (*NAMES, name) for x in ("-p", n)], "-o", "out", "-f", "report",
                          "--threshold", "0.45"))
    scripts = Page("out/report.html").scripts
    settings = json.loads(next(text for attributes, text in scripts if attributes.get("id") == "settings"))
    assert settings["threshold"] == 0.45 and [p["name"] for p in settings["prompts"]] == [*NAMES, name]
    meta = [json.loads(text) for attributes, text in scripts if attributes.get("class") == "meta"]
    data = [text.split(" ") for attributes, text in scripts if attributes.get("class") == "data"]
    assert [m["name"] for m in meta] == sorted(PICTURES)
    for entry, (jpeg, *maps) in zip(meta, data):
        picture = Image.open(io.BytesIO(base64.b64decode(jpeg)))
        original = Image.open(os.path.join("in", entry["name"])).convert("RGB")
        assert picture.format == "JPEG" and picture.size == original.size == (entry["width"], entry["height"])
        coarse = [np.asarray(i.resize((10, 8), Image.BOX), float) for i in (picture, original)]
        assert np.abs(coarse[0] - coarse[1]).max() < 12
        assert len(maps) == len(NAMES) + 1
        for index, mask in enumerate(masks[entry["name"]]):
            assert entry["areas"][index][45] == mask.sum() and entry["areas"][index][100] == 0
            assert sorted(entry["areas"][index], reverse=True) == entry["areas"][index]
            found = np.asarray(Image.open(io.BytesIO(base64.b64decode(maps[index]))), float) / 255
            assert found.shape == mask.shape and ((found > 0.45) == mask)[np.abs(found - 0.45) > 0.003].all()


def test_report_makes_large_pictures_small():
    Image.fromarray(np.tile(np.arange(0, 1200, dtype=np.uint16).astype(np.uint8), (300, 1))).save("wide.png")
    check_success(clipseg("segment", "wide.png", "-p", "x", "-o", "out", "-f", "report"))
    jpeg, png = next(t for a, t in Page("out/report.html").scripts if a.get("class") == "data").split(" ")
    assert Image.open(io.BytesIO(base64.b64decode(jpeg))).size == (512, 128)
    assert Image.open(io.BytesIO(base64.b64decode(png))).size == (256, 64)


def test_one_file_for_all_pictures_goes_to_stdout_too_and_leaves_nothing():
    results("coco")
    written = open("out/annotations.json", "rb").read()
    prompts = [x for name in NAMES for x in ("-p", name)]
    before = sorted(os.listdir("."))
    result = check_success(clipseg("segment", "in", *prompts, "-f", "coco", "-o", "-", "--threshold", "0.45"))
    assert json.loads(result.stdout)["annotations"] == json.loads(written)["annotations"]
    assert sorted(os.listdir(".")) == before and ".clipseg" not in os.listdir("out")


def test_a_bad_picture_is_left_out_of_the_file():
    results("mask")
    open("in/bad.png", "wb").write(open(PICTURE, "rb").read()[:500])
    result = clipseg("segment", "in", "-p", "x", "-f", "coco", "-o", "out", "--threshold", "0.45")
    assert result.returncode == 8
    images = json.load(open("out/annotations.json"))["images"]
    assert sorted(i["file_name"] for i in images) == sorted(PICTURES) and len({i["id"] for i in images}) == 2


if __name__ == "__main__":
    main(sys.modules[__name__])
