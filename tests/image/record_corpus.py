#!/usr/bin/env python3
"""Record what Pillow makes of the public collections of hostile pictures: record_corpus.py BUILD_DIR CORPUS_DIR.

Writes tests/data/corpus.json, per archive: `same` (path: size and the start of the SHA-256 of the upright RGB pixels, as
from Pillow and here), `refused` (Pillow accepts them, here they are refused: path: reason) and `other_pixels` (accepted by
both, with different pixels: path: size). What stands in none of the three is refused by both. 16-bit grey PNG is compared
by the high byte. Look at every new line of the last two before you commit them.
"""
import hashlib
import json
import os
import sys
import tempfile
import warnings

import numpy as np
from PIL import Image, ImageOps

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "command"))
from test_corpus import ARCHIVES, MOST_PIXELS, decode, unpack  # noqa: E402


def pillow(path):
    """[width, height, digest], or None."""
    try:
        image = Image.open(path)
        if image.width * image.height > MOST_PIXELS:
            return None
        if image.mode.startswith("I"):
            image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
        image = ImageOps.exif_transpose(image).convert("RGB")
    except Exception:  # whatever it says: it does not read the file
        return None
    return [image.width, image.height, hashlib.sha256(image.tobytes()).hexdigest()[:16]]


def main():
    build, corpus = sys.argv[1:]
    warnings.simplefilter("ignore")
    lists = {}
    for archive in ARCHIVES:
        with tempfile.TemporaryDirectory() as folder:
            entry = lists[archive] = {"same": {}, "refused": {}, "other_pixels": {}}
            paths = unpack(os.path.join(corpus, archive + ".tar.gz"), folder)
            for path, verdict in zip(paths, decode(build, paths)):
                name, wanted = os.path.relpath(path, folder), pillow(path)
                ours = None if verdict["status"] else [verdict["width"], verdict["height"], verdict["sha256"][:16]]
                if wanted and ours == wanted:
                    entry["same"][name] = wanted
                elif wanted and not ours:
                    entry["refused"][name] = verdict["error"].removeprefix(path + ": ")
                elif ours:
                    entry["other_pixels"][name] = ours[:2]
    with open(os.path.join(HERE, "..", "data", "corpus.json"), "w", encoding="utf-8") as f:
        json.dump(lists, f, indent=0, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
