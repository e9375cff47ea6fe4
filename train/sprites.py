"""Draw every thing in all styles once: sprites.npz with RGBA of SIZE x SIZE, [things, 5 styles, SIZE, SIZE, 4].

    sprites.py SOURCES_DIR OUT.npz

SOURCES_DIR holds the unpacked npm packages that `train/run` fetches.
Style 0 is Noto Color Emoji (Debian's fonts-noto-color-emoji), style 1 Twemoji: the two that are evaluated, both with all
things. The others are for training only: Fluent Emoji flat and in colour, and EmojiOne 2, which lacks some things; the
drawing of such a thing is empty (transparent).
"""
import functools
import io
import json
import os
import re
import sys

import cairosvg
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import world

SIZE = 128
NOTO = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"


def character(code):
    return "".join(chr(int(c, 16)) for c in code.split("-"))


def draw_noto(code, font=ImageFont.truetype(NOTO, 109)):
    canvas = Image.new("RGBA", (160, 160))
    ImageDraw.Draw(canvas).text((10, 10), character(code), font=font, embedded_color=True)
    return canvas


def twemoji_path(sources, code):
    return f"{sources}/twemoji-svg/{code.lower().replace('-fe0f', '')}.svg"


def draw_twemoji(sources, code, size=SIZE):
    png = cairosvg.svg2png(url=twemoji_path(sources, code), output_width=size, output_height=size)
    return Image.open(io.BytesIO(png)).convert("RGBA")


@functools.cache
def iconify(folder):
    """A set of drawings in Iconify's form: {code point: name} and the drawings by name."""
    icons = json.load(open(f"{folder}/icons.json", encoding="utf-8"))
    return json.load(open(f"{folder}/chars.json", encoding="utf-8")), icons


def draw_iconify(folder, thing):
    """The set's drawing of the thing's code point or, where the set tells none, of its name; empty if it has none."""
    characters, icons = iconify(folder)
    name = characters.get(thing.code.lower()) or re.sub("[^a-z0-9]+", "-", thing.name)
    name = icons.get("aliases", {}).get(name, {}).get("parent", name)
    if name not in icons["icons"]:
        return Image.new("RGBA", (SIZE, SIZE))
    icon, side = icons["icons"][name], icons["width"]
    svg = (f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
           f'viewBox="0 0 {icon.get("width", side)} {icon.get("height", side)}">{icon["body"]}</svg>')
    png = cairosvg.svg2png(bytestring=svg.encode(), output_width=SIZE, output_height=SIZE)
    return Image.open(io.BytesIO(png)).convert("RGBA")


def draw_all(sources, thing):
    return [draw_noto(thing.code), draw_twemoji(sources, thing.code)] + [
        draw_iconify(f"{sources}/{folder}", thing) for folder in ("fluent-emoji-flat", "fluent-emoji", "emojione")]


def fit(picture, size=SIZE):
    """The drawing alone, centred in a square with a margin of one pixel. Nothing stays nothing."""
    picture = picture.crop(picture.getchannel("A").getbbox())
    scale = (size - 2) / max(picture.size)
    picture = picture.resize([max(1, round(s * scale)) for s in picture.size], Image.LANCZOS)
    out = Image.new("RGBA", (size, size))
    out.paste(picture, ((size - picture.width) // 2, (size - picture.height) // 2))
    return np.asarray(out)


def dye(rgba, colour):
    """Dye what is light: milk becomes orange juice."""
    rgb = rgba[..., :3].astype(np.float32)
    bright = rgb.min(-1, keepdims=True) / 255
    weight = np.clip((bright - 0.5) / 0.15, 0, 1)
    target = np.array(world.COLOURS[colour], np.float32) * (0.3 + 0.7 * bright)
    out = rgba.copy()
    out[..., :3] = np.clip(rgb * (1 - weight) + target * weight, 0, 255).astype(np.uint8)
    return out


def has_drawing(sources):
    from fontTools.ttLib import TTFont
    known = TTFont(NOTO).getBestCmap()

    def check(code):
        parts = [int(c, 16) for c in code.split("-") if c != "FE0F"]
        return len(parts) == 1 and parts[0] in known and os.path.exists(twemoji_path(sources, code))
    return check


def load_world(sources):
    return world.load_things(f"{sources}/emojibase-data/en", f"{sources}/cldr-annotations-full/annotations/en",
                             has_drawing(sources))


def main():
    sources, out = sys.argv[1:3]
    things, keywords = load_world(sources)
    sprites = np.zeros((len(things), 5, SIZE, SIZE, 4), np.uint8)
    for i, thing in enumerate(things):
        for style, picture in enumerate(draw_all(sources, thing)):
            sprites[i, style] = fit(picture)
            if thing.tint:
                sprites[i, style] = dye(sprites[i, style], thing.tint)
    np.savez(out, sprites=sprites)
    print(f"{len(things)} things, {len(world.word_table(things, keywords))} words")


if __name__ == "__main__":
    main()
