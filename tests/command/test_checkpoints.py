"""Checkpoints in every form that people have: torch files, original decoders, plain CLIP, and files that are none."""
import glob
import json
import os
import shutil
import sys

import numpy

import torch_files as torch
from harness import DATA, MODEL, PICTURE, check_failure, check_success, clipseg, main
from models import CLIP, copy_without_weights, logits, make_decoder_again, make_original_and_whole, to_original

RECORDED = os.path.join(DATA, "torch")


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
