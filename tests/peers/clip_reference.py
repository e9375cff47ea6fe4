"""What Hugging Face transformers makes of pictures and texts with a CLIP checkpoint. As a program, it records that for the
small generated checkpoints: clip_reference.py CHECKPOINTS_DIR OUT_DIR (torch, transformers, safetensors, pillow)."""
import json
import os
import sys

import torch
from PIL import Image, ImageOps
from transformers import CLIPModel, CLIPProcessor

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
KINDS = ("tiny-b-32", "tiny-b-16", "tiny-l-14", "tiny-l-14-336")
PICTURES = ("picture.png", "example.png", "pictures/wide.png", "pictures/exif6.jpg")
TEXTS = ("a glass of orange juice", "blueberries!", "the 2 spoons", "a photo of a fork, it's cutlery")


def reference(folder, pictures, texts):
    """Numpy arrays: image_embeds [pictures, size], text_embeds [texts, size], not normalised; logits_per_image."""
    model = CLIPModel.from_pretrained(folder, attn_implementation="eager").float().eval()
    processor = CLIPProcessor.from_pretrained(folder)
    images = [ImageOps.exif_transpose(Image.open(p)).convert("RGB") for p in pictures]
    inputs = processor(text=list(texts), images=images, return_tensors="pt", padding=True, truncation=True)
    with torch.inference_mode():
        out = model(**inputs)
        image = model.get_image_features(pixel_values=inputs["pixel_values"])
        text = model.get_text_features(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
    image, text = (getattr(x, "pooler_output", x) for x in (image, text))
    return {"image_embeds": image, "text_embeds": text, "logits_per_image": out.logits_per_image}


def main():
    from safetensors.torch import save_file
    for kind in KINDS:
        found = reference(os.path.join(sys.argv[1], f"clip-{kind}"), [os.path.join(DATA, p) for p in PICTURES], TEXTS)
        save_file({k: v.contiguous().clone() for k, v in found.items()}, os.path.join(sys.argv[2], f"clip-{kind}.safetensors"),
                  metadata={"image": "", "text": json.dumps(TEXTS), "visual_prompt": json.dumps(PICTURES)})


if __name__ == "__main__":
    main()
