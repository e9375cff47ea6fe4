"""Small models in every form, made for a test."""
import glob
import json
import os
import shutil
import struct

import numpy

import torch_files as torch
from harness import DATA, PICTURE, check_success, clipseg

CLIP = os.path.join(DATA, "tiny-clip")


def copy_without_weights(source, target):
    os.makedirs(target)
    for path in glob.glob(os.path.join(source, "*")):
        if not path.endswith(".safetensors"):
            shutil.copy(path, target)


def logits(model, *options):
    """The bytes of the .npy for two prompts."""
    return check_success(clipseg("segment", PICTURE, "-m", model, *options, "-p", "a glass", "-p", "spoons", "-f", "npy",
                                 "-o", "-", "-q")).stdout


# ---- original decoder files

def random_tensor(rng, shape, scale=None):
    values = rng.standard_normal(shape).astype("<f4") * (scale or 1 / max(1, shape[-1]) ** 0.5)
    return "F32", list(shape), values.tobytes()


def tower(rng, prefix, layers, hidden, inner, first="layer_norm1", second="layer_norm2"):
    out = {}
    for i in range(layers):
        at = f"{prefix}.{i}."
        for norm in (first, second):
            out[f"{at}{norm}.weight"] = random_tensor(rng, [hidden], 1.0)
            out[f"{at}{norm}.bias"] = random_tensor(rng, [hidden], 0.1)
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            out[f"{at}self_attn.{part}.weight"] = random_tensor(rng, [hidden, hidden])
            out[f"{at}self_attn.{part}.bias"] = random_tensor(rng, [hidden], 0.1)
        for part, shape in (("fc1", [inner, hidden]), ("fc2", [hidden, inner])):
            out[f"{at}mlp.{part}.weight"] = random_tensor(rng, shape)
            out[f"{at}mlp.{part}.bias"] = random_tensor(rng, shape[:1], 0.1)
    return out


def make_clip(rng, vocabulary):
    """A CLIP of eleven layers (the decoder reads layer 9), sixteen wide: its tensors and its configuration."""
    hidden = 16
    tensors = {"logit_scale": ("F32", [], struct.pack("<f", 3.0)),
               "text_model.embeddings.token_embedding.weight": random_tensor(rng, [vocabulary, hidden], 0.5),
               "text_model.embeddings.position_embedding.weight": random_tensor(rng, [20, hidden], 0.5),
               "vision_model.embeddings.class_embedding": random_tensor(rng, [hidden], 0.5),
               "vision_model.embeddings.patch_embedding.weight": random_tensor(rng, [hidden, 3, 16, 16], 0.05),
               "vision_model.embeddings.position_embedding.weight": random_tensor(rng, [10, hidden], 0.5),
               "text_projection.weight": random_tensor(rng, [hidden, hidden]),
               "visual_projection.weight": random_tensor(rng, [hidden, hidden])}
    for norm in ("text_model.final_layer_norm", "vision_model.pre_layrnorm", "vision_model.post_layernorm"):
        tensors[f"{norm}.weight"] = random_tensor(rng, [hidden], 1.0)
        tensors[f"{norm}.bias"] = random_tensor(rng, [hidden], 0.1)
    tensors.update(tower(rng, "text_model.encoder.layers", 2, hidden, 24))
    tensors.update(tower(rng, "vision_model.encoder.layers", 11, hidden, 24))
    sizes = {"hidden_size": hidden, "num_attention_heads": 2, "intermediate_size": 24}
    config = {"model_type": "clip", "projection_dim": hidden,
              "text_config": dict(sizes, num_hidden_layers=2, vocab_size=vocabulary, max_position_embeddings=20,
                                  eos_token_id=vocabulary - 1),
              "vision_config": dict(sizes, num_hidden_layers=11, image_size=48, patch_size=16)}
    return tensors, config


def make_decoder(rng, refined, reduce=8):
    """The decoder's tensors with Hugging Face's names."""
    tensors = tower(rng, "decoder.layers", 3, reduce, 20)
    for name, size in (("film_mul", 16), ("film_add", 16), ("reduces.0", 16), ("reduces.1", 16), ("reduces.2", 16)):
        tensors[f"decoder.{name}.weight"] = random_tensor(rng, [reduce, size])
        tensors[f"decoder.{name}.bias"] = random_tensor(rng, [reduce], 0.1)
    shapes = ({".0": [reduce, reduce, 3, 3], ".2": [reduce, reduce // 2, 4, 4], ".4": [reduce // 2, 1, 4, 4]}
              if refined else {"": [reduce, 1, 16, 16]})
    for part, shape in shapes.items():
        tensors[f"decoder.transposed_convolution{part}.weight"] = random_tensor(rng, shape, 0.2)
        tensors[f"decoder.transposed_convolution{part}.bias"] = random_tensor(
            rng, [shape[0] if part == ".0" else shape[1]], 0.1)
    return tensors


def to_original(decoder):
    """Hugging Face's names to those of the authors' code, q, k and v stacked; with the unused `reduce`."""
    out, stacked = {"reduce.weight": ("F32", [2], bytes(8))}, {}
    for name, (kind, shape, data) in decoder.items():
        name = name.removeprefix("decoder.")
        for new, old in (("layers.", "blocks."), ("mlp.fc", "linear"), ("layer_norm", "norm"),
                         ("transposed_convolution", "trans_conv")):
            name = name.replace(new, old)
        part = name.rsplit(".", 2)
        if part[-2] in ("q_proj", "k_proj", "v_proj"):
            stacked.setdefault(f"{part[0]}.in_proj_{part[2]}", {})[part[-2]] = (shape, data)
        else:
            out[name] = (kind, shape, data)
    for name, parts in stacked.items():
        shape = parts["q_proj"][0]
        out[name] = ("F32", [3 * shape[0], *shape[1:]], b"".join(parts[p][1] for p in ("q_proj", "k_proj", "v_proj")))
    return out


def make_original_and_whole(refined):
    """clip/ and decoder.pth, and the same model as one Hugging Face directory whole/."""
    rng = numpy.random.default_rng(7)
    vocabulary = json.load(open(os.path.join(CLIP, "vocab.json")))
    clip, config = make_clip(rng, max(vocabulary.values()) + 1)
    decoder = make_decoder(rng, refined)
    for folder in ("clip", "whole"):
        copy_without_weights(CLIP, folder)
    json.dump(config, open("clip/config.json", "w"))
    torch.write_safetensors("clip/model.safetensors", clip)
    torch.write_zip("decoder.pth", to_original(decoder))
    json.dump(dict(config, model_type="clipseg", reduce_dim=8, decoder_intermediate_size=20,
                   use_complex_transposed_convolution=refined), open("whole/config.json", "w"))
    torch.write_safetensors("whole/model.safetensors", {**{f"clip.{k}": v for k, v in clip.items()}, **decoder})
    os.remove("whole/preprocessor_config.json")


def make_decoder_again():
    rng = numpy.random.default_rng(7)
    vocabulary = json.load(open(os.path.join(CLIP, "vocab.json")))
    make_clip(rng, max(vocabulary.values()) + 1)
    return make_decoder(rng, True)
