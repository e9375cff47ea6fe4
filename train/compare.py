"""The evaluation's mean IoU once more, by the command: compare.py CLIPSEG DUMP_DIR [MODEL]

DUMP_DIR was written by evaluate.py --dump. Prints mean IoU (or share of scenes left nearly empty) by kind, as transformers
and as the command have it; MODEL is used in place of the built-in one, such as its int8 file."""
import collections
import io
import json
import subprocess
import sys

import numpy as np
from PIL import Image


def logits(clipseg, folder, entry, model):
    prompt = ["-p", entry["text"]] if entry["text"] else ["--prompt-image", f"{folder}/{entry['name']}.prompt.png"]
    data = subprocess.run([clipseg, "segment", f"{folder}/{entry['name']}.png", *prompt, "-m", model, "-f", "npy", "-o",
                           "-", "--refine", "off"], check=True, capture_output=True).stdout
    return np.load(io.BytesIO(data))[0]


def main():
    clipseg, folder, model = (sys.argv[1:] + ["demo"])[:3]
    ours, theirs = collections.defaultdict(list), collections.defaultdict(list)
    for entry in json.load(open(f"{folder}/index.json")):
        found = logits(clipseg, folder, entry, model) > 0
        mask = np.asarray(Image.open(f"{folder}/{entry['name']}.truth.png")) > 0
        empty = entry["kind"] in ("absent", "near")
        ours[entry["kind"]].append(float(found.mean() < 0.01) if empty
                                   else (found & mask).sum() / (1 + (found | mask).sum()))
        theirs[entry["kind"]].append(entry["value"])
    for kind, values in ours.items():
        print(f"{kind:9s} command {np.mean(values):.4f}  transformers {np.mean(theirs[kind]):.4f}  ({len(values)} scenes)")


if __name__ == "__main__":
    main()
