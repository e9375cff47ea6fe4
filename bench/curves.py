#!/usr/bin/env python3
"""How cost grows with the work: time and memory of the whole command, from its start to its end, as four curves.

    bench/curves.py CLIPSEG MODEL OUT.svg [--most 1000] [--rounds 3] [--threads N]

Needs numpy, pillow and matplotlib. MODEL is anything that `clipseg -m` takes, best a packed file. Measured are `clipseg segment
--json` with 1 to --most prompts on one picture, with one prompt on 1 to --most pictures, inputs of 224 to 1024 pixels, and 1 to all
threads. Time is the median, memory the largest resident set of the rounds (pages of a mapped model file count). What lasts longer
than ten seconds runs once. Prints the points as Markdown tables.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile

import matplotlib

from pictures import draw

matplotlib.use("svg")
matplotlib.rcParams["svg.fonttype"] = "none"  # text, not outlines of it
from matplotlib import pyplot  # noqa: E402 (after the choice of what draws)

LONG = 10  # seconds


# A process starts with the resident set of the one that started it, which would hide what small commands need: so a small
# process starts them.
STARTER = """
import os, sys, time
start = time.perf_counter()
process = os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(process, 0)
print(time.perf_counter() - start, usage.ru_maxrss / 1024, file=sys.stderr)
sys.exit(status != 0)
"""


def run(command):
    """Seconds, and the largest resident set in MB."""
    done = subprocess.run([sys.executable, "-S", "-E", "-c", STARTER, *command], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"failed: {' '.join(command[:8])} ...: {done.stderr}")
    seconds, memory = done.stderr.split()[-2:]
    return float(seconds), float(memory)


def measure(command, rounds):
    results = [run(command)]
    while len(results) < rounds and results[0][0] < LONG:
        results.append(run(command))
    return statistics.median(r[0] for r in results), max(r[1] for r in results)


def counts(most):
    """1, 3, 10, 30, ... up to the most."""
    steps = [s * 10**e for e in range(7) for s in (1, 3)]
    return [c for c in steps if c < most] + [most]


def curves(args, folder):
    """(title, unit, [(x, seconds, MB)]) of each."""
    pictures = draw(folder, args.most)
    base = [args.clipseg, "segment", "-m", args.model, "--json", "-q"]
    threads = ["-t", str(args.threads)]

    def points(xs, command):
        found = []
        for x in xs:
            found.append((x, *measure(base + command(x), args.rounds)))
            print(".", end="", flush=True)
        return found

    def prompts(n):
        path = f"{folder}/prompts-{n}.txt"
        with open(path, "w") as f:
            f.write("\n".join(f"thing number {i}" for i in range(n)))
        return threads + [pictures[0], "--prompts", path]

    def listed(n):
        path = f"{folder}/list-{n}.txt"
        with open(path, "w") as f:
            f.write("\n".join(pictures[:n]))
        return threads + ["--files-from", path, "-p", "a thing"]

    one = [pictures[0], "-p", "a thing"]
    cores = len(os.sched_getaffinity(0))
    return (("prompts on one picture", "prompts", points(counts(args.most), prompts)),
            ("one prompt on many pictures", "pictures", points(counts(args.most), listed)),
            ("side of the model's input", "pixels",
             points(range(224, 1025, 160), lambda s: threads + one + ["--input-size", str(s)])),
            ("threads", "threads", points(range(1, cores + 1), lambda t: one + ["-t", str(t)])))


def draw_curves(all_curves, path):
    figure, axes = pyplot.subplots(2, len(all_curves), figsize=(13, 5.2), layout="constrained", sharex="col")
    for column, (title, unit, points) in enumerate(all_curves):
        x, seconds, memory = zip(*points)
        for row, (values, colour, name) in enumerate(((seconds, "#2563a8", "seconds"), (memory, "#b4532a", "memory, MB"))):
            ax = axes[row, column]
            ax.plot(x, values, "o-", color=colour, markersize=4, linewidth=1.6)
            ax.grid(alpha=0.25)
            ax.spines[["top", "right"]].set_visible(False)
            if x[-1] >= 100 * x[0]:
                ax.set_xscale("log")
                if not row:
                    ax.set_yscale("log")
                    ax.yaxis.set_major_formatter("{x:g}")
                    ax.yaxis.set_minor_formatter("")
                ax.xaxis.set_major_formatter("{x:g}")
            else:
                ax.set_xticks(x)
            if row or ax.get_yscale() == "linear":
                ax.set_ylim(0, max(values) * 1.15)
            if not column:
                ax.set_ylabel(name)
            if row:
                ax.set_xlabel(unit)
            else:
                ax.set_title(title, fontsize=11)
    figure.savefig(path, metadata={"Date": None})


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("clipseg")
    a.add_argument("model")
    a.add_argument("out")
    a.add_argument("--most", type=int, default=1000, help="prompts and pictures")
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = a.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = curves(args, folder)
    print()
    for title, unit, points in found:
        print(f"\n| {unit} | " + " | ".join(str(x) for x, _, _ in points) + " |\n|---|" + "---|" * len(points))
        print("| seconds | " + " | ".join(f"{s:.2f}" for _, s, _ in points) + " |")
        print("| memory, MB | " + " | ".join(f"{m:.0f}" for _, _, m in points) + " |")
    draw_curves(found, args.out)


if __name__ == "__main__":
    main()
