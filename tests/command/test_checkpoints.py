"""Checkpoints in every form that people have: torch files, original decoders, plain CLIP, and files that are none."""
import glob
import json
import os
import random
import shutil
import struct
import sys
import zipfile

import numpy

import torch_files as torch
from harness import DATA, MODEL, PICTURE, SOURCE, check_failure, check_success, clipseg, main

CLIP = os.path.join(DATA, "tiny-clip")
RECORDED = os.path.join(DATA, "torch")


def copy_without_weights(source, target):
    os.makedirs(target)
    for path in glob.glob(os.path.join(source, "*")):
        if not path.endswith(".safetensors"):
            shutil.copy(path, target)


def logits(model, *options):
    """The bytes of the .npy for two prompts."""
    return check_success(clipseg("segment", PICTURE, "-m", model, *options, "-p", "a glass", "-p", "spoons", "-f", "npy",
                                 "-o", "-", "-q")).stdout


def test_torch_files_give_the_same_bits_as_safetensors():
    expected = logits(MODEL)
    tensors = torch.read_safetensors(os.path.join(MODEL, "model.safetensors"))
    for name, write in (("zip", torch.write_zip), ("legacy", torch.write_legacy)):
        copy_without_weights(MODEL, name)
        write(f"{name}/pytorch_model.bin", tensors)
        assert logits(name) == expected
        facts = json.loads(check_success(clipseg("info", name, "--json")).stdout)
        assert facts["format"] == f"torch {name}", facts["format"]
        check_success(clipseg("info", "--verify", name))


def test_torch_files_in_shards():
    copy_without_weights(MODEL, "model")
    tensors = list(torch.read_safetensors(os.path.join(MODEL, "model.safetensors")).items())
    half = len(tensors) // 2
    torch.write_zip("model/pytorch_model-1.bin", dict(tensors[:half]))
    torch.write_legacy("model/pytorch_model-2.bin", dict(tensors[half:]))
    json.dump({"weight_map": {name: f"pytorch_model-{1 + (i >= half)}.bin" for i, (name, _) in enumerate(tensors)}},
              open("model/pytorch_model.bin.index.json", "w"))
    assert logits("model") == logits(MODEL)


def test_a_file_is_judged_by_its_content():
    copy_without_weights(MODEL, "model")
    shutil.copy(os.path.join(MODEL, "model.safetensors"), "model/pytorch_model.bin")
    assert logits("model") == logits(MODEL)
    os.remove("model/pytorch_model.bin")
    torch.write_zip("model/model.safetensors", torch.read_safetensors(os.path.join(MODEL, "model.safetensors")))
    assert logits("model") == logits(MODEL)


def test_transposed_and_shared_storages():
    """OpenAI's projections were saved as transposed views; tied tensors share one storage."""
    copy_without_weights(MODEL, "model")
    tensors = torch.read_safetensors(os.path.join(MODEL, "model.safetensors"))
    entries, members, one = {}, {}, b""
    for name, (kind, shape, data) in tensors.items():
        if name == "clip.text_projection.weight":
            array = numpy.frombuffer(data, "<f4").reshape(shape)
            members["m/data/t"] = numpy.ascontiguousarray(array.T).tobytes()
            entries[name] = torch.tensor("t", kind, shape, strides=[1, shape[0]])
        else:
            entries[name] = (kind, shape, len(one) // 4)
            one += data
    members["m/data/all"] = one
    count = len(one) // 4
    for name, entry in entries.items():
        if isinstance(entry, tuple):
            entries[name] = torch.tensor("all", entry[0], entry[1], count=count, offset=entry[2])
    torch.write_archive("model/pytorch_model.bin", {"m/data.pkl": torch.state_dict(entries), **members})
    assert logits("model") == logits(MODEL)


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


def test_an_original_decoder_with_its_clip_is_the_whole_model():
    for refined in (True, False):
        make_original_and_whole(refined)
        assert logits("decoder.pth", "--clip", "clip") == logits("whole")
        facts = json.loads(check_success(clipseg("info", "decoder.pth", "--clip", "clip", "--json")).stdout)
        assert facts["kind"] == "clipseg" and facts["complex_head"] is refined and facts["input_size"] == 352
        assert facts["decoder"] == {"layers": 3, "hidden": 8, "heads": 4, "intermediate": 20}
        check_success(clipseg("info", "--verify", "decoder.pth", "--clip", "clip"))
        for folder in ("clip", "whole"):
            shutil.rmtree(folder)


def test_an_original_decoder_may_lie_in_any_format():
    make_original_and_whole(True)
    expected = logits("whole")
    tensors = to_original(make_decoder_again())
    torch.write_legacy("legacy.pth", tensors)
    torch.write_safetensors("other.bin", tensors)
    for name in ("legacy.pth", "other.bin"):
        assert logits(name, "--clip", "clip") == expected
    assert logits("legacy.pth", "--clip", "whole") == expected  # a CLIPSeg directory's CLIP will do


def make_decoder_again():
    rng = numpy.random.default_rng(7)
    vocabulary = json.load(open(os.path.join(CLIP, "vocab.json")))
    make_clip(rng, max(vocabulary.values()) + 1)
    return make_decoder(rng, True)


def test_what_is_missing_beside_an_original_decoder_is_said():
    make_original_and_whole(False)
    check_failure(clipseg("segment", PICTURE, "-m", "decoder.pth", "-p", "x"), 3, "decoder.pth", "--clip DIR")
    check_failure(clipseg("segment", PICTURE, "-m", "whole", "--clip", "clip", "-p", "x"), 5, "whole", "folder")
    check_failure(clipseg("segment", PICTURE, "-m", "whole/model.safetensors", "--clip", "clip", "-p", "x"), 3, "film_mul")
    check_failure(clipseg("segment", PICTURE, "-m", "demo", "--clip", "clip", "-p", "x"), 2, "--clip")
    check_failure(clipseg("segment", PICTURE, "-m", "decoder.pth", "--clip", "nowhere", "-p", "x"), 5, "nowhere")
    tensors = to_original(make_decoder_again())
    del tensors["trans_conv.0.weight"]
    torch.write_zip("no-head.pth", tensors)
    check_failure(clipseg("info", "no-head.pth", "--clip", "clip"), 3, "no-head.pth", "head")
    del tensors["reduces.2.weight"]
    tensors["trans_conv.0.weight"] = ("F32", [1], bytes(4))
    torch.write_zip("two.pth", tensors)
    check_failure(clipseg("info", "two.pth", "--clip", "clip"), 3, "two.pth", "2 reductions")
    del tensors["film_add.bias"]


def test_plain_clip_has_towers_but_cannot_segment():
    check_success(clipseg("classify", PICTURE, "-m", CLIP, "-p", "a glass", "-p", "fork"))
    check_failure(clipseg("segment", PICTURE, "-m", CLIP, "-p", "a glass"), 3, "decoder")
    assert not os.listdir(".")


# ---- files that are no model

def weights_that_are(data):
    shutil.rmtree("model", ignore_errors=True)
    copy_without_weights(MODEL, "model")
    open("model/pytorch_model.bin", "wb").write(data)
    return clipseg("info", "model")


def archive_that_is(members, **more):
    torch.write_archive("x.zip", members, **more)
    return weights_that_are(open("x.zip", "rb").read())


def test_each_thing_that_is_no_model_gets_its_sentence():
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 603\n"
    for data, words in ((b"", ["empty"]), (pointer, ["Git LFS pointer", "git lfs pull"]),
                        (b"\n <!doctype html><html>", ["HTML page", "download"]),
                        (b"<html><body>404</body></html>", ["HTML page"]), (b'{"error": "x"}', ["JSON"]),
                        (b"\x1f\x8b\x08rest", ["compressed"]), (b"\x80\x04K\x01.", ["pickle", "nothing in it was run"]),
                        (bytes(257) + b"ustar\x0000" + bytes(300), ["tar"]), (b"GGUF\3\0\0\0" + bytes(20), ["GGUF"]),
                        (b"MZ\x90\x00 something else", ["4d 5a 90 00"])):
        check_failure(weights_that_are(data), 3, "model/pytorch_model.bin", *words)
        open("file", "wb").write(data)
        if b"GGUF" not in data:
            check_failure(clipseg("segment", PICTURE, "-m", "./file", "-p", "x"), 3, "file", *words)


def test_weights_alone_are_not_a_model():
    for path, word in ((os.path.join(MODEL, "model.safetensors"), "safetensors"),):
        check_failure(clipseg("segment", PICTURE, "-m", path, "-p", "x"), 3, word, "config.json", "folder")
    torch.write_zip("x.bin", {"a": ("F32", [1], bytes(4))})
    check_failure(clipseg("segment", PICTURE, "-m", "x.bin", "-p", "x"), 3, "x.bin", "torch zip", "folder")


def test_programs_are_named_not_run():
    member = {"m/data.pkl": b"\x80\x02}."}
    check_failure(archive_that_is({**member, "m/code/__torch__.py": b"x"}), 3, "TorchScript", "openai/clip")
    check_failure(archive_that_is({**member, "m/constants.pkl": b"x"}), 3, "TorchScript")
    module = torch.name("transformers.models.clip.modeling_clip", "CLIPModel") + b")\x81."
    check_failure(archive_that_is({"m/data.pkl": b"\x80\x02" + module}), 3, "pickled module", "CLIPModel", "state_dict")
    attack = torch.name("posix", "system") + torch.tuple_of(torch.text("touch attacked")) + b"R."
    check_failure(archive_that_is({"m/data.pkl": b"\x80\x02" + attack}), 3, "posix.system", "nothing in it was run")
    assert not os.path.exists("attacked")
    check_failure(archive_that_is({"a.npy": b"x"}), 3, "NumPy")
    check_failure(archive_that_is({"readme.txt": b"x"}), 3, "no data.pkl")


def test_recorded_torch_files():
    """Written by real versions of torch, see tests/data/torch/make_torch.py."""
    good = sorted(glob.glob(os.path.join(RECORDED, "*-good-*.pt")))
    assert len(good) >= 6
    for path in good:
        copy_without_weights(MODEL, "model")
        shutil.copy(path, "model/pytorch_model.bin")
        facts = json.loads(check_success(clipseg("info", "model", "--json")).stdout)
        found = {t["name"]: (t["type"], t["shape"]) for t in facts["tensors"]}
        assert found == {"matrix": ("F32", [2, 3]), "half": ("F16", [4]), "rows": ("F32", [1, 3]), "turned": ("F32", [3, 2]),
                         "ids": ("I64", [1, 5]), "scale": ("F32", []), "brain": ("BF16", [2]), "double": ("F64", [2]),
                         "parameter": ("F32", [2])}, (path, found)
        shutil.rmtree("model")
    for path in glob.glob(os.path.join(RECORDED, "*-bad-*.pt")):
        word = {"module": "pickled module", "script": "TorchScript", "tensor": "want the tensors", "sparse": "",
                "list": "want the tensors"}[os.path.basename(path).split("-bad-")[1].split(".")[0]]
        check_failure(weights_that_are(open(path, "rb").read()), 3, word)


if __name__ == "__main__":
    main(sys.modules[__name__])
