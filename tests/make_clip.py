#!/usr/bin/env python3
"""Write a deterministic CLIP checkpoint directory in the Hugging Face layout, with numpy alone.

    make_clip.py PRESET OUT_DIR [--seed N] [--act quick_gelu|gelu] [--vocab bpe_simple_vocab_16e6.txt.gz] [--legacy-eos]

The shapes are those of the released models, the values generated: every tensor comes from a Philox stream keyed by (seed,
name), so that the same call gives the same model on every machine.
Presets
    vit-b-32, vit-b-16, vit-l-14, vit-l-14-336    as openai/clip-vit-base-patch32 and so on (needs --vocab)
    tiny-b-32, tiny-b-16, tiny-l-14, tiny-l-14-336    their kinds in small, with the vocabulary of tests/data/tiny-clip
"""
import argparse
import gzip
import hashlib
import json
import os
import shutil

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def shape(text, vision, projection, image, patch, act="quick_gelu", context=77):
    names = ("hidden", "heads", "layers", "inner")
    return dict(text=dict(zip(names, text)), vision=dict(zip(names, vision)), projection=projection, image=image, patch=patch,
                act=act, context=context)


BASE, LARGE = ((512, 8, 12, 2048), (768, 12, 12, 3072), 512), ((768, 12, 12, 3072), (1024, 16, 24, 4096), 768)
SMALL = ((24, 3, 2, 40), (36, 2, 3, 60), 20)
PRESETS = {
    "vit-b-32": shape(*BASE, 224, 32), "vit-b-16": shape(*BASE, 224, 16),
    "vit-l-14": shape(*LARGE, 224, 14), "vit-l-14-336": shape(*LARGE, 336, 14),
    "tiny-b-32": shape(*SMALL, 96, 32, context=20), "tiny-b-16": shape(*SMALL, 64, 16, "gelu", 20),
    "tiny-l-14": shape(*SMALL, 56, 14, context=20), "tiny-l-14-336": shape(*SMALL, 98, 14, "gelu", 20),
}


class Tensors:
    def __init__(self, seed):
        self.seed, self.items = seed, {}

    def normal(self, name, size, std, mean=0.0):
        digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
        rng = np.random.Generator(np.random.Philox(key=np.frombuffer(digest[:16], dtype=np.uint64)))
        u = rng.random((2, int(np.prod(size))))
        z = np.sqrt(-2.0 * np.log1p(-u[0])) * np.cos(2.0 * np.pi * u[1])  # Box and Muller
        self.items[name] = (mean + std * z).astype(np.float32).reshape(size)

    def linear(self, name, rows, columns, gain=1.0, bias=True):
        self.normal(f"{name}.weight", (rows, columns), gain * columns ** -0.5)
        if bias:
            self.normal(f"{name}.bias", (rows,), 0.05)

    def norm(self, name, size):
        self.normal(f"{name}.weight", (size,), 0.15, 1.0)
        self.normal(f"{name}.bias", (size,), 0.1)

    def layers(self, prefix, tower):
        size = tower["hidden"]
        for i in range(tower["layers"]):
            name = f"{prefix}.encoder.layers.{i}"
            for part, gain in (("q", 1.25), ("k", 1.25), ("v", 0.8)):
                self.linear(f"{name}.self_attn.{part}_proj", size, size, gain)
            self.linear(f"{name}.self_attn.out_proj", size, size, 0.5)
            self.linear(f"{name}.mlp.fc1", tower["inner"], size)
            self.linear(f"{name}.mlp.fc2", size, tower["inner"], 0.75)
            self.norm(f"{name}.layer_norm1", size)
            self.norm(f"{name}.layer_norm2", size)


def build(c, seed, vocabulary):
    t, text, vision = Tensors(seed), c["text"]["hidden"], c["vision"]["hidden"]
    t.normal("text_model.embeddings.token_embedding.weight", (vocabulary, text), 0.4)
    t.normal("text_model.embeddings.position_embedding.weight", (c["context"], text), 0.2)
    t.layers("text_model", c["text"])
    t.norm("text_model.final_layer_norm", text)
    t.normal("vision_model.embeddings.class_embedding", (vision,), 0.3)
    t.normal("vision_model.embeddings.patch_embedding.weight", (vision, 3, c["patch"], c["patch"]),
             1.5 * (3 * c["patch"] ** 2) ** -0.5)
    t.normal("vision_model.embeddings.position_embedding.weight", ((c["image"] // c["patch"]) ** 2 + 1, vision), 0.3)
    t.norm("vision_model.pre_layrnorm", vision)
    t.layers("vision_model", c["vision"])
    t.norm("vision_model.post_layernorm", vision)
    t.linear("text_projection", c["projection"], text, bias=False)
    t.linear("visual_projection", c["projection"], vision, bias=False)
    t.items["logit_scale"] = np.float32(np.log(100.0)).reshape(())
    return t.items


def write_safetensors(path, items):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(items):
        header[name] = {"dtype": "F32", "shape": list(items[name].shape), "data_offsets": [offset, offset + items[name].nbytes]}
        offset += items[name].nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for name in sorted(items):
            f.write(items[name].astype("<f4").tobytes())


def write_vocabulary(out, source):
    """vocab.json and merges.txt, from OpenAI's published list of merges or from the small checkpoint of the tests."""
    if not source:
        for name in ("vocab.json", "merges.txt"):
            shutil.copy(os.path.join(HERE, "data", "tiny-clip", name), os.path.join(out, name))
        return len(json.load(open(os.path.join(out, "vocab.json"), encoding="utf-8")))
    merges = gzip.open(source).read().decode("utf-8").split("\n")[1:49152 - 256 - 2 + 1]
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    chars = [chr(c) for c in keep] + [chr(256 + i) for i in range(256 - len(keep))]
    tokens = chars + [c + "</w>" for c in chars] + ["".join(m.split()) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    dump(out, "vocab.json", {token: i for i, token in enumerate(tokens)})
    with open(os.path.join(out, "merges.txt"), "w", encoding="utf-8") as f:
        f.write("#version: 0.2\n" + "\n".join(merges) + "\n")
    return len(tokens)


def config(c, vocabulary, legacy):
    def tower(t, **more):
        return dict(hidden_size=t["hidden"], num_attention_heads=t["heads"], num_hidden_layers=t["layers"],
                    intermediate_size=t["inner"], hidden_act=c["act"], layer_norm_eps=1e-5, **more)

    bos, eos = (0, 2) if legacy else (vocabulary - 2, vocabulary - 1)
    return {"architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": c["projection"],
            "text_config": tower(c["text"], vocab_size=vocabulary, max_position_embeddings=c["context"], bos_token_id=bos,
                                 eos_token_id=eos, pad_token_id=1, model_type="clip_text_model", projection_dim=c["projection"]),
            "vision_config": tower(c["vision"], image_size=c["image"], patch_size=c["patch"], num_channels=3,
                                   model_type="clip_vision_model", projection_dim=c["projection"])}


def dump(out, name, value):
    with open(os.path.join(out, name), "w", encoding="utf-8") as f:
        json.dump(value, f, ensure_ascii=False, indent=None if name == "vocab.json" else 1)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("preset", choices=PRESETS)
    a.add_argument("out")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--act", choices=["quick_gelu", "gelu"])
    a.add_argument("--vocab")
    a.add_argument("--legacy-eos", action="store_true", help="eos_token_id 2, as the released configurations have it")
    args = a.parse_args()
    c = PRESETS[args.preset]
    c["act"] = args.act or c["act"]
    os.makedirs(args.out, exist_ok=True)
    vocabulary, end = write_vocabulary(args.out, args.vocab), "<|endoftext|>"
    write_safetensors(os.path.join(args.out, "model.safetensors"), build(c, args.seed, vocabulary))
    side = {"height": c["image"], "width": c["image"]}
    dump(args.out, "preprocessor_config.json", {
        "crop_size": side, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True, "do_rescale": True,
        "do_resize": True, "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711], "image_processor_type": "CLIPImageProcessor", "resample": 3,
        "rescale_factor": 1 / 255, "size": {"shortest_edge": c["image"]}})
    dump(args.out, "tokenizer_config.json", {
        "tokenizer_class": "CLIPTokenizer", "model_max_length": c["context"], "do_lower_case": True, "unk_token": end,
        "bos_token": "<|startoftext|>", "eos_token": end, "pad_token": end})
    dump(args.out, "config.json", config(c, vocabulary, args.legacy_eos))


if __name__ == "__main__":
    main()
