"""Annotation files, read by the heavy tools themselves: Label Studio's and CVAT's SDKs, Datumaro, LabelMe."""
import json
import os
import shutil
import sys
import xml.etree.ElementTree

import numpy as np
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "command"))

from harness import EXAMPLE, PICTURE, Skip, check_success, clipseg, main  # noqa: E402

NAMES = ["a cup", 'odd <"&\'> name']
SLUGS = ["00-a-cup", "01-odd-name"]
PICTURES = {"a.png": PICTURE, "b.png": EXAMPLE}


def results(formats, *more):
    os.makedirs("in", exist_ok=True)
    for name, source in PICTURES.items():
        shutil.copy(source, os.path.join("in", name))
    prompts = [x for name in NAMES for x in ("-p", name)]
    check_success(clipseg("segment", "in", *prompts, "-o", "out", "-f", f"mask,labels,{formats}", "--threshold", "0.45",
                          *more))
    return {name: [np.asarray(Image.open(f"out/{name[0]}.{slug}.mask.png")) > 0 for slug in SLUGS] for name in PICTURES}


def overlap(a, b):
    return (a & b).sum() / max(1, (a | b).sum())


def accepted(path):
    """What Label Studio holds once somebody accepted the predictions."""
    tasks = json.load(open(path))
    for number, task in enumerate(tasks, 1):
        task["id"] = number
        task["annotations"] = [dict(p, id=number, completed_by=1) for p in task.pop("predictions")]
    json.dump(tasks, open("accepted.json", "w"))
    return tasks


def test_label_studio_accepts_the_predictions():
    try:
        from label_studio_sdk.label_interface import LabelInterface
    except ImportError as error:
        raise Skip(str(error)) from error
    results("labelstudio,labelstudio-polygons")
    for name in ("labelstudio", "labelstudio-polygons"):
        view = LabelInterface(open(f"out/{name}.xml").read())
        view.validate()
        for task in json.load(open(f"out/{name}.json")):
            for prediction in task["predictions"]:
                assert prediction["result"] and view.validate_prediction(prediction), name


def test_label_studio_converts_the_brush_masks():
    try:
        from label_studio_sdk.converter import Converter, brush
    except ImportError as error:
        raise Skip(str(error)) from error
    masks = results("labelstudio")
    tasks = accepted("out/labelstudio.json")
    converter = Converter(open("out/labelstudio.xml").read(), None, download_resources=False)
    os.makedirs("numpy")
    converter.convert("accepted.json", "numpy", "BRUSH_TO_NUMPY", is_dir=False)
    assert len(os.listdir("numpy")) == sum(len(task["annotations"][0]["result"]) for task in tasks)
    for task in tasks:
        for result in task["annotations"][0]["result"]:
            value, mask = result["value"], masks[task["data"]["image"]][NAMES.index(result["value"]["brushlabels"][0])]
            assert value["rle"] == brush.mask2rle(mask.astype(np.uint8) * 255), "not what the tool's own encoder writes"
            decoded = brush.decode_rle(value["rle"]).reshape(*mask.shape, 4)
            assert (decoded == 255 * mask[:, :, None]).all()


def test_label_studio_converts_the_polygons_to_coco():
    try:
        from label_studio_sdk.converter import Converter
        from pycocotools.coco import COCO
    except ImportError as error:
        raise Skip(str(error)) from error
    masks = results("labelstudio-polygons", "--tolerance", "0")
    accepted("out/labelstudio-polygons.json")
    converter = Converter(open("out/labelstudio-polygons.xml").read(), None, download_resources=False)
    converter.convert("accepted.json", "coco", "COCO", is_dir=False)
    data = COCO("coco/result.json")
    for image in data.loadImgs(data.getImgIds()):
        for category in data.loadCats(data.getCatIds()):
            mask = masks[image["file_name"].split("__")[-1]][NAMES.index(category["name"])]
            found = [data.annToMask(a) for a in data.loadAnns(data.getAnnIds([image["id"]], [category["id"]]))]
            assert overlap(np.any(found, 0), mask) > 0.99


def test_cvat_decodes_the_masks():
    try:
        from cvat_sdk.masks import decode_mask, encode_mask
    except ImportError as error:
        raise Skip(str(error)) from error
    masks = results("cvat")
    for image in xml.etree.ElementTree.parse("out/annotations.xml").getroot().findall("image"):
        for element in image.findall("mask"):
            mask = masks[image.get("name")][NAMES.index(element.get("label"))]
            left, top, width, height = (int(element.get(k)) for k in ("left", "top", "width", "height"))
            points = [int(v) for v in element.get("rle").split(",")] + [left, top, left + width - 1, top + height - 1]
            assert (decode_mask(points, image_width=mask.shape[1], image_height=mask.shape[0]) == mask).all()
            assert points == encode_mask(mask)


def check_datumaro(path, name, masks, exact):
    """Labels by name, annotations as masks."""
    try:
        from datumaro.components.annotation import AnnotationType
        from datumaro.components.dataset import Dataset
        from datumaro.util.mask_tools import rles_to_mask
    except ImportError as error:
        raise Skip(str(error)) from error
    data = Dataset.import_from(path, name)
    labels = [label.name for label in data.categories()[AnnotationType.label]]
    assert len(data) == len(PICTURES)
    for item in data:
        each = masks[os.path.splitext(os.path.basename(item.id))[0] + ".png"]
        for index, mask in enumerate(each):
            found = np.zeros_like(mask)
            for annotation in item.annotations:
                if labels[annotation.label] != NAMES[index].replace(":", "_"):
                    continue
                if annotation.type == AnnotationType.polygon:
                    found |= rles_to_mask([annotation.points], *mask.shape[::-1]).astype(bool)
                elif annotation.type == AnnotationType.mask:
                    found |= np.asarray(annotation.image).astype(bool)
            assert (found == mask).all() if exact else overlap(found, mask) > 0.97, (name, item.id, index)


def test_datumaro_reads_cvat():
    masks = results("cvat,cvat-polygons", "--tolerance", "0")
    for name in ("annotations", "annotations-polygons"):
        shutil.copytree("in", f"{name}/images")
        shutil.copy(f"out/{name}.xml", f"{name}/annotations.xml")
        check_datumaro(f"{name}/annotations.xml", "cvat", masks, True)


def test_datumaro_reads_coco():
    masks = results("coco,coco-polygons", "--tolerance", "0")
    for name in ("annotations", "annotations-polygons"):
        os.makedirs(f"{name}/annotations")
        shutil.copytree("in", f"{name}/images")
        shutil.copy(f"out/{name}.json", f"{name}/annotations/instances_images.json")
        check_datumaro(name, "coco_instances", masks, True)


def test_datumaro_reads_pascal_voc():
    results("voc")
    shutil.copytree("in", "out/JPEGImages")
    labels = {name: np.asarray(Image.open(f"out/{name[0]}.labels.png")) for name in PICTURES}
    check_datumaro("out", "voc_segmentation", {n: [v == 1, v == 2] for n, v in labels.items()}, True)


def test_labelme_reads_polygons_and_masks():
    try:
        from labelme._label_file import read_label_file
        from labelme.utils.shape import shapes_to_label
    except ImportError as error:
        raise Skip(str(error)) from error
    for name in ("labelme", "labelme-masks"):
        for picture, each in results(name, "--tolerance", "0").items():
            loaded = read_label_file(f"out/{picture[0]}.json")
            for index, mask in enumerate(each):
                shapes = [s for s in loaded.shapes if s["label"] == NAMES[index]]
                found = shapes_to_label(mask.shape, shapes, {n: i + 1 for i, n in enumerate(NAMES)})[0] > 0
                # a polygon goes along pixel corners, and LabelMe also fills the pixels right of and below its border
                wide = np.pad(mask, ((1, 0), (1, 0)))
                most = mask | wide[:-1, 1:] | wide[1:, :-1] | wide[:-1, :-1] if name == "labelme" else mask
                assert (found >= mask).all() and (found <= most).all(), (name, picture, index)


if __name__ == "__main__":
    main(sys.modules[__name__])
