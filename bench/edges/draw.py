"""Draw the pictures of docs/edges.md: draw.py (after bench/edges/run has made its Python environment).

The photograph is sky-195117.jpg of CLIPSEG_TEST_DATA/images; the built-in model knows no people, so its logits are an outline of
a few straight lines, blurred. Everything else comes from the command, on the sample picture.
"""
import glob
import os
import subprocess
import tempfile

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench import BUILD, DATA, ROOT, open_library
from library import FAST, OFF
from scenes import SIDE

PICTURES = os.path.join(ROOT, "docs", "pictures")
GREEN = np.array((70, 190, 80), np.float32)
# The man, as someone would draw him in a hurry; fractions of the picture's width and height.
OUTLINE = [(0.33, 0.27), (0.33, 0.2), (0.4, 0.16), (0.5, 0.17), (0.55, 0.22), (0.54, 0.3), (0.52, 0.35), (0.7, 0.4),
           (0.75, 0.5), (0.78, 0.63), (0.75, 0.72), (0.74, 0.99), (0.1, 0.99), (0.16, 0.75), (0.16, 0.62), (0.22, 0.43),
           (0.36, 0.36)]
SLEEVE = (2070, 2180, 400, 440)  # x, y, width, height of what is shown
BERRIES, BERRY = (503, 320, 190, 175), (508, 318, 120, 110)
CORNER = (2205, 2190, 240, 220)
REFINEMENTS = [("contrast", 1.0), ("contrast", 64.0), ("trust", 0.0), ("trust", 4.0)]
SHAPES = [(), ("--feather", "12"), ("--grow", "6"), ("--shrink", "6")]


def rough_logits():
    mask = np.zeros((SIDE, SIDE), np.float32)
    cv2.fillPoly(mask, [np.round(SIDE * np.array(OUTLINE)).astype(np.int32)], 1.0)
    return (8 * (cv2.GaussianBlur(mask, (0, 0), 6) - 0.5)).astype(np.float32)


def on_green(picture, alpha):
    return np.round(picture * alpha[..., None] + GREEN * (1 - alpha[..., None])).astype(np.uint8)


def command(*arguments):
    """The cut-out of the sample picture's blueberries, laid on green where it is transparent."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([os.path.join(BUILD, "clipseg"), "segment", os.path.join(ROOT, "examples", "breakfast.png"), "-q",
                        "-p", "blueberries", "-f", "cutout", "-o", folder, *arguments], check=True)
        rgba = np.asarray(Image.open(glob.glob(os.path.join(folder, "*.png"))[0]).convert("RGBA")).astype(np.float32)
    return on_green(rgba[..., :3], rgba[..., 3] / 255)


def cut(picture, crop):
    x, y, width, height = crop
    return picture[y:y + height, x:x + width]


def enlarged(picture, crop):
    """A part at 200 %, every pixel as it is."""
    return cut(picture, crop).repeat(2, 0).repeat(2, 1)


def sheet(panels, columns, name):
    """[(title, picture)] beside each other under their titles."""
    font = ImageFont.truetype("DejaVuSans.ttf", 12)
    height, width = panels[0][1].shape[:2]
    rows = -(-len(panels) // columns)
    out = Image.new("RGB", (columns * (width + 8) - 8, rows * (height + 24)), "white")
    pen = ImageDraw.Draw(out)
    for i, (title, picture) in enumerate(panels):
        x, y = i % columns * (width + 8), i // columns * (height + 24)
        pen.text((x + 2, y + 4), title, fill="black", font=font)
        out.paste(Image.fromarray(picture), (x, y + 22))
    out.save(os.path.join(PICTURES, name), quality=88, subsampling=0)


def draw_photograph(path):
    picture, logits = cv2.imread(path)[..., ::-1].copy(), rough_logits()
    library = open_library(os.path.join(ROOT, "tests", "data", "tiny-refined"), SIDE, 2)

    def refined(mode, **controls):
        return on_green(picture, library.refine(picture, logits, mode, **controls)[0])

    panels = [("the photograph", picture), ("--refine off", refined(OFF)), ("--refine fast", refined(FAST))]
    sheet([(title, cut(p, SLEEVE)) for title, p in panels], 3, "edges.jpg")
    panels = [(f"--{name} {value:.0f}", cut(refined(FAST, **{name: value}), CORNER)) for name, value in REFINEMENTS]
    panels += [(" ".join(c) or "by default", enlarged(command(*c), BERRY)) for c in SHAPES]
    sheet(panels, 4, "edges-controls.jpg")


def draw_sample():
    with Image.open(os.path.join(ROOT, "examples", "breakfast.png")) as picture:
        panels = [("the picture", np.asarray(picture.convert("RGB")))]
    panels += [(f"--refine {mode}", command("--refine", mode)) for mode in ("off", "fast")]
    sheet([(title, enlarged(picture, BERRIES)) for title, picture in panels], 3, "edges-sample.jpg")


def main():
    path = os.path.join(DATA, "images", "sky-195117.jpg")
    draw_sample()
    if os.path.exists(path):
        draw_photograph(path)
    else:
        print(f"edges.jpg and edges-controls.jpg are left as they are: {path} is missing")


if __name__ == "__main__":
    main()
