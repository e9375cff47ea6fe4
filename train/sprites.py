"""Draw every thing in both styles once: sprites.npz with RGBA of SIZE x SIZE, [things, 2 styles, SIZE, SIZE, 4].

    sprites.py SOURCES_DIR OUT.npz

SOURCES_DIR holds the unpacked npm packages `twemoji-svg`, `cldr-annotations-full`, `emojibase-data` (see `train/run`).
Style 0 is Noto Color Emoji (Debian's fonts-noto-color-emoji), style 1 Twemoji.
"""
import io
import os
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


def fit(picture, size=SIZE):
    """The drawing alone, centred in a square with a margin of one pixel."""
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
    sprites = np.zeros((len(things), 2, SIZE, SIZE, 4), np.uint8)
    for i, thing in enumerate(things):
        for style, picture in enumerate((draw_noto(thing.code), draw_twemoji(sources, thing.code))):
            sprites[i, style] = fit(picture)
            if thing.tint:
                sprites[i, style] = dye(sprites[i, style], thing.tint)
    np.savez(out, sprites=sprites)
    print(f"{len(things)} things, {len(world.word_table(things, keywords))} words")


if __name__ == "__main__":
    main()
