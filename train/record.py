"""Record what transformers computes with the built-in model on the sample picture: record.py MODEL_DIR EXAMPLES_DIR OUT

A golden of the repository: embeddings and logits for two phrases and one visual prompt, float32 arithmetic on the shipped
half-precision weights."""
import json
import sys

import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPSegForImageSegmentation, CLIPSegProcessor

TEXTS = ["pancakes", "a photo of blueberries."]


def main():
    folder, examples, out = sys.argv[1:4]
    processor = CLIPSegProcessor.from_pretrained(folder)
    model = CLIPSegForImageSegmentation.from_pretrained(folder, attn_implementation="eager").float().eval()
    picture = Image.open(f"{examples}/breakfast.png").convert("RGB")
    shown = Image.open(f"{examples}/blueberries.png").convert("RGB")
    with torch.inference_mode():
        pixels = processor(images=[picture], return_tensors="pt")["pixel_values"]
        prompt = processor(visual_prompt=[shown], return_tensors="pt")["conditional_pixel_values"]
        ids = processor.tokenizer(TEXTS, padding=True, return_tensors="pt")["input_ids"]
        text = model(pixel_values=pixels.repeat(len(TEXTS), 1, 1, 1), input_ids=ids)
        visual = model(pixel_values=pixels, conditional_pixel_values=prompt)
    side = pixels.shape[-1]
    save_file({"conditional_embeddings": torch.cat([text.conditional_embeddings, visual.conditional_embeddings]),
               "logits": torch.cat([text.logits.reshape(-1, side, side), visual.logits.reshape(-1, side, side)])}, out,
              metadata={"image": "breakfast.png", "text": json.dumps(TEXTS),
                        "visual_prompt": json.dumps(["blueberries.png"])})


if __name__ == "__main__":
    main()
