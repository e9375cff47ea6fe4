"""Draw the sample pictures: examples.py SOURCES_DIR OUT_DIR

breakfast.png: a table with pancakes, blueberries, orange juice, cutlery and more, from Twemoji's and Noto's drawings at a
size of their own. blueberries.png: the blueberries alone, in the other style, as a visual prompt.
"""
import os
import sys

import cv2
import numpy as np
from PIL import Image, ImageFilter

import sprites

WIDTH, HEIGHT = 768, 576

# name, style (0 Noto, 1 Twemoji), centre as a fraction of the picture, size in pixels, turned by degrees
TABLE = [
    ("pancakes", 1, (0.44, 0.46), 250, 0),
    ("blueberries", 0, (0.77, 0.70), 165, 8),
    ("orange juice", 0, (0.79, 0.26), 185, -4),
    ("fork and knife", 1, (0.14, 0.50), 190, 12),
    ("hot beverage", 1, (0.17, 0.17), 135, 0),
    ("croissant", 1, (0.50, 0.845), 140, -12),
    ("strawberry", 1, (0.20, 0.84), 105, 16),
    ("butter", 1, (0.50, 0.115), 100, 5),
]


def wood(width, height, seed=7):
    """Planks: stretched noise, darker lines between, a little light from above."""
    rng = np.random.default_rng(seed)
    grain = np.zeros((height, width), np.float32)
    for rows, columns, weight in ((180, 6, 0.5), (60, 4, 0.8), (24, 3, 1.0)):
        small = rng.random((rows, columns)).astype(np.float32)
        grain += weight * cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    grain = (grain - grain.min()) / np.ptp(grain)
    colour = np.array([152, 104, 66]) * (1 - grain[..., None]) + np.array([196, 148, 102]) * grain[..., None]
    plank = height / 4
    y = np.arange(height)[:, None]
    edge = np.minimum(y % plank, plank - y % plank)
    colour *= (0.8 + 0.2 * np.clip(edge / 3, 0, 1))[..., None]
    return colour * np.linspace(1.06, 0.9, height)[:, None, None]


def drawing(sources, things, name, style, size):
    thing = next(t for t in things if t.name == name)
    picture = sprites.draw_twemoji(sources, thing.code, 512) if style else sprites.draw_noto(thing.code)
    rgba = sprites.fit(picture, size)
    return Image.fromarray(sprites.dye(rgba, thing.tint) if thing.tint else rgba)


def place(table, picture, centre, angle):
    """With a soft shadow, so that things lie on the table."""
    picture = picture.rotate(angle, Image.BICUBIC, expand=True)
    at = (round(centre[0] * WIDTH - picture.width / 2), round(centre[1] * HEIGHT - picture.height / 2))
    shadow = Image.new("RGBA", (picture.width + 40, picture.height + 40))
    shadow.paste((30, 15, 5, 130), (20, 20), picture.getchannel("A").point(lambda a: a // 2))
    table.alpha_composite(shadow.filter(ImageFilter.GaussianBlur(7)), (max(0, at[0] - 14), max(0, at[1] - 12)))
    table.alpha_composite(picture, at)


def main():
    sources, out = sys.argv[1:3]
    things, _ = sprites.load_world(sources)
    os.makedirs(out, exist_ok=True)
    table = Image.fromarray(np.clip(wood(WIDTH, HEIGHT), 0, 255).astype(np.uint8)).convert("RGBA")
    for name, style, centre, size, angle in TABLE:
        place(table, drawing(sources, things, name, style, size), centre, angle)
    table.convert("RGB").save(f"{out}/breakfast.png", optimize=True)
    example = Image.new("RGBA", (192, 192), (226, 222, 214, 255))
    example.alpha_composite(drawing(sources, things, "blueberries", 1, 150), (21, 21))
    example.convert("RGB").save(f"{out}/blueberries.png", optimize=True)


if __name__ == "__main__":
    main()
