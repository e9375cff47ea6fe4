"""Composites of drawings that the built-in model knows, asked for by name: its own logits, from the command itself."""
import glob
import os
import subprocess
import tempfile

import numpy as np

# The drawings' code points, and what the model was taught to call them; none was held out in training.
THINGS = {
    "1f34e": "apple", "1f34c": "banana", "1f353": "strawberry", "1f347": "grapes", "1f34d": "pineapple",
    "1f349": "watermelon", "1f345": "tomato", "1f955": "carrot", "1f346": "eggplant", "1f966": "broccoli",
    "1f344": "mushroom", "1f950": "croissant", "1f95e": "pancakes", "1f9c0": "cheese", "1f354": "hamburger",
    "1f355": "pizza", "1f369": "doughnut", "2615": "a cup of coffee", "1f697": "car", "1f68c": "bus",
    "1f6b2": "bicycle", "26f5": "sailboat", "1f680": "rocket", "1f681": "helicopter", "1f422": "turtle",
    "1f41f": "fish", "1f42c": "dolphin", "1f40c": "snail", "1f41d": "honeybee", "1f98b": "butterfly",
    "1f427": "penguin", "1f989": "owl", "1f438": "frog", "1f431": "cat", "1f436": "dog", "1f33b": "sunflower",
    "1f335": "cactus", "1f3b8": "guitar", "1f3ba": "trumpet", "1f3bb": "violin"}


def name_of(path):
    return THINGS[os.path.splitext(os.path.basename(path))[0]]


def pick(pictograms):
    return [p for p in pictograms if os.path.splitext(os.path.basename(p))[0] in THINGS]


def ask(clipseg, model, picture_path, name, threads):
    """The model's logits [S, S] for a name."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([clipseg, "segment", picture_path, "-m", model, "-p", name, "-f", "npy", "-o", folder, "--quiet",
                        "--threads", str(threads)], check=True)
        found = np.load(glob.glob(os.path.join(folder, "*.npy"))[0]).astype(np.float32)
    return found.reshape(found.shape[-2:])
