#!/usr/bin/env python3
"""Write the repository's own small checkpoints and record, stage by stage, what the reference computes on them.

    make_tiny.py            (needs torch, transformers, safetensors, numpy, pillow; writes beside itself)

tiny-refined/ has the head of three convolutions, tiny-simple/ the single one, f16 weights in
shards, the legacy end token, a tokenizer.json and FiLM before the second block. No width is a multiple of 16. Weights are random: the
masks mean nothing. tiny-clip/ is plain CLIP: gelu, patches of 14, centre crop. picture.png and example.png are drawn here too. Recorded: tiny-*.safetensors, see the tests.
"""
import json
import os

import numpy as np
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file, save_file
from transformers import (CLIPConfig, CLIPModel, CLIPProcessor, CLIPSegConfig, CLIPSegForImageSegmentation,
                          CLIPSegProcessor)

HERE = os.path.dirname(os.path.abspath(__file__))
PROMPTS = ["a glass of orange juice", "blueberries!", "the 2 spoons"]
WORDS = "a the of glass orange juice blueberries pancakes spoons fork photo cutlery it's 2".split()


def draw(name, size, seed):
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    base = np.stack([200 * x + 30, 180 * y + 40, 120 * (1 - x) + 60], -1)
    image = Image.fromarray(np.clip(base + rng.normal(0, 6, base.shape), 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for _ in range(5):
        cx, cy, r = rng.uniform(0, size[0]), rng.uniform(0, size[1]), rng.uniform(6, 20)
        pen.ellipse((cx - r, cy - r, cx + r, cy + r), fill=tuple(rng.integers(0, 256, 3).tolist()))
    image.save(os.path.join(HERE, name))


def alphabet():
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    return [chr(b) for b in keep] + [chr(256 + i) for i in range(256 - len(keep))]


def merges():
    """Every word is built from left to right; enough for a vocabulary that merges."""
    out = []
    for word in WORDS:
        letters = list(word[:-1]) + [word[-1] + "</w>"]
        while len(letters) > 1:
            if (letters[0], letters[1]) not in out:
                out.append((letters[0], letters[1]))
            letters[:2] = ["".join(letters[:2])]
    return out


def write_tokenizer(folder):
    chars, pairs = alphabet(), merges()
    tokens = list(dict.fromkeys(chars + [c + "</w>" for c in chars] + ["".join(p) for p in pairs]))
    vocab = {t: i for i, t in enumerate(tokens + ["<|startoftext|>", "<|endoftext|>"])}
    end = "<|endoftext|>"

    def dump(name, value):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            json.dump(value, f, ensure_ascii=False)

    if os.path.exists(os.path.join(folder, "tokenizer.json")):
        os.remove(os.path.join(folder, "tokenizer.json"))
    dump("vocab.json", vocab)
    with open(os.path.join(folder, "merges.txt"), "w", encoding="utf-8") as f:
        f.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in pairs))
    dump("tokenizer_config.json", {"tokenizer_class": "CLIPTokenizer", "model_max_length": 20, "unk_token": end,
                                   "bos_token": "<|startoftext|>", "eos_token": end, "pad_token": end})
    return len(vocab)


def to_tokenizer_json(folder):
    """Replace vocab.json and merges.txt by the newer single file."""
    vocab = json.load(open(os.path.join(folder, "vocab.json"), encoding="utf-8"))
    with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as f:
        json.dump({"model": {"type": "BPE", "vocab": vocab, "merges": [list(p) for p in merges()]}}, f,
                  ensure_ascii=False)
    os.remove(os.path.join(folder, "vocab.json"))
    os.remove(os.path.join(folder, "merges.txt"))


def config(vocabulary, refined):
    size = dict(hidden_size=40, num_attention_heads=4, num_hidden_layers=3, intermediate_size=72)
    return CLIPSegConfig(
        projection_dim=24, extract_layers=[0, 1, 2] if refined else [0, 1], reduce_dim=16 if refined else 12,
        decoder_num_attention_heads=2, decoder_intermediate_size=36, conditional_layer=0 if refined else 1,
        use_complex_transposed_convolution=refined, decoder_hidden_act="quick_gelu",
        text_config=dict(hidden_size=24, num_attention_heads=3, num_hidden_layers=2, intermediate_size=48,
                         vocab_size=vocabulary, max_position_embeddings=20, bos_token_id=vocabulary - 2,
                         eos_token_id=vocabulary - 1 if refined else 2, pad_token_id=1),
        vision_config=dict(size, image_size=48 if refined else 80, patch_size=16))


def write_model(folder, refined):
    vocabulary = write_tokenizer(folder)
    torch.manual_seed(5 + refined)
    model = CLIPSegForImageSegmentation(config(vocabulary, refined)).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            std = p.shape[1] ** -0.5 if p.ndim == 2 and "embedding" not in name else 0.3
            p.normal_(0, 1.2 * std).add_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
        model.clip.logit_scale.fill_(float(np.log(50.0)))
    if not refined:
        model = model.half()
    model.save_pretrained(folder, max_shard_size="10MB" if refined else "40KB")
    with open(os.path.join(folder, "preprocessor_config.json"), "w", encoding="utf-8") as f:
        json.dump({"do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.485, 0.456, 0.406],
                   "image_std": [0.229, 0.224, 0.225], "image_processor_type": "ViTImageProcessor",
                   "resample": 2 if refined else 3, "size": {"height": 80, "width": 80} if refined else 80}, f)
    os.path.exists(os.path.join(folder, "generation_config.json")) and os.remove(
        os.path.join(folder, "generation_config.json"))


def record(folder, out):
    processor = CLIPSegProcessor.from_pretrained(folder)
    model = CLIPSegForImageSegmentation.from_pretrained(folder, attn_implementation="eager").float().eval()
    picture = Image.open(os.path.join(HERE, "picture.png")).convert("RGB")
    example = Image.open(os.path.join(HERE, "example.png")).convert("RGB")
    result = {}
    with torch.inference_mode():
        pixels = processor(images=[picture], return_tensors="pt")["pixel_values"]
        shown = processor(visual_prompt=[example], return_tensors="pt")["conditional_pixel_values"]
        ids = processor.tokenizer(PROMPTS, padding="max_length", truncation=True, max_length=20,
                                  return_tensors="pt")["input_ids"]
        repeated = pixels.repeat(len(PROMPTS), 1, 1, 1)
        by_text = model(pixel_values=repeated, input_ids=ids, output_hidden_states=True)
        by_picture = model(pixel_values=pixels, conditional_pixel_values=shown)
        vision = model.clip.vision_model(pixel_values=pixels, output_hidden_states=True)
        text = model.clip.text_model(input_ids=ids, output_hidden_states=True)
        result["pixel_values"] = pixels
        result["input_ids"] = ids
        result["conditional_embeddings"] = torch.cat([by_text.conditional_embeddings,
                                                      by_picture.conditional_embeddings])
        side = pixels.shape[-1]
        result["logits"] = torch.cat([by_text.logits.reshape(-1, side, side), by_picture.logits.reshape(-1, side, side)])
        result["image_embeds"] = model.clip.visual_projection(vision.pooler_output)
        for name, states in (("vision", vision.hidden_states), ("text", text.hidden_states),
                             ("decoder", by_text.decoder_output.hidden_states)):
            for i, state in enumerate(states):
                result[f"{name}_hidden_{i}"] = state
    metadata = {"image": "picture.png", "text": json.dumps(PROMPTS), "visual_prompt": json.dumps(["example.png"])}
    save_file({k: v.contiguous().clone() for k, v in result.items()}, out, metadata=metadata)


def write_clip(folder, out):
    os.makedirs(folder, exist_ok=True)
    vocabulary = write_tokenizer(folder)
    torch.manual_seed(9)
    sizes = dict(num_attention_heads=2, num_hidden_layers=2, hidden_act="gelu")
    model = CLIPModel(CLIPConfig(
        projection_dim=20,
        text_config=dict(sizes, hidden_size=24, intermediate_size=40, vocab_size=vocabulary, max_position_embeddings=20,
                         bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1),
        vision_config=dict(sizes, hidden_size=36, intermediate_size=60, image_size=56, patch_size=14))).eval()
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim >= 2:
                p.normal_(0, 1.3 * p[0].numel() ** -0.5)
        model.logit_scale.fill_(3.0)
    model.save_pretrained(folder)
    with open(os.path.join(folder, "preprocessor_config.json"), "w", encoding="utf-8") as f:
        json.dump({"crop_size": {"height": 56, "width": 56}, "do_center_crop": True, "do_normalize": True,
                   "do_rescale": True, "do_resize": True, "image_mean": [0.48145466, 0.4578275, 0.40821073],
                   "image_std": [0.26862954, 0.26130258, 0.27577711], "image_processor_type": "CLIPImageProcessor",
                   "resample": 3, "rescale_factor": 1 / 255, "size": {"shortest_edge": 56}}, f)
    inputs = CLIPProcessor.from_pretrained(folder)(
        text=PROMPTS, images=Image.open(os.path.join(HERE, "picture.png")).convert("RGB"), return_tensors="pt",
        padding=True)
    with torch.inference_mode():
        image = model.get_image_features(pixel_values=inputs["pixel_values"]).pooler_output
        text = model.get_text_features(input_ids=inputs["input_ids"]).pooler_output
    save_file({"image_embeds": image.clone(), "text_embeds": text.clone()}, out,
              metadata={"image": "picture.png", "text": json.dumps(PROMPTS), "visual_prompt": "[]"})


def main():
    draw("picture.png", (120, 90), 1)
    draw("example.png", (70, 64), 2)
    for name, refined in (("tiny-refined", True), ("tiny-simple", False)):
        folder = os.path.join(HERE, name)
        os.makedirs(folder, exist_ok=True)
        write_model(folder, refined)
        record(folder, os.path.join(HERE, f"{name}.safetensors"))
        if not refined:
            to_tokenizer_json(folder)
    write_clip(os.path.join(HERE, "tiny-clip"), os.path.join(HERE, "tiny-clip.safetensors"))


if __name__ == "__main__":
    main()
