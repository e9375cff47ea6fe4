"""Time and memory, never kept."""
import os
import time

import numpy as np

import peers
from library import BEST, FAST, OFF

MODES = {"--refine off": OFF, "--refine fast": FAST, "--refine best": BEST}
REPEAT = 5


def measure(library, mode, scene):
    """Milliseconds per megapixel for the picture and for a mask, the most memory in MB beside the masks themselves."""
    picture, logits = scene.picture(), scene.logits()
    megapixels, runs, growth = picture.shape[0] * picture.shape[1] / 1e6, [], []
    for _ in range(REPEAT):
        _, prepare, prompt = library.refine(picture, logits, mode)
        runs.append((1000 * prepare / megapixels, 1000 * prompt / megapixels))
        growth.append(library.growth / 1024)
    return (*np.min(runs, 0), np.max(growth))


def print_own(library, scenes, threads):
    print(f"\n**Time and memory at 4000 x 3000**, {threads} threads; mean of {len(scenes)} pictures, of each the best of {REPEAT} "
          f"runs; {os.cpu_count()} cores with a load of {os.getloadavg()[0]:.1f} when it began\n\n| | picture | every mask | "
          "picture + mask | memory beside the masks, at most |\n|---|---|---|---|---|")
    total = {}
    for name, mode in MODES.items():
        rows = np.array([measure(library, mode, scene) for scene in scenes])
        prepare, prompt = rows[:, 0].mean(), rows[:, 1].mean()
        total[name] = prepare + prompt
        print(f"| {name} | {prepare:.1f} ms/MP | {prompt:.1f} ms/MP | {total[name]:.1f} ms/MP | {rows[:, 2].max():.0f} MB |")
    print(f"\n`best` takes {total['--refine best'] / total['--refine fast']:.1f} times as long as `fast`.")


def print_others(library, scene):
    picture, logits = scene.picture(), scene.logits()
    megapixels = picture.shape[0] * picture.shape[1] / 1e6
    methods = {name: lambda m=m: library.refine(picture, logits, m) for name, m in MODES.items()}
    methods.update({name: lambda f=f: f(picture, logits) for name, f in peers.PEERS.items()})
    print(f"\n**Time at {megapixels:.1f} megapixels**, picture + mask, best of 3\n\n| | ms/MP |\n|---|---|")
    for name, function in methods.items():
        times = []
        for _ in range(3):
            start = time.perf_counter()
            function()
            times.append(time.perf_counter() - start)
        print(f"| {name} | {1000 * np.min(times) / megapixels:.0f} |")
