"""Seeded composites with a known alpha: pictograms, drawn at four times their size, over photographs; and the logits that a
segmentation network of 352 x 352 would give for them."""
import io
import os
import re
import subprocess
import sys

import cairosvg
import cv2
import numpy as np

import named

KINDS = ("small", "large", "named")  # named: drawings that the built-in model knows
SIZES = {"small": (1600, 1200), "large": (4000, 3000), "named": (1600, 1200)}
COUNTS = {"small": 160, "large": 40, "named": 80}  # even numbers are for tuning, odd ones are reported
SIDE, TOKENS = 352, 22
PACKAGE = "@twemoji/svg@15.0.0"


def fetch_pictograms(folder):
    """The drawings of an npm package, unpacked once."""
    if not os.path.isdir(folder):
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        name = subprocess.run(["npm", "pack", "--silent", "--pack-destination", os.path.dirname(folder), PACKAGE],
                              check=True, capture_output=True, text=True).stdout.strip()
        os.makedirs(folder + ".part", exist_ok=True)
        subprocess.run(["tar", "xzf", os.path.join(os.path.dirname(folder), name), "-C", folder + ".part",
                        "--strip-components", "1"], check=True)
        os.rename(folder + ".part", folder)
    names = sorted(n for n in os.listdir(folder) if n.endswith(".svg"))
    return [os.path.join(folder, n) for n in names if not re.search(r"1f3f[b-f]|20e3", n)]  # no variants, no keycaps


def load_photographs():
    """What the wheels of scikit-image and scikit-learn carry, in colour."""
    from skimage import data
    from sklearn.datasets import load_sample_images
    pictures = list(load_sample_images().images)
    for name in ("astronaut", "chelsea", "coffee", "rocket", "retina", "immunohistochemistry", "hubble_deep_field",
                 "grass", "gravel", "brick"):
        p = getattr(data, name)()
        pictures.append(p[..., :3] if p.ndim == 3 else np.repeat(p[..., None], 3, -1))
    pictures.append(data.stereo_motorcycle()[0])
    return pictures


def smooth_noise(rng, shape, sigma):
    """Gaussian noise of one unit's deviation, smoothed: made small where sigma is large."""
    step = max(1, int(sigma / 4))
    small = rng.standard_normal([-(-s // step) + 8 for s in shape]).astype(np.float32)
    small = cv2.GaussianBlur(small, (0, 0), sigma / step)
    small /= small.std()
    return cv2.resize(small, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)[:shape[0], :shape[1]]


def background(rng, photographs, width, height):
    p = photographs[rng.integers(len(photographs))]
    scale = rng.uniform(0.6, 1) * min(p.shape[1] / width, p.shape[0] / height)
    w, h = int(width * scale), int(height * scale)
    x, y = rng.integers(p.shape[1] - w + 1), rng.integers(p.shape[0] - h + 1)
    crop = cv2.resize(p[y:y + h, x:x + w], (width, height), interpolation=cv2.INTER_LANCZOS4).astype(np.float32)
    return (crop[:, ::-1] if rng.random() < 0.5 else crop) * rng.uniform(0.8, 1.15, 3).astype(np.float32)


def draw(rng, path, size):
    """Premultiplied RGBA, float 0..1, [size, size, 4], exact up to the drawing at four times the size."""
    text = open(path, encoding="utf-8").read()
    text = re.sub(r'viewBox="[^"]*"', 'viewBox="-4 -4 44 44"', text, count=1)
    start = text.index(">", text.index("<svg")) + 1
    text = (text[:start] + f'<g transform="rotate({rng.uniform(-25, 25):.2f} 18 18)">' + text[start:].replace("</svg>", "</g></svg>"))
    png = cairosvg.svg2png(bytestring=text.encode(), output_width=4 * size, output_height=4 * size)
    rgba = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]]
    out = np.empty((size, size, 4), np.float32)
    for y in range(0, size, 64):  # in strips: four times the size is a lot of memory
        strip = rgba[4 * y:4 * (y + 64)].astype(np.float32) / 255
        strip[..., :3] *= strip[..., 3:]
        out[y:y + 64] = cv2.resize(strip, (size, strip.shape[0] // 4), interpolation=cv2.INTER_AREA)
    return out


def paste(rng, picture, sprite):
    """Somewhere, one in eight over the border; returns the alpha that was put."""
    height, width = picture.shape[:2]
    size, alpha = sprite.shape[0], np.zeros(picture.shape[:2], np.float32)
    margin = size // 3 if rng.random() < 0.125 else -size // 12
    x = int(rng.integers(min(-margin, width - size), max(width - size + margin, -margin) + 1))
    y = int(rng.integers(min(-margin, height - size), max(height - size + margin, -margin) + 1))
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + size, width), min(y + size, height)
    part = sprite[y0 - y:y1 - y, x0 - x:x1 - x]
    light = 1 + 0.07 * smooth_noise(rng, part.shape[:2], size / 6)[..., None]
    picture[y0:y1, x0:x1] = picture[y0:y1, x0:x1] * (1 - part[..., 3:]) + 255 * part[..., :3] * light
    alpha[y0:y1, x0:x1] = part[..., 3]
    return alpha


def compose(seed, kind, pictograms, photographs):
    """uint8 [h, w, 3] as a camera would give it (grain), float alpha [h, w] of the thing that is looked for, its drawing"""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    width, height = SIZES[kind]
    picture = background(rng, photographs, width, height)
    if rng.random() < 0.4:  # something else
        paste(rng, picture, draw(rng, pictograms[rng.integers(len(pictograms))], int(height * rng.uniform(0.15, 0.35))))
    while True:
        path = pictograms[rng.integers(len(pictograms))]
        sprite = draw(rng, path, int(height * rng.uniform(0.25, 0.75)))
        if (sprite[..., 3] > 0.5).mean() > 0.08 and ((sprite[..., 3] > 0.02) & (sprite[..., 3] < 0.98)).mean() < 0.15:
            break  # neither a few strokes nor half transparent
    alpha = paste(rng, picture, sprite)
    picture += rng.uniform(0.5, 4) * rng.standard_normal(picture.shape, np.float32)
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8), alpha, path


def simulate_logits(seed, alpha):
    """[352, 352]: half of what is seen is averaged over 22 x 22 tokens, half is blurred; smooth noise."""
    rng = np.random.default_rng([seed, 7])
    mask = cv2.resize(alpha, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    tokens = cv2.resize(cv2.resize(mask, (TOKENS, TOKENS), interpolation=cv2.INTER_AREA), (SIDE, SIDE),
                        interpolation=cv2.INTER_NEAREST)
    seen = 0.5 * tokens + 0.5 * cv2.GaussianBlur(mask, (0, 0), 5)
    return (8 * (seen - 0.5) + 1.1 * smooth_noise(rng, (SIDE, SIDE), 12)).astype(np.float32)


class Scene:
    def __init__(self, folder, kind, seed):
        self.kind, self.seed, self.name = kind, seed, f"{kind}-{seed:03d}"
        self.base = os.path.join(folder, self.name)
        self.picture_path, self.alpha_path = self.base + ".jpg", self.base + ".alpha.png"

    def picture(self):
        return cv2.imread(self.picture_path)[..., ::-1].copy()

    def alpha(self):
        return cv2.imread(self.alpha_path, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255

    def thing(self):
        with open(self.base + ".txt", encoding="utf-8") as file:
            return file.read()

    def logits(self):
        return simulate_logits(self.seed, self.alpha())


def prepare(folder, sources, kind, limit=None):
    """The scenes of a kind, made where missing."""
    os.makedirs(folder, exist_ok=True)
    scenes = [Scene(folder, kind, seed) for seed in range(min(COUNTS[kind], limit or COUNTS[kind]))]
    missing = [s for s in scenes if not os.path.exists(s.alpha_path)]
    if missing:
        pictograms, photographs = fetch_pictograms(sources), load_photographs()
        pictograms = named.pick(pictograms) if kind == "named" else pictograms
    for i, scene in enumerate(missing):
        print(f"\rscene {i + 1} of {len(missing)}", end="", flush=True, file=sys.stderr)
        picture, alpha, path = compose(scene.seed, kind, pictograms, photographs)
        quality = 80 + scene.seed * 7 % 16
        cv2.imwrite(scene.picture_path, picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        if kind == "named":
            with open(scene.base + ".txt", "w", encoding="utf-8") as file:
                file.write(named.name_of(path))
        part = scene.base + ".part.png"
        cv2.imwrite(part, np.round(255 * alpha).astype(np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 1])
        os.rename(part, scene.alpha_path)
    if missing:
        print(file=sys.stderr)
    return scenes
