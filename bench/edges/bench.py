"""Measure refined masks and print tables in Markdown: composites with simulated logits, composites of things that the built-in
model knows with its own, photographs with a mask (in CLIPSEG_TEST_DATA/images), other methods, time, memory.

    bench.py [--half tune|report] [--small N] [--large N] [--named N] [--peers N] [--threads N] [--no-costs]

Every picture's figures are kept in build/edges/results.jsonl; a second run measures only what is missing. Remove the file
after a change of the library or the model. Time and memory are measured in every run.
"""
import argparse
import json
import os

import cv2
import numpy as np

import costs
import named
import peers
import photographs
import scenes
from library import BEST, FAST, Library
from measures import Truth

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
WORK, BUILD, MODEL = (os.path.join(ROOT, *p) for p in (("build", "edges"), ("build", "release"), ("models", "demo")))
DATA = os.environ.get("CLIPSEG_TEST_DATA", os.path.join(ROOT, "..", "shared"))
COLUMNS = ("IoU", "F1px", "F2px", "F.1%", "F.8%", "BIoU", "trimap IoU", "MAE")


class Results:
    """One line of JSON for every picture and method, appended when it is measured: several runs may work at once."""

    def __init__(self, path):
        self.path, self.rows = path, {}
        if os.path.exists(path):
            for line in open(path, encoding="utf-8"):
                key, row = json.loads(line)
                self.rows[key] = row

    def get(self, scene, method, compute):
        key = f"{scene} {method}"
        if key not in self.rows:
            self.rows[key] = compute()
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps([key, self.rows[key]]) + "\n")
        return self.rows[key]


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
                return truth.measure(function(picture, logits))
            rows[name].append(results.get(scene.name, name, compute))
    return rows


def print_table(title, rows):
    base = rows["bilinear"]
    count = f", {len(base)} pictures" if len(base) > 1 else ""
    print(f"\n**{title}**{count}\n\n| | " + " | ".join(COLUMNS) + " | worst change of IoU |\n|---"
          + "|---" * (len(COLUMNS) + 1) + "|")
    for name, mine in rows.items():
        means = [np.mean([r[c] for r in mine]) for c in COLUMNS]
        worst = min(r["IoU"] - b["IoU"] for r, b in zip(mine, base))
        print(f"| {name} | " + " | ".join(f"{m:.3f}" for m in means) + f" | {worst:+.3f} |")


class Asked:
    """A scene whose logits are the built-in model's answer to the thing's name."""

    def __init__(self, scene, threads):
        self.scene, self.name, self.threads = scene, scene.name, threads
        self.picture, self.alpha = scene.picture, scene.alpha

    def logits(self):
        return named.ask(os.path.join(BUILD, "clipseg"), MODEL, self.scene.picture_path, self.scene.thing(), self.threads)


def own_methods(library):
    return {"bilinear": peers.bilinear, "--refine fast": lambda p, z: library.refine(p, z, FAST)[0],
            "--refine best": lambda p, z: library.refine(p, z, BEST)[0]}


def measure_named(args, results):
    chosen = [Asked(s, args.threads) for s in chosen_scenes("named", args)]
    if not chosen:
        return
    rows = measure_set(chosen, own_methods(open_library(MODEL, 0, args.threads)), results)
    print_table("End to end: the built-in model asked by name, its own logits", rows)
    found = [i for i, row in enumerate(rows["bilinear"]) if row["IoU"] > 0.5]
    if found:
        print_table("Of these, where the model finds the thing (bilinear IoU above 0.5)",
                    {name: [mine[i] for i in found] for name, mine in rows.items()})


def chosen_scenes(kind, args):
    count = getattr(args, kind)
    drawings = os.path.join(WORK, "sources", "twemoji-svg")
    prepared = scenes.prepare(os.path.join(WORK, "scenes"), drawings, kind, count) if count else []
    return [s for s in prepared if s.seed % 2 == (args.half == "report")]


def open_library(checkpoint, input_size, threads):
    return Library(os.path.join(BUILD, "libclipseg.so"), checkpoint, input_size, threads)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--half", choices=("tune", "report"), default="report")
    for kind, count in scenes.COUNTS.items():
        a.add_argument(f"--{kind}", type=int, default=count)
    a.add_argument("--peers", type=int, default=10, help="pictures on which the other methods are measured")
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--no-costs", action="store_true", help="leave out time and memory")
    args = a.parse_args()
    library = open_library(os.path.join(ROOT, "tests", "data", "tiny-refined"), scenes.SIDE, args.threads)
    results = Results(os.path.join(WORK, "results.jsonl"))
    own = own_methods(library)
    small, large = chosen_scenes("small", args), chosen_scenes("large", args)
    for chosen in (small, large):
        if chosen:
            width, height = scenes.SIZES[chosen[0].kind]
            print_table(f"Composites of {width} x {height}", measure_set(chosen, own, results))
    measure_named(args, results)
    found = photographs.find(os.path.join(DATA, "images"))
    for photograph in found:
        print_table(photograph.name, measure_set([photograph], own, results))
    if not found:
        print(f"\nno photographs: {DATA}/images is missing")
    if small and args.peers:
        print_table("Other methods", measure_set(small[:args.peers], {**own, **peers.PEERS}, results))
    cv2.setNumThreads(args.threads)
    if large and not args.no_costs:
        costs.print_own(library, large[:5], args.threads)
    if small and not args.no_costs:
        costs.print_others(library, small[0])


if __name__ == "__main__":
    main()
