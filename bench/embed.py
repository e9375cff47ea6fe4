#!/usr/bin/env python3
"""Pictures per second from files to CLIP's vectors, beside transformers, interleaved; prints a Markdown table.

    bench/embed.py CLIPSEG CLIP_CHECKPOINT_DIR [--pictures 64] [--rounds 3] [--threads N]

Needs torch, transformers and pillow. Each round times, one after the other: `clipseg embed` on a folder of JPEGs, from the start
of the command to its end; transformers in batches of 16 and one picture at a time, decoding included, loading the model not.
"""
import argparse
import os
import statistics
import subprocess
import tempfile
import time

import torch
from PIL import Image
from transformers import CLIPModel, CLIPProcessor

from pictures import draw


def theirs(model, processor, paths, batch):
    start = time.perf_counter()
    for i in range(0, len(paths), batch):
        images = [Image.open(p).convert("RGB") for p in paths[i:i + batch]]
        model.get_image_features(**processor(images=images, return_tensors="pt"))
    return len(paths) / (time.perf_counter() - start)


def ours(clipseg, checkpoint, folder, count, threads):
    start = time.perf_counter()
    subprocess.run([clipseg, "embed", folder, "-m", checkpoint, "-o", f"{folder}/vectors.npy", "-q", "-t", str(threads)],
                   check=True)
    return count / (time.perf_counter() - start)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("clipseg")
    a.add_argument("checkpoint")
    a.add_argument("--pictures", type=int, default=64)
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = a.parse_args()
    torch.set_num_threads(args.threads)
    model = CLIPModel.from_pretrained(args.checkpoint).float().eval()
    processor = CLIPProcessor.from_pretrained(args.checkpoint)
    rates = {}
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        paths = draw(folder, args.pictures)
        theirs(model, processor, paths[:16], 16)  # warm
        for _ in range(args.rounds):
            rates.setdefault("clipseg embed, the whole command", []).append(
                ours(args.clipseg, args.checkpoint, folder, len(paths), args.threads))
            rates.setdefault("transformers, batches of 16", []).append(theirs(model, processor, paths, 16))
            rates.setdefault("transformers, one at a time", []).append(theirs(model, processor, paths, 1))
    best = statistics.median(rates["clipseg embed, the whole command"])
    print(f"| pictures per second, {args.threads} threads, median of {args.rounds} | |\n|---|---|")
    for name, values in rates.items():
        median = statistics.median(values)
        print(f"| {name} | {median:.1f}" + ("" if name.startswith("clipseg") else f" ({best / median:.1f}x slower)") + " |")


if __name__ == "__main__":
    main()
