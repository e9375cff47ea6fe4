"""convert, packed files, info --verify."""
import json
import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import time

import numpy

import torch_files as torch
from harness import CLIPSEG, DATA, MODEL, PICTURE, check_failure, check_success, clipseg, main
from models import CLIP, copy_without_weights, logits, make_original_and_whole


# ---- packed files

def half(tensors):
    """What model.half() does."""
    out = {}
    for name, (kind, shape, data) in tensors.items():
        if kind == "F32":
            kind, data = "F16", numpy.frombuffer(data, "<f4").astype("<f2").tobytes()
        out[name] = (kind, shape, data)
    return out


def convert(source, target, *options):
    check_success(clipseg("convert", source, target, *options))


def test_a_packed_file_gives_the_same_bits_as_its_directory():
    for name in ("tiny-refined", "tiny-simple"):
        source = os.path.join(DATA, name)
        convert(source, "model.gguf")
        assert logits("model.gguf") == logits(source)
        facts = json.loads(check_success(clipseg("info", "model.gguf", "--json")).stdout)
        assert facts["format"] == "gguf" and facts["kind"] == "clipseg" and facts["input_size"] == 80
        assert "verified" in check_success(clipseg("info", "--verify", "model.gguf")).stdout.decode()
        text = ["tokenize", "--", "a photo of 2 glasses, it's", "BLUEBERRIES \u00e9\u4e2d", "<|endoftext|> x"]
        assert (check_success(clipseg(*text, env={"CLIPSEG_MODEL": "model.gguf"})).stdout ==
                check_success(clipseg(*text, env={"CLIPSEG_MODEL": source})).stdout)


def test_half_precision_equals_a_directory_of_half_precision():
    copy_without_weights(MODEL, "half")
    torch.write_safetensors("half/model.safetensors", half(torch.read_safetensors(os.path.join(MODEL, "model.safetensors"))))
    convert(MODEL, "model.gguf", "--type", "f16")
    convert("half", "again.gguf", "--type", "f16")
    assert logits("model.gguf") == logits("half") == logits("again.gguf") != logits(MODEL)
    assert open("model.gguf", "rb").read() == open("again.gguf", "rb").read()
    convert(MODEL, "full.gguf")
    assert os.path.getsize("model.gguf") < 0.6 * os.path.getsize("full.gguf")
    check_success(clipseg("info", "--verify", "model.gguf"))


def test_plain_clip_and_original_decoders_convert():
    convert(CLIP, "clip.gguf")
    words = ("classify", PICTURE, "-p", "a glass", "-p", "fork", "--json")
    assert (check_success(clipseg(*words, "-m", "clip.gguf")).stdout == check_success(clipseg(*words, "-m", CLIP)).stdout)
    check_failure(clipseg("segment", PICTURE, "-m", "clip.gguf", "-p", "x"), 3, "decoder")
    make_original_and_whole(True)
    convert("decoder.pth", "original.gguf", "--clip", "clip")
    assert logits("original.gguf") == logits("whole")


def test_every_instruction_set_writes_the_same_file():
    digests = set()
    for cpu in ("scalar", "avx2", "avx512"):
        convert(MODEL, "model.gguf", "--cpu", cpu)
        digests.add(open("model.gguf", "rb").read())
    assert len(digests) == 1


def gguf_header(data):
    """(keys with the places of their values, tensors {name: (shape, type, place)})"""
    tensors, keys = struct.unpack_from("<QQ", data, 8)
    at, places, found = 24, {}, {}

    def read_text(at):
        size = struct.unpack_from("<Q", data, at)[0]
        return data[at + 8:at + 8 + size].decode(), at + 8 + size

    for _ in range(keys):
        key, at = read_text(at)
        kind = struct.unpack_from("<I", data, at)[0]
        at += 4
        places[key] = at
        if kind == 8:
            at = read_text(at)[1]
        elif kind == 9:
            at += 12 + 4 * struct.unpack_from("<Q", data, at + 4)[0]
        else:
            at += 4
    for _ in range(tensors):
        name, at = read_text(at)
        rank = struct.unpack_from("<I", data, at)[0]
        shape = struct.unpack_from(f"<{rank}Q", data, at + 4)
        kind, offset = struct.unpack_from("<IQ", data, at + 4 + 8 * rank)
        found[name] = (shape, kind, offset)
        at += 16 + 8 * rank
    start = -(-at // 64) * 64
    return places, {name: (shape, kind, start + offset) for name, (shape, kind, offset) in found.items()}


def test_a_packed_file_is_gguf_as_others_read_it():
    """Panels of sixteen columns, on cache lines; checked with a reader of our own and, where there is one, gguf's."""
    convert(MODEL, "model.gguf")
    data = open("model.gguf", "rb").read()
    places, tensors = gguf_header(data)
    assert {"general.architecture", "general.alignment", "clipseg.layout", "clipseg.config.json"} <= places.keys()
    assert all(place % 64 == 0 for _, _, place in tensors.values()) and max(map(len, tensors)) < 64
    shape, kind, place = tensors["decoder.film_mul.weight"]
    weight = torch.read_safetensors(os.path.join(MODEL, "model.safetensors"))["decoder.film_mul.weight"]
    rows = numpy.frombuffer(weight[2], "<f4").reshape(weight[1])
    panels = numpy.frombuffer(data, "<f4", shape[0] * shape[1] * shape[2], place).reshape(shape[::-1])
    assert shape[0] == 16 and kind == 0
    assert (panels.transpose(0, 2, 1).reshape(-1, rows.shape[1])[:rows.shape[0]] == rows).all()
    try:
        import gguf
    except ImportError:
        return
    reader = gguf.GGUFReader("model.gguf")
    assert {t.name for t in reader.tensors} == tensors.keys()


def test_nan_is_found_when_packing_and_by_verify():
    tensors = torch.read_safetensors(os.path.join(MODEL, "model.safetensors"))
    kind, shape, values = tensors["decoder.film_mul.weight"]
    for bad in (float("nan"), float("inf")):
        shutil.rmtree("model", ignore_errors=True)
        copy_without_weights(MODEL, "model")
        spoilt = values[:-4] + struct.pack("<f", bad)
        torch.write_safetensors("model/model.safetensors", {**tensors, "decoder.film_mul.weight": (kind, shape, spoilt)})
        check_failure(clipseg("convert", "model", "bad.gguf"), 3, "decoder.film_mul.weight", "NaN or infinity")
        assert os.listdir(".") == ["model"]
    convert(MODEL, "model.gguf")
    data = bytearray(open("model.gguf", "rb").read())
    place = gguf_header(data)[1]["decoder.film_mul.weight"][2]
    data[place:place + 4] = struct.pack("<f", float("nan"))
    open("model.gguf", "wb").write(data)
    check_success(clipseg("info", "model.gguf"))
    check_failure(clipseg("info", "--verify", "model.gguf"), 3, "decoder.film_mul.weight", "NaN or infinity")


def test_what_does_not_fit_into_half_precision_is_refused():
    tensors = torch.read_safetensors(os.path.join(MODEL, "model.safetensors"))
    kind, shape, values = tensors["clip.text_projection.weight"]
    copy_without_weights(MODEL, "model")
    tensors["clip.text_projection.weight"] = (kind, shape, struct.pack("<f", 70000) + values[4:])
    torch.write_safetensors("model/model.safetensors", tensors)
    check_failure(clipseg("convert", "model", "x.gguf", "--type", "f16"), 3, "clip.text_projection.weight", "65504")
    convert("model", "x.gguf")


def test_convert_refuses_what_it_cannot_do_and_leaves_nothing():
    convert(MODEL, "model.gguf")
    before = open("model.gguf", "rb").read()
    check_failure(clipseg("convert", "model.gguf", "x.gguf"), 3, "packed file already")
    check_failure(clipseg("convert", MODEL, "x.gguf", "--type", "f8"), 2, "f32, f16, int16 or int8")
    check_failure(clipseg("convert", MODEL), 2, "convert")
    check_failure(clipseg("convert", "nowhere", "x.gguf"), 5, "nowhere")
    check_failure(clipseg("convert", MODEL, "no/folder/x.gguf"), 5, "no/folder/x.gguf")
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
    check_failure(clipseg("convert", MODEL, "model.gguf", preexec_fn=limit), 5, "model.gguf")
    assert os.listdir(".") == ["model.gguf"] and open("model.gguf", "rb").read() == before


def test_damaged_packed_files_are_refused():
    convert(MODEL, "good.gguf")
    data = open("good.gguf", "rb").read()
    places, tensors = gguf_header(data)
    start = min(place for _, _, place in tensors.values())

    def check(changed, *words):
        open("bad.gguf", "wb").write(changed)
        check_failure(clipseg("tokenize", "-m", "bad.gguf", "x"), 3, "bad.gguf", *words)

    def patch(place, value):
        return data[:place] + value + data[place + len(value):]

    check(data[:-100], "beyond the end")
    check(data[:start - 100], "beyond the end")
    check(data[:4000], "cut off")
    check(data + bytes(64), "tensors end")
    check(patch(4, b"\4"), "version 4")
    check(patch(places["clipseg.layout"], b"\2"), "layout")
    check(patch(places["clipseg.config.json"] + 8, b"["), "config.json")
    check(patch(places["clipseg.tokenizer.special"] + 12, b"\xff\xff\xff\x7f"), "tokenizer")
    check(patch(places["clipseg.tokenizer.merges"] + 12, b"\xff\xff\xff\xff"), "tokenizer")
    check(data.replace(b"decoder.film_add.bias", b"decoder.film_odd.bias"), "decoder.film_add.bias", "missing")
    check(data.replace(b'"projection_dim": 24', b'"projection_dim": 25'), "want shape")
    random.seed(1)
    for _ in range(200):  # bits of the header
        bit = random.randrange(8 * start)
        open("bad.gguf", "wb").write(patch(bit // 8, bytes([data[bit // 8] ^ 1 << bit % 8])))
        result = clipseg("info", "bad.gguf")
        assert result.returncode in (0, 3) and result.stderr.count(b"\n") == (result.returncode != 0), result


def test_integers_are_refused_where_they_do_not_belong():
    """Bytes and words are for the image tower, of the size that their matrix has, with what goes with them."""
    tower, others = b"clip.vision_model.encoder.layers.2.mlp.fc1.weight", b"clip.text_model.encoder.layers.0.mlp.fc1.weight"
    for kind, number, parts in (("int8", 24, (".scale", ".sum")), ("int16", 25, (".scale",))):
        convert(MODEL, "good.gguf", "--type", kind, "-q")
        data = open("good.gguf", "rb").read()

        def check(changed, *words):
            open("bad.gguf", "wb").write(changed)
            check_failure(clipseg("segment", PICTURE, "-p", "x", "-m", "bad.gguf", "-o", "out"), 3, "bad.gguf", *words)

        def entry(name):
            """Where a tensor's shape and its type lie in the header."""
            place = data.index(struct.pack("<Q", len(name)) + name) + 8 + len(name)
            rank = struct.unpack_from("<I", data, place)[0]
            return [place + 4 + 8 * i for i in range(rank)], place + 4 + 8 * rank

        def patch(form, *places_and_values):
            changed = bytearray(data)
            for place, value in places_and_values:
                struct.pack_into(form, changed, place, value)
            return bytes(changed)

        for part in parts:
            check(data.replace(tower + part.encode(), tower[:-1] + b"x" + part.encode()), tower.decode() + part, "missing")
        sizes, place = entry(tower)
        assert struct.unpack_from("<I", data, place)[0] == number
        for size in sizes:
            check(patch("<Q", (size, struct.unpack_from("<Q", data, size)[0] + 1)))
        fast, slow = (struct.unpack_from("<Q", data, size)[0] for size in sizes[:2])
        check(patch("<Q", (sizes[0], 2 * fast), (sizes[1], slow // 2)), tower.decode(), "of the size that its matrix has")
        for wrong in (0, 1, 24, 25, 26):
            if wrong != number:
                check(patch("<I", (place, wrong)))
        sizes, place = entry(others)  # as many bytes as before
        doubled = patch("<Q", (sizes[0], 2 * struct.unpack_from("<Q", data, sizes[0])[0])) if kind == "int8" else data
        check(doubled[:place] + struct.pack("<I", number) + doubled[place + 4:], others.decode(), f"type is I{8 * (number - 23)}")


def test_words_beyond_their_bound_do_no_harm():
    """Their sums wrap around, on every instruction set in the same way."""
    convert(MODEL, "model.gguf", "--type", "int16", "-q")
    data = bytearray(open("model.gguf", "rb").read())
    for name, (shape, kind, place) in gguf_header(data)[1].items():
        if kind == 25:
            size = 2 * numpy.prod(shape)
            data[place:place + size] = (b"\xff\x7f\x00\x80\xff\x7f\xff\x7f" * (size // 8 + 1))[:size]
    open("wild.gguf", "wb").write(data)
    check_success(clipseg("info", "--verify", "wild.gguf"))
    for cpu in ("scalar", "avx2", "avx512"):
        check_success(clipseg("segment", PICTURE, "-p", "x", "-m", "wild.gguf", "-o", cpu, "--cpu", cpu))


def test_a_packed_file_is_known_by_its_content():
    convert(MODEL, "model.safetensors")
    assert logits("./model.safetensors") == logits(MODEL)


def test_a_file_that_shrinks_while_mapped_ends_with_exit_5():
    convert(MODEL, "model.gguf")
    environment = dict(os.environ, CLIPSEG_MODEL=os.path.abspath("model.gguf"))
    process = subprocess.Popen([CLIPSEG, "segment", "-", "-p", "a glass", "-o", "out", "-t", "1"], stdin=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=environment)
    deadline = time.monotonic() + 30
    while "model.gguf" not in open(f"/proc/{process.pid}/maps").read():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.3)  # the header has been read
    os.truncate("model.gguf", 4096)
    _, message = process.communicate(open(PICTURE, "rb").read(), timeout=60)
    assert process.returncode == 5, (process.returncode, message)
    assert message.count(b"\n") == 1 and b"shorter" in message
    assert not os.path.exists("out") or not os.listdir("out")


if __name__ == "__main__":
    main(sys.modules[__name__])
