#!/usr/bin/env python3
"""Draw small pictures of every kind and record what Pillow makes of them: record_pillow.py (needs pillow, numpy).

Writes tests/data/pictures/*, tests/data/pictures.json (SHA-256 of the upright RGB pixels) and tests/data/resize.jsonl.
16-bit grey PNG is the one wanted difference: recorded by the high byte, where Pillow clips to white.
"""
import hashlib
import io
import json
import os

import numpy as np
from PIL import Image, ImageOps

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "data")
PICTURES = os.path.join(DATA, "pictures")


def sample(width=23, height=17):
    rng = np.random.default_rng(3)
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    rgb = np.stack([x, y, 255 - (x + y) / 2], -1) + rng.normal(0, 12, (height, width, 3))
    return Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))


def with_alpha(image):
    out = image.convert("RGBA")
    out.putalpha(Image.linear_gradient("L").resize(image.size))
    return out


def save_all():
    image = sample()
    exif = Image.Exif()

    def save(name, picture, **options):
        picture.save(os.path.join(PICTURES, name), **options)

    save("rgb.png", image)
    save("grey.png", image.convert("L"))
    save("bilevel.png", image.convert("1"))
    save("palette.png", image.quantize(40))
    save("palette4.png", image.quantize(12), bits=4)
    save("rgba.png", with_alpha(image))
    save("grey-alpha.png", with_alpha(image).convert("LA"))
    save("palette-transparent.png", image.quantize(16), transparency=3)
    Image.fromarray((np.asarray(image.convert("L")).astype(np.uint16) * 257 - 100).clip(0)).save(
        os.path.join(PICTURES, "grey16.png"))
    save("one.png", image.crop((0, 0, 1, 1)))
    save("wide.png", image.resize((300, 1)))
    save("baseline.jpg", image, quality=90)
    save("420.jpg", image, quality=75, subsampling=2)
    save("422.jpg", image, quality=75, subsampling=1)
    save("progressive.jpg", image, quality=85, progressive=True)
    save("grey.jpg", image.convert("L"))
    save("cmyk.jpg", image.convert("CMYK"))
    save("lossless.webp", image, lossless=True)
    save("lossy.webp", image, quality=80)
    save("alpha.webp", with_alpha(image), lossless=True, exact=True)
    save("animated.webp", image, save_all=True, append_images=[ImageOps.mirror(image)], lossless=True)
    save("24.bmp", image)
    save("8.bmp", image.quantize(60))
    save("grey.bmp", image.convert("L"))
    save("1.bmp", image.convert("1"))
    save("32.bmp", image.convert("RGBA"))
    save("rgb.ppm", image)
    save("grey.pgm", image.convert("L"))
    save("bilevel.pbm", image.convert("1"))
    for orientation in range(1, 9):
        exif[0x0112] = orientation
        save(f"exif{orientation}.jpg", image, quality=90, exif=exif.tobytes())
    exif[0x0112] = 6
    save("exif6.png", image, exif=exif.tobytes())
    save("exif6.webp", image, lossless=True, exif=exif.tobytes())
    with open(os.path.join(PICTURES, "text.ppm"), "w") as f:
        f.write("P3 # a comment\n2 2\n255\n255 0 0  0 255 0\n0 0 255  10 20 30\n")


def record(path):
    image = Image.open(path)
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    image = ImageOps.exif_transpose(image).convert("RGB")
    return {"width": image.width, "height": image.height, "sha256": hashlib.sha256(image.tobytes()).hexdigest()}


def main():
    os.makedirs(PICTURES, exist_ok=True)
    save_all()
    names = sorted(os.listdir(PICTURES))
    with open(os.path.join(DATA, "pictures.json"), "w") as f:
        json.dump({n: record(os.path.join(PICTURES, n)) for n in names}, f, indent=1)
        f.write("\n")
    with open(os.path.join(DATA, "resize.jsonl"), "w") as f:
        for name in ("picture.png", "example.png"):
            image = Image.open(os.path.join(DATA, name)).convert("RGB")
            for width, height in ((352, 352), (33, 31), (1, 1), (7, 200), (201, 3), (120, 45), (60, 90), image.size):
                for resample in (2, 3):
                    data = image.resize((width, height), resample).tobytes()
                    f.write(json.dumps({"image": name, "width": width, "height": height, "resample": resample,
                                        "sha256": hashlib.sha256(data).hexdigest()}) + "\n")


if __name__ == "__main__":
    main()
