"""Model files as an enemy makes them: refused in one line with exit 3, within a second of work and 64 MB."""
import glob
import json
import os
import resource
import shutil
import struct
import sys
import tarfile
import warnings
import zipfile

import torch_files as torch
from harness import MODEL, SOURCE, Skip, check_failure, check_success, clipseg, main
from models import copy_without_weights, logits

SHARED = os.environ.get("CLIPSEG_TEST_DATA", os.path.join(SOURCE, "..", "shared"))
WEIGHTS = torch.read_safetensors(os.path.join(MODEL, "model.safetensors"))
MILLION = 1000000


def limit():
    """A sanitizer's own memory does not fit into this."""
    if "sanitize" not in os.environ.get("CLIPSEG", ""):
        resource.setrlimit(resource.RLIMIT_DATA, (64 << 20, 64 << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (1, 2))


def info(path, *options):
    return clipseg("info", path, *options, preexec_fn=limit)


def model_with(name, data, *words, code=3):
    """The small model with one file replaced must be refused."""
    shutil.rmtree("model", ignore_errors=True)
    copy_without_weights(MODEL, "model")
    if name != "pytorch_model.bin":
        shutil.copy(os.path.join(MODEL, "model.safetensors"), "model")
    open(f"model/{name}", "wb").write(data)
    command = "tokenize" if name in ("vocab.json", "merges.txt", "tokenizer.json") else "info"
    arguments = ("-m", "model", "x") if command == "tokenize" else ("model",)
    check_failure(clipseg(command, *arguments, preexec_fn=limit), code, *words)


# ---- safetensors

def header(text, data=b"", length=None):
    text = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(kind="F32", shape="1", begin=0, end=4):
    return f'{{"dtype":"{kind}","shape":[{shape}],"data_offsets":[{begin},{end}]}}'


def safetensors(data, *words):
    model_with("model.safetensors", data, "model.safetensors", *words)


def test_safetensors_lengths():
    for data in (b"", b"1234567", header("", length=0), header("{}", length=100), header("{}", length=2 ** 64 - 1),
                 header("{}", length=2 ** 63), header("{}", length=5 << 20)):
        safetensors(data)


def test_safetensors_places():
    for text, data, word in (
            (f'{{"a":{entry(begin=4, end=8)}}}', bytes(8), "hole"),
            (f'{{"a":{entry(shape="2", end=8)},"b":{entry(begin=4, end=8)}}}', bytes(8), "overlap"),
            (f'{{"a":{entry()}}}', bytes(5), "tensors end"), (f'{{"a":{entry()}}}', bytes(3), "outside"),
            (f'{{"a":{entry(begin=4, end=0)}}}', bytes(4), "outside"),
            (f'{{"a":{entry(shape=f"{2 ** 32},{2 ** 32}")}}}', bytes(4), "too large"),
            (f'{{"a":{entry(shape=f"{2 ** 62},4")}}}', bytes(4), "too large"),
            (f'{{"a":{entry(shape=",".join(["1"] * MILLION))}}}', bytes(4), "JSON"),
            (f'{{"a":{entry(shape="1,1,1,1,1,1,1,1,1")}}}', bytes(4), "at most 8")):
        safetensors(header(text, data), word)


def test_safetensors_json():
    good = entry()
    for text in (f'{{"a":{good},"a":{entry(begin=4, end=8)}}}', '{"a":{"dtype":"F32","dtype":"F32","shape":[1]}}',
                 f'{{"a":{entry(shape="-1")}}}', f'{{"a":{entry(shape="1.0")}}}', f'{{"a":{entry(shape="01")}}}',
                 f'{{"a":{entry(shape=str(2 ** 64))}}}', f'{{"a":{entry(kind="Q4_0")}}}', f' {{"a":{good}}}',
                 f'\ufeff{{"a":{good}}}', f'{{"a":{good}}}\0', f'{{"\\ud800":{good}}}', f'{{"\\u0000":{good}}}',
                 f'{{"":{good}}}', '{"a":' + "[" * 200000, '{"a":' + '{"a":' * 200000, "{" * 200000):
        safetensors(header(text, bytes(4)))
    safetensors(header(b'{"\xff":' + good.encode() + b"}", bytes(4)))
    for flood in ("[]," * MILLION, "{}," * MILLION, "1," * MILLION):  # within 4 MiB, but not as a document
        safetensors(header('{"a":[' + flood + "0]}"), "JSON")
    many = ",".join(f'"{i}":{entry(shape="0", begin=0, end=0)}' for i in range(10 * MILLION // 100))
    safetensors(header("{" + many + "}"), "header")


def test_safetensors_in_any_order_and_at_odd_places():
    names = sorted(WEIGHTS, key=lambda name: name[::-1])
    copy_without_weights(MODEL, "model")
    odd = {"odd": ("U8", [1], b"x"), **{name: WEIGHTS[name] for name in names}}
    torch.write_safetensors("model/model.safetensors", odd)
    assert logits("model") == logits(MODEL)


def test_needed_tensors_are_named_with_the_shape_that_is_wanted():
    name = "decoder.film_mul.weight"
    kind, shape, data = WEIGHTS[name]
    for changed, words in (({"x": WEIGHTS[name]}, ["missing"]), ({name: (kind, shape[::-1], data)}, ["found [24,16]"]),
                           ({name: ("I64", shape, data * 2)}, ["I64"]), ({name: (kind, [len(data) // 4], data)}, ["found [384]"])):
        shutil.rmtree("model", ignore_errors=True)
        copy_without_weights(MODEL, "model")
        tensors = {k: v for k, v in WEIGHTS.items() if k != name}
        torch.write_safetensors("model/model.safetensors", {**tensors, **changed})
        check_failure(info("model", "--verify"), 3, name, "[16,24]", *words)


# ---- torch archives

def archive(members, **more):
    torch.write_archive("x.zip", members, **more)
    return open("x.zip", "rb").read()


def torch_file(data, *words):
    model_with("pytorch_model.bin", data, "pytorch_model.bin", *words)


def one(value, size=16, **more):
    return archive({"m/data.pkl": torch.state_dict({"a": value}), "m/data/0": bytes(size)}, **more)


def test_torch_views_stay_inside_their_storage():
    for value, word in ((torch.tensor("1", "F32", [4]), "missing"), (torch.tensor("0", "F32", [4], count=3), "16 bytes"),
                        (torch.tensor("0", "F32", [4], count=5), "16 bytes"), (torch.tensor("0", "F16", [4]), "16 bytes"),
                        (torch.tensor("0", "F32", [5], count=4), "outside"),
                        (torch.tensor("0", "F32", [2, 2], count=4, offset=1), "outside"),
                        (torch.tensor("0", "F32", [2, 2], count=4, strides=[1, 3]), "outside"),
                        (torch.tensor("0", "F32", [2 ** 31, 2 ** 31, 2 ** 31], count=4), "outside"),
                        (torch.tensor("0", "F32", [2], count=4, strides=[2 ** 62]), "outside"),
                        (torch.tensor("0", "F32", [2], count=4, offset=2 ** 62), "outside"),
                        (torch.tensor("0", "F32", [2 ** 40], count=4, strides=[0]), "outside"),
                        (torch.tensor("0", "F32", [2], count=4, strides=[-1]), "negative"),
                        (torch.tensor("0", "F32", [-2], count=4), "negative"),
                        (torch.tensor("0", "F32", [2], count=4, offset=-1), "negative"),
                        (torch.tensor("0", "F32", [2], count=-4), "storage"),
                        (torch.tensor("0", "F32", [2], count=2 ** 62), "16 bytes"),
                        (torch.tensor("0", "F32", [1] * 9, count=4), "up to 8"),
                        (torch.tensor("0", "F32", [2], count=4, strides=[1, 1]), "shape and strides"),
                        (torch.tensor("0", "F32", [4], torch_type="ComplexFloatStorage"), "ComplexFloatStorage")):
        torch_file(one(value), word)


def patched(data, old, new, last=False):
    place = data.rindex(old) if last else data.index(old)
    return data[:place] + new + data[place + len(old):]


def test_torch_archives_agree_with_themselves():
    good = one(torch.tensor("0", "F32", [4]))
    model = {"m/data.pkl": torch.state_dict({"a": torch.tensor("0", "F32", [4])}), "m/data/0": bytes(16)}
    for data, word in ((good[:-1], "cut off"), (good[:len(good) // 2], "cut off"), (good + b"x", "cut off"),
                       (patched(good, b"m/data/0", b"m/data/1"), "disagree"),
                       (patched(good, b"m/data/0", b"m/data/1", last=True), "disagree"),
                       (patched(good, b"PK\1\2", b"PK\1\3"), "directory"),
                       (one(torch.tensor("0", "F32", [4]), compression=zipfile.ZIP_DEFLATED), "compressed"),
                       (archive({**model, "m/byteorder": b"big"}), "big-endian"),
                       (archive({**model, "m/data.pkl": model["m/data.pkl"] + b"N."}), "goes on"),
                       (archive({**model, "m/data.pkl": model["m/data.pkl"][:-1]}), "no end"),
                       (archive({**model, "m/data.pkl": b"\x80\x02]" + b"(e" * (2 << 20) + b"."}), "4194304"),
                       (archive({**model, "n/data.pkl": model["m/data.pkl"], "n/data/0": bytes(16)}), "more than one"),
                       (archive({"m/data.pkl": b"\x80\x02N."}), "None"), (archive({"m/data.pkl": b"\x80\x02}."}), "no tensors")):
        torch_file(data, word)
    flipped = bytearray(good)
    flipped[good.index(b"storage")] ^= 1
    torch_file(bytes(flipped), "checksum")
    with zipfile.ZipFile("twice.zip", "w") as twice:
        twice.writestr("m/data.pkl", b"\x80\x02}.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            twice.writestr("m/data.pkl", b"\x80\x02}.")
    torch_file(open("twice.zip", "rb").read(), "same name")


def test_torch_pickles_do_not_flood():
    for body in (b"]" * (4 << 20), b"(" * (4 << 20), b"})" * (2 << 20), b"NNNN" + b"\x87" * MILLION,
                 b"]" + b"q\0h\0" * MILLION, b"]q\0" + b"h\0h\0" * MILLION, b"]q\0(" + b"h\0" * 2 * MILLION + b"e.",
                 b"".join(b"Nr" + struct.pack("<I", i) for i in range(600000))):
        torch_file(archive({"m/data.pkl": (b"\x80\x02" + body)[:(4 << 20) - 1]}), "opcode")
    torch_file(torch.LEGACY_START + b"\x80\x02]" + b"](e" * MILLION * 2, "pytorch_model.bin")


def test_legacy_files_that_lie():
    torch.write_legacy("good", {"a": ("F32", [4], bytes(16)), "b": ("F16", [2], bytes(4))})
    good = open("good", "rb").read()
    for data, word in ((good[:-1], "cut off"), (good + b"x", "goes on"), (good[:100], ""),
                       (patched(good, struct.pack("<q", 4), struct.pack("<q", 5)), "size"),
                       (patched(good, struct.pack("<q", 4), struct.pack("<q", -1)), "size"),
                       (patched(good, torch.text("little_endian") + b"\x88", torch.text("little_endian") + b"\x89"), "big-endian"),
                       (patched(good, torch.number(1001), torch.number(1002)), "version"),
                       (patched(good, b"](" + torch.text("0") + torch.text("1"), b"](" + torch.text("0") * 2), "storage"),
                       (patched(good, b"](" + torch.text("0"), b"](" + torch.text("9")), "storage")):
        torch_file(data, word)


# ---- configuration and vocabulary

def test_configurations():
    config = json.load(open(os.path.join(MODEL, "config.json")))
    for part, key in ((None, "projection_dim"), (None, "reduce_dim"), ("vision_config", "hidden_size"),
                      ("vision_config", "patch_size"), ("vision_config", "image_size"), ("vision_config", "num_hidden_layers"),
                      ("text_config", "vocab_size"), ("text_config", "max_position_embeddings"),
                      ("text_config", "num_attention_heads"), ("text_config", "intermediate_size")):
        for value in (0, -1, 2 ** 31, 2 ** 62, 1e300, "8", [8], {}, True, 1.5):
            changed = json.loads(json.dumps(config))
            (changed[part] if part else changed)[key] = value
            model_with("config.json", json.dumps(changed).encode(), "config.json", key)
    for value in (0, -1, 2 ** 40, "x", [], {"height": 0, "width": 0}, {"height": 80, "width": 81}):
        model_with("preprocessor_config.json", json.dumps({"size": value}).encode(), "preprocessor_config.json")
    for text in (b"", b"{", b"null", b"3", b'"x"', b"[]", b"[" * 200000, b'{"a":[' + b"[]," * MILLION + b"[]]}",
                 b" " * (5 << 20), b'{"a":"' + b"x" * (5 << 20) + b'"}'):
        model_with("config.json", text, "config.json")


def test_large_numbers_that_pass_the_range_check_do_not_allocate():
    config = json.load(open(os.path.join(MODEL, "config.json")))
    config["vision_config"].update(hidden_size=16384, intermediate_size=65536, num_hidden_layers=1024, num_attention_heads=1)
    config["text_config"].update(vocab_size=2 ** 30, num_hidden_layers=1024)
    shutil.copytree(MODEL, "model")
    json.dump(config, open("model/config.json", "w"))
    check_failure(clipseg("tokenize", "-m", "model", "x", preexec_fn=limit), 3, "want shape")


def test_vocabularies():
    vocabulary = json.load(open(os.path.join(MODEL, "vocab.json")))
    merges = open(os.path.join(MODEL, "merges.txt"), "rb").read()

    def changed(**more):
        return json.dumps({**vocabulary, **more}).encode()

    for text, word in ((b"", "JSON"), (b"[]", "object"), (b"{}", "object"), (b'{"a":0,"a":1}', "uplicate"), (changed(x=-1), "id"),
                       (changed(x=2 ** 40), "id"), (changed(x="1"), "id"), (changed(x=5), "twice"), (changed(x=100000), "vocab_size"),
                       (json.dumps({k: v for k, v in vocabulary.items() if k != "a"}).encode(), "0x61"),
                       (json.dumps({k: v for k, v in vocabulary.items() if k != "<|endoftext|>"}).encode(), "endoftext"),
                       (json.dumps(dict(list(vocabulary.items())[:100])).encode(), "missing"),
                       (json.dumps({f"{i:06}": i for i in range(300000)}).encode(), ""), (b'{"a":[' + b"[]," * MILLION + b"[]]}", "JSON"),
                       (b" " * (9 << 20), "bytes")):
        model_with("vocab.json", text, "vocab.json" if word != "vocab_size" else "vocabulary", word)
    for text, word in ((b"a\n", "two tokens"), (b"a b c\n", "two tokens"), (b" a\n", "two tokens"), (b"\0 \0\n", "lacks"),
                       (b"qq qq\n", "lacks"), (b"\n" * (6 << 20), "lines"), (b"x" * 5000 + b" y\n", "two tokens")):
        model_with("merges.txt", text, "merges.txt", word)
    shutil.rmtree("model")
    shutil.copytree(MODEL, "model")
    open("model/merges.txt", "wb").write(merges.replace(b"\n", b"\r\n"))
    ask = ("tokenize", "a glass of orange juice")
    assert check_success(clipseg(*ask, "-m", "model")).stdout == check_success(clipseg(*ask, "-m", MODEL)).stdout
    os.remove("model/vocab.json")
    check_failure(clipseg(*ask, "-m", "model"), 3, "no tokenizer", "vocab.json")


# ---- packed files

def test_a_million_keys_end_quickly():
    key = struct.pack("<Q", 8)
    body = b"".join(key + b"%08d" % i + struct.pack("<IB", 0, 0) for i in range(MILLION))
    for count in (MILLION, 300000):
        open("x.gguf", "wb").write(b"GGUF" + struct.pack("<IQQ", 3, 0, count) + body)
        check_failure(info("x.gguf"), 3, "x.gguf", "header")
    many = b"".join(struct.pack("<Q", 6) + b"%06d" % i + struct.pack("<IQIQ", 1, 2 ** 40, 0, 0) for i in range(60000))
    keys = b"".join(struct.pack("<Q", len(k)) + k + v for k, v in (
        (b"general.architecture", struct.pack("<IQ", 8, 7) + b"clipseg"), (b"clipseg.layout", struct.pack("<II", 4, 1))))
    open("x.gguf", "wb").write(b"GGUF" + struct.pack("<IQQ", 3, 60000, 2) + keys + many)
    check_failure(info("x.gguf"), 3, "x.gguf", "tensor")


# ---- public collections

def unpack(name):
    path = os.path.join(SHARED, "corpus", name)
    if not os.path.exists(path):
        raise Skip(f"{name} is not there (CLIPSEG_TEST_DATA)")
    with tarfile.open(path) as tar:
        tar.extractall("corpus", filter="data")
    return sorted(p for p in glob.glob("corpus/**", recursive=True) if os.path.isfile(p))


def test_json_test_suite_as_configuration():
    """n_: refused as JSON; y_: accepted as JSON, but for keys that occur twice or hold NUL, and lonely scalars."""
    shutil.copytree(MODEL, "model")
    counts = {"n": 0, "y": 0, "i": 0}
    for path in unpack("json-testsuite.tar.gz"):
        name = os.path.basename(path)
        if not name.endswith(".json"):
            continue
        shutil.copy(path, "model/config.json")
        result = info("model")
        check_failure(result, 3, "config.json")
        text, content = result.stderr.decode(), open(path, "rb").read()
        refused = "no valid JSON" in text or "nested deeper" in text
        counts[name[0]] += 1
        excused = "duplicate" in name or b"\\u0000" in content or content.lstrip()[:1] not in (b"{", b"[")
        if name[0] == "n":
            assert refused, (name, text)
        elif name[0] == "y" and not excused:
            assert not refused, (name, text)
    assert counts["n"] == 188 and counts["y"] == 95


def test_malicious_pickles_and_archives():
    shutil.copytree(MODEL, "plain")
    opened = []
    for path in unpack("pickle-picklescan.tar.gz"):
        content = open(path, "rb").read()
        for data in (content, archive({"m/data.pkl": content})):
            shutil.rmtree("model", ignore_errors=True)
            copy_without_weights(MODEL, "model")
            open("model/pytorch_model.bin", "wb").write(data)
            result = info("model")
            if result.returncode:
                check_failure(result, 3, "model/pytorch_model.bin")
            else:
                opened.append(os.path.basename(path))
    assert opened == ["pytorch_model.bin"], opened  # a harmless state_dict among them
    assert sorted(os.listdir(".")) == ["corpus", "model", "plain", "x.zip"]


def test_inconsistent_archives():
    copy_without_weights(MODEL, "model")
    for path in unpack("zip-libzip.tar.gz"):
        shutil.copy(path, "model/pytorch_model.bin")
        check_failure(info("model"), 3, "model/pytorch_model.bin")


if __name__ == "__main__":
    main(sys.modules[__name__])
