"""Pictures to measure with: they differ, and their contents do not matter to the time."""
import numpy as np
from PIL import Image


def draw(folder, count):
    """JPEGs of 640 x 480 in the folder; their paths."""
    paths = [f"{folder}/{i:04}.jpg" for i in range(count)]
    for i, path in enumerate(paths):
        small = np.random.default_rng(i).integers(0, 256, (24, 32, 3)).astype(np.uint8)
        Image.fromarray(small).resize((640, 480), Image.BICUBIC).save(path, quality=90)
    return paths
