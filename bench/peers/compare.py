#!/usr/bin/env python3
"""Time clipseg beside other engines on one checkpoint, interleaved, and print a Markdown table.

    bench/compare CHECKPOINT_DIR [--rounds 5] [--threads N] [--engines torch,onnxruntime,openvino]

First whole commands: four prompts on the sample picture with their figure, by clipseg and by the guide's script. Then every
round times, one after the other: clipseg with the checkpoint as a packed file of float32, of int16 and of int8, and each engine with
the picture repeated for every prompt, as transformers' guide does it, and with the picture encoded once. Prompts are new every
time. All float32 but these files. Medians; the machine's peak is what `clipseg bench` measures. Before timing, the engines'
answers are compared.
"""
import argparse
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from transformers import CLIPSegForImageSegmentation

import graphs

HERE = os.path.dirname(os.path.abspath(__file__))
PICTURE = os.path.join(HERE, "..", "..", "examples", "breakfast.png")
PROMPTS = (1, 4)
PACKAGES = {"torch": ("transformers", "torch"), "onnxruntime": ("onnxruntime",), "openvino": ("openvino",)}
NAMES = {"transformers": "transformers", "torch": "torch", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}


class Clipseg:
    """A bench of its own every round: it takes new prompts and measures the peak."""

    def __init__(self, command, model, threads):
        self.arguments = [command, "bench", "-q", "-m", model, "-t", str(threads), "--repeat", "1", "--json",
                          "--prompt-counts", ",".join(map(str, PROMPTS))]
        self.peaks = []

    def times(self):
        data = json.loads(subprocess.run(self.arguments, check=True, capture_output=True).stdout)
        self.peaks.append(data["peak_gflops"])
        return {run["prompts"]: run["seconds"] for run in data["runs"]}


class Engine:
    """runs: {number of prompts: function of pixels and ids}"""

    def __init__(self, runs, model, pixels):
        self.runs, self.model, self.pixels = runs, model, pixels

    def times(self):
        seconds = {}
        for count, run in self.runs.items():
            ids = ids_for(self.model, count)
            time.sleep(0.2)  # threads of the one before may still spin
            start = time.perf_counter()
            run(self.pixels, ids)
            seconds[count] = time.perf_counter() - start
        return seconds


def ids_for(model, count):
    text = model.config.text_config
    ids = torch.full((count, text.max_position_embeddings), text.vocab_size - 1)
    ids[:, 0] = text.vocab_size - 2
    ids[:, 1:8] = torch.randint(300, 40000, (count, 7))
    return ids


def make_engine(name, module, model, pixels, args):
    runs = {}
    for count in PROMPTS:
        wrapped = module(model, count).eval()
        if name == "torch":
            runs[count] = wrapped
            continue
        path = graphs.export(wrapped, pixels, ids_for(model, count), os.path.join(args.work, "graphs"))
        runs[count] = {"onnxruntime": graphs.onnx_runtime, "openvino": graphs.openvino}[name](path, args.threads)
    return Engine(runs, model, pixels)


def check(engines, model, pixels):
    """All engines compute the same thing."""
    ids = ids_for(model, PROMPTS[-1])
    reference = None
    for name, engine in engines.items():
        if isinstance(engine, Engine):
            logits = torch.as_tensor(engine.runs[PROMPTS[-1]](pixels, ids))
            reference = logits if reference is None else reference
            difference = ((logits - reference).abs().max() / reference.std()).item()
            if difference > 1e-2:
                raise SystemExit(f"{name}: logits differ by {difference:.1e} of their deviation")


def print_table(rows, peak, args):
    print(f"measured peak of one thread: {peak:.0f} GFLOP/s; {args.threads} threads, median of {args.rounds}\n")
    print("| | " + " | ".join(f"{c} prompt{'s' * (c > 1)}" for c in PROMPTS) + " |\n|---|" + "---|" * len(PROMPTS))
    best = {count: statistics.median(r[count] for r in rows["clipseg"]) for count in PROMPTS}
    for name, rounds in rows.items():
        medians = {count: statistics.median(r[count] for r in rounds) for count in PROMPTS}
        print(f"| {name} | " + " | ".join(f"{1000 * medians[c]:.0f} ms" + ("" if name == "clipseg" else
                                          f" ({medians[c] / best[c]:.2f}x)") for c in PROMPTS) + " |")


def time_commands(args, packed):
    """Seconds of clipseg and of the guide's script, from start to end."""
    prompts = ("a cup", "pancakes", "fruit", "cutlery")
    with tempfile.TemporaryDirectory() as folder:
        ours = [args.clipseg, "segment", "-q", "-m", packed, "-f", "figure", "-o", folder, PICTURE]
        guide = [sys.executable, os.path.join(HERE, "guide.py"), args.checkpoint, PICTURE, os.path.join(folder, "guide.png"),
                 *prompts]
        seconds = {"ours": [], "guide": []}
        for _ in range(args.rounds):
            for name, command in (("ours", ours + [a for p in prompts for a in ("-p", p)]), ("guide", guide)):
                start = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True)
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(runs) for name, runs in seconds.items()}


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("clipseg")
    a.add_argument("checkpoint")
    a.add_argument("--rounds", type=int, default=5)
    a.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    a.add_argument("--engines", default="torch,onnxruntime,openvino")
    a.add_argument("--work", default="build/peers", help="for graphs and packed files")
    args = a.parse_args()
    os.makedirs(args.work, exist_ok=True)
    engines = {}
    for kind, name in (("f32", "clipseg"), ("int16", "clipseg, int16"), ("int8", "clipseg, int8")):
        packed = os.path.join(args.work, f"{kind}.gguf")
        subprocess.run([args.clipseg, "convert", "-q", "--type", kind, args.checkpoint, packed], check=True)
        engines[name] = Clipseg(args.clipseg, packed, args.threads)
    commands = time_commands(args, os.path.join(args.work, "f32.gguf"))
    torch.set_num_threads(args.threads)
    model = CLIPSegForImageSegmentation.from_pretrained(args.checkpoint).float().eval()
    pixels = torch.randn(1, 3, 352, 352)
    with torch.inference_mode():
        for name in args.engines.split(","):
            title = " with ".join(f"{NAMES[p]} {importlib.metadata.version(p)}" for p in PACKAGES[name])
            engines[f"{title}, as the guide does it"] = make_engine(name, graphs.Repeated, model, pixels, args)
            engines[f"{title}, picture encoded once"] = make_engine(name, graphs.Once, model, pixels, args)
        check(engines, model, pixels)
        rows = {name: [] for name in engines}
        for _ in range(args.rounds + 1):
            for name, engine in engines.items():
                rows[name].append(engine.times())
    rows = {name: rounds[1:] for name, rounds in rows.items()}  # the first one warms up
    print(f"clipseg segment -f figure, 4 prompts, whole command: {commands['ours']:.2f} s; transformers' guide as a script: "
          f"{commands['guide']:.1f} s ({commands['guide'] / commands['ours']:.1f}x)\n")
    print_table(rows, statistics.median(engines["clipseg"].peaks), args)


if __name__ == "__main__":
    main()
