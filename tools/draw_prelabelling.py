#!/usr/bin/env python3
"""Draw docs/pictures/prelabelling.png: a sample, its label from clipseg, and what comes home after a correction.
tools/draw_prelabelling.py BUILD_DIR. The service is the fake one of the tests, the model the built-in one, the person who
corrects a line of numpy."""
import io
import os
import subprocess
import sys
import tempfile
import urllib.parse

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
sys.path.insert(0, os.path.join(SOURCE, "tests", "command"))
from fake_segments import KEY, FakeSegments  # noqa: E402

CATEGORIES = [(1, "blueberries"), (2, "a strawberry"), (3, "a cup of coffee"), (4, "pancakes")]
COLOURS = [None, (70, 110, 255), (255, 60, 80), (120, 70, 30), (40, 160, 80)]
WIDTH = 310


def run(fake, *arguments):
    environment = dict(os.environ, SEGMENTS_API_KEY=KEY, SEGMENTS_API_URL=fake.url, XDG_STATE_HOME="state")
    subprocess.run([CLIPSEG, *arguments], env=environment, check=True)


def tinted(picture, ids):
    pixels = np.asarray(picture).astype(float)
    out = 0.6 * pixels + 0.4 * 255
    for number, colour in enumerate(COLOURS):
        if colour:
            out[ids == number] = 0.35 * pixels[ids == number] + 0.65 * np.array(colour)
    return Image.fromarray(out.astype(np.uint8))


def correct(fake, name):
    """What lies outside the plate of pancakes is erased from them."""
    bitmap = np.array(Image.open(io.BytesIO(fake.bitmap(name))))
    height, width = bitmap.shape[:2]
    spilled = bitmap[..., 0] == 4
    spilled[int(0.25 * height):int(0.65 * height), int(0.27 * width):int(0.62 * width)] = False
    bitmap[spilled, :3] = 0
    stream = io.BytesIO()
    Image.fromarray(bitmap).save(stream, "PNG")
    url = fake.label(name)["attributes"]["segmentation_bitmap"]["url"]
    fake.bucket.files[urllib.parse.urlsplit(url).path.lstrip("/")] = stream.getvalue()
    fake.label(name)["label_status"] = "LABELED"


def draw(panels, path):
    font = ImageFont.truetype("DejaVuSans.ttf", 12)
    height = panels[0][1].height * WIDTH // panels[0][1].width
    out = Image.new("RGB", (10 + len(panels) * (WIDTH + 10), height + 62), "white")
    pen = ImageDraw.Draw(out)
    for i, (title, picture) in enumerate(panels):
        pen.text((10 + i * (WIDTH + 10), 7), title, fill="black", font=font)
        out.paste(picture.resize((WIDTH, height)), (10 + i * (WIDTH + 10), 28))
    x = 10
    for number, name in CATEGORIES:
        pen.rectangle([x, height + 38, x + 14, height + 52], fill=COLOURS[number])
        pen.text((x + 20, height + 38), name, fill="black", font=font)
        x += 40 + int(font.getlength(name))
    out.save(path)


def main():
    example = os.path.join(SOURCE, "examples", "breakfast.png")
    picture = Image.open(example).convert("RGB")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with open(example, "rb") as f, FakeSegments(CATEGORIES, {"breakfast.png": f.read()}) as fake:
            run(fake, "prelabel", "segments", "jane/flowers", "-m", "demo", "--threshold", "0.5")
            before = np.asarray(Image.open(io.BytesIO(fake.bitmap("breakfast.png"))))[..., 0]
            correct(fake, "breakfast.png")
            run(fake, "fetch", "segments", "jane/flowers", "-o", "home")
            after = np.asarray(Image.open("home/labels/breakfast.png"))
        draw([("the sample", picture), ("prelabelled: status PRELABELED", tinted(picture, before)),
              ("corrected, and fetched home: LABELED", tinted(picture, after))],
             os.path.join(SOURCE, "docs", "pictures", "prelabelling.png"))


CLIPSEG = os.path.join(os.path.abspath(sys.argv[1]), "clipseg")
main()
