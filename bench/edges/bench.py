"""Measure refined masks on the seeded composites and print tables in Markdown.

    bench.py [--half tune|report] [--small N] [--large N] [--peers N] [--threads N]

Every picture's result is kept in build/edges/results.json; a second run measures only what is missing. Remove the file
after a change of the library.
"""
import argparse
import json
import os
import time

import numpy as np

import peers
import scenes
from library import BEST, FAST, Library
from measures import Truth

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
WORK = os.path.join(ROOT, "build", "edges")
COLUMNS = ("IoU", "F1px", "F2px", "F.1%", "F.8%", "BIoU", "trimap IoU", "MAE")


class Results:
    def __init__(self, path):
        self.path = path
        self.rows = json.load(open(path, encoding="utf-8")) if os.path.exists(path) else {}

    def get(self, scene, method, compute):
        key = f"{scene} {method}"
        if key not in self.rows:
            self.rows[key] = compute()
            with open(self.path + ".part", "w", encoding="utf-8") as file:
                json.dump(self.rows, file)
            os.replace(self.path + ".part", self.path)
        return self.rows[key]


def timed(function, picture, logits):
    start = time.perf_counter()
    soft = function(picture, logits)
    return soft, 0.0, time.perf_counter() - start


def measure_set(all_scenes, methods, results):
    """{method: [row per picture]}"""
    rows = {name: [] for name in methods}
    for scene in all_scenes:
        loaded = []

        def load(scene=scene, loaded=loaded):
            if not loaded:
                loaded.extend((scene.picture(), scene.logits(), Truth(scene.alpha())))
            return loaded

        for name, function in methods.items():
            def compute(function=function, load=load):
                picture, logits, truth = load()
                soft, prepare, prompt = function(picture, logits)
                megapixels = soft.size / 1e6
                return dict(truth.measure(soft), prepare=1000 * prepare / megapixels, prompt=1000 * prompt / megapixels)
            rows[name].append(results.get(scene.name, name, compute))
    return rows


def print_table(title, rows):
    base = rows["bilinear"]
    print(f"\n**{title}**, {len(base)} pictures\n\n| | " + " | ".join(COLUMNS) + " | worst change of IoU | ms/MP, picture + mask |\n|---"
          + "|---" * (len(COLUMNS) + 2) + "|")
    for name, mine in rows.items():
        means = [np.mean([r[c] for r in mine]) for c in COLUMNS]
        worst = min(r["IoU"] - b["IoU"] for r, b in zip(mine, base))
        print(f"| {name} | " + " | ".join(f"{m:.3f}" for m in means) + f" | {worst:+.3f} | "
              f"{np.median([r['prepare'] for r in mine]):.1f} + {np.median([r['prompt'] for r in mine]):.1f} |")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--half", choices=("tune", "report"), default="report")
    a.add_argument("--small", type=int, default=scenes.COUNTS["small"])
    a.add_argument("--large", type=int, default=scenes.COUNTS["large"])
    a.add_argument("--peers", type=int, default=20, help="pictures on which the other methods are measured")
    a.add_argument("--threads", type=int, default=2)
    args = a.parse_args()
    library = Library(os.path.join(ROOT, "build", "release", "libclipseg.so"), os.path.join(ROOT, "tests", "data", "tiny-refined"),
                      args.threads)
    results = Results(os.path.join(WORK, "results.json"))
    own = {"bilinear": lambda p, z: timed(peers.bilinear, p, z), "--refine fast": lambda p, z: library.refine(p, z, FAST),
           "--refine best": lambda p, z: library.refine(p, z, BEST)}
    others = {name: lambda p, z, f=f: timed(f, p, z) for name, f in peers.PEERS.items()}
    for kind, count in (("small", args.small), ("large", args.large)):
        prepared = scenes.prepare(os.path.join(WORK, "scenes"), os.path.join(WORK, "sources", "twemoji-svg"), kind, count)
        half = [s for s in prepared if s.seed % 2 == (args.half == "report")]
        if not half:
            continue
        width, height = scenes.SIZES[kind]
        print_table(f"Composites of {width} x {height}", measure_set(half, own, results))
        if kind == "small" and args.peers:
            chosen = half[:args.peers]
            print_table("Other methods", measure_set(chosen, {**own, **others}, results))


if __name__ == "__main__":
    main()
