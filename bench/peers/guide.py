"""transformers' guide to CLIPSeg as a script: guide.py CHECKPOINT PICTURE OUT.png PROMPT..."""
import sys

import matplotlib
import torch
from PIL import Image
from transformers import CLIPSegForImageSegmentation, CLIPSegProcessor

matplotlib.use("agg")
from matplotlib import pyplot  # noqa: E402 (after the choice of what draws)

checkpoint, picture, out, *prompts = sys.argv[1:]
processor = CLIPSegProcessor.from_pretrained(checkpoint)
model = CLIPSegForImageSegmentation.from_pretrained(checkpoint)
image = Image.open(picture).convert("RGB")
inputs = processor(text=prompts, images=[image] * len(prompts), padding="max_length", return_tensors="pt")
with torch.no_grad():
    logits = model(**inputs).logits
_, axes = pyplot.subplots(1, len(prompts) + 1, figsize=(3 * (len(prompts) + 1), 4))
for ax in axes:
    ax.axis("off")
axes[0].imshow(image)
for i, prompt in enumerate(prompts):
    axes[i + 1].imshow(torch.sigmoid(logits[i]))
    axes[i + 1].text(0, -15, prompt)
pyplot.savefig(out)
