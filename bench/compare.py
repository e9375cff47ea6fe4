#!/usr/bin/env python3
"""Time clipseg beside transformers on one checkpoint, interleaved, and print a Markdown table.

    bench/compare.py CLIPSEG CHECKPOINT_DIR [--rounds 5] [--threads N]

Needs torch and transformers. Each round times, one after the other: clipseg, transformers as its guide does it (the picture
repeated for every prompt), and transformers with the picture encoded once by hand. Medians; the machine's peak is what
`clipseg bench` measures.
"""
import argparse
import json
import os
import statistics
import subprocess
import time

import torch
from transformers import CLIPSegForImageSegmentation

PROMPTS = (1, 4)


def ours(clipseg, checkpoint, threads):
    output = subprocess.run([clipseg, "bench", "-m", checkpoint, "-t", str(threads), "--repeat", "1", "--json",
                             "--prompt-counts", ",".join(map(str, PROMPTS))], check=True, capture_output=True).stdout
    data = json.loads(output)
    return data["peak_gflops"], {r["prompts"]: r["seconds"] for r in data["runs"]}


def ids_for(model, count):
    text = model.config.text_config
    ids = torch.full((count, text.max_position_embeddings), text.vocab_size - 1)
    ids[:, 0] = text.vocab_size - 2
    ids[:, 1:8] = torch.randint(300, 40000, (count, 7))
    return ids


def repeated(model, pixels, count):
    start = time.perf_counter()
    model(pixel_values=pixels.repeat(count, 1, 1, 1), input_ids=ids_for(model, count))
    return time.perf_counter() - start


def encoded_once(model, pixels, count):
    start = time.perf_counter()
    hidden = model.clip.vision_model(pixel_values=pixels, output_hidden_states=True).hidden_states
    activations = tuple(hidden[i + 1].repeat(count, 1, 1) for i in model.extract_layers)
    condition = model.clip.get_text_features(input_ids=ids_for(model, count)).pooler_output
    model.decoder(activations, condition)
    return time.perf_counter() - start


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("clipseg")
    a.add_argument("checkpoint")
    a.add_argument("--rounds", type=int, default=5)
    a.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = a.parse_args()
    torch.set_num_threads(args.threads)
    model = CLIPSegForImageSegmentation.from_pretrained(args.checkpoint).float().eval()
    pixels = torch.randn(1, 3, 352, 352)
    times, peaks = {}, []
    with torch.inference_mode():
        for _ in range(args.rounds + 1):  # the first one warms up
            peak, seconds = ours(args.clipseg, args.checkpoint, args.threads)
            peaks.append(peak)
            for count in PROMPTS:
                times.setdefault(("clipseg", count), []).append(seconds[count])
                times.setdefault(("transformers, as its guide does it", count), []).append(repeated(model, pixels, count))
                times.setdefault(("transformers, picture encoded once", count), []).append(
                    encoded_once(model, pixels, count))
    print(f"measured peak of one thread: {statistics.median(peaks):.0f} GFLOP/s, {args.threads} threads, "
          f"median of {args.rounds}\n")
    print("| | " + " | ".join(f"{c} prompt{'s' * (c > 1)}" for c in PROMPTS) + " |\n|---|" + "---|" * len(PROMPTS))
    for name in dict.fromkeys(n for n, _ in times):
        cells = []
        for count in PROMPTS:
            median = statistics.median(times[name, count][1:])
            best = statistics.median(times["clipseg", count][1:])
            cells.append(f"{1000 * median:.0f} ms" + ("" if name == "clipseg" else f" ({median / best:.1f}x)"))
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
