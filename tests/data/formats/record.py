#!/usr/bin/env python3
"""Record how the annotation tools themselves spell masks: masks.json, which tests/output/test_rle.c reads.

Needs pycocotools, label-studio-sdk and cvat-sdk (tests/requirements-peers.txt)."""
import json
import os

import numpy as np
from cvat_sdk.masks import encode_mask
from label_studio_sdk.converter import brush
from pycocotools import mask as coco

random = np.random.default_rng(7)


def masks():
    yield np.ones((1, 1), bool)
    yield np.zeros((3, 5), bool)
    yield np.ones((7, 4), bool)
    yield np.arange(35).reshape(5, 7) % 2 == 0
    for height, width, grain in ((9, 13, 1), (20, 31, 4), (64, 48, 9)):
        coarse = random.random((height // grain + 1, width // grain + 1)) < 0.5
        yield np.kron(coarse, np.ones((grain, grain), bool))[:height, :width]
    large = np.zeros((130, 140), bool)  # runs beyond 65,536 values of RGBA
    large[125:, 130:] = True
    yield large


def spell(mask):
    cvat = encode_mask(mask)
    return {"width": mask.shape[1], "height": mask.shape[0], "rows": "".join("01"[int(v)] for v in mask.ravel()),
            "coco": coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode(),
            "labelstudio": ",".join(map(str, brush.mask2rle(mask.astype(np.uint8) * 255))),
            "cvat": ",".join(map(str, cvat)) if mask.any() else ""}


path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "masks.json")
with open(path, "w", encoding="utf-8") as file:
    file.write("[" + ",\n".join(json.dumps(spell(mask)) for mask in masks()) + "]\n")
