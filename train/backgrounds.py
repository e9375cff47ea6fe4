"""Backgrounds of scenes: photographs that come with scikit-image and scikit-learn, textures, gradients, plain colours."""
import cv2
import numpy as np

SKIMAGE = ["astronaut", "brick", "chelsea", "coffee", "grass", "gravel", "hubble_deep_field", "immunohistochemistry",
           "rocket", "camera", "coins", "moon", "page", "text"]
LONGEST = 640


def photographs():
    """Those that the installed packages carry (some of scikit-image's are downloads: they are left out)."""
    from skimage import data
    from sklearn.datasets import load_sample_images
    pictures = list(load_sample_images().images)
    for name in SKIMAGE:
        try:
            picture = getattr(data, name)()
        except Exception:  # not part of the wheel
            continue
        pictures.append(picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, -1))
    out = []
    for p in pictures:
        scale = LONGEST / max(p.shape[:2])
        out.append(cv2.resize(p[..., :3], None, fx=min(1, scale), fy=min(1, scale), interpolation=cv2.INTER_AREA))
    return out


def _colour(rng):
    return rng.integers(0, 256, 3).astype(np.float32)


def _photograph(rng, size, photos):
    p = photos[rng.integers(len(photos))]
    side = int(min(p.shape[:2]) * rng.uniform(0.35, 1))
    y, x = rng.integers(p.shape[0] - side + 1), rng.integers(p.shape[1] - side + 1)
    crop = cv2.resize(p[y:y + side, x:x + side], (size, size), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    return crop.astype(np.float32) * rng.uniform(0.7, 1.2, 3).astype(np.float32) + rng.uniform(-15, 15)


def _gradient(rng, size):
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:size, :size].astype(np.float32) / size - 0.5
    t = np.clip(np.cos(angle) * x + np.sin(angle) * y + 0.5, 0, 1)[..., None]
    return _colour(rng) * (1 - t) + _colour(rng) * t


def _noise(rng, size):
    """Clouds: a few octaves of smooth noise between two colours; stretched it looks like wood or cloth."""
    field = np.zeros((size, size), np.float32)
    stretch = rng.choice([1, 1, 6])
    for octave in range(2, 6):
        cells = 2 ** octave
        small = rng.random((cells, max(2, cells // stretch))).astype(np.float32)
        field += cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC) / cells * 4
    field = (field - field.min()) / (np.ptp(field) + 1e-6)
    return _colour(rng) * (1 - field[..., None]) + _colour(rng) * field[..., None]


def _stripes(rng, size):
    period, angle = rng.uniform(6, 40), rng.uniform(0, np.pi)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    wave = np.sin(2 * np.pi * (np.cos(angle) * x + np.sin(angle) * y) / period)
    if rng.random() < 0.5:
        wave = wave * np.sin(2 * np.pi * (np.sin(angle) * x - np.cos(angle) * y) / period)
    t = (wave * 0.5 + 0.5)[..., None] if rng.random() < 0.5 else (wave > 0)[..., None]
    return _colour(rng) * (1 - t) + _colour(rng) * t


def make(rng, size, photos):
    """float32 [size, size, 3] in 0..255"""
    kind = rng.random()
    if kind < 0.45:
        out = _photograph(rng, size, photos)
    elif kind < 0.65:
        out = _noise(rng, size)
    elif kind < 0.78:
        out = _gradient(rng, size)
    elif kind < 0.88:
        out = _stripes(rng, size)
    else:
        out = np.broadcast_to(_colour(rng), (size, size, 3)).copy()
    if rng.random() < 0.3:
        out = out + rng.normal(0, rng.uniform(2, 12), (size, size, 1)).astype(np.float32)
    return np.clip(out, 0, 255).astype(np.float32)
