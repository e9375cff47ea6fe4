"""info, tokenize, bench, the manual page, and what the libraries export."""
import json
import os
import re
import shutil
import subprocess
import sys

from harness import DATA, EXAMPLE, MODEL, PICTURE, SOURCE, check_failure, check_success, clipseg, main

BUILD = os.environ.get("CLIPSEG_BUILD", os.path.join(SOURCE, "build", "release"))


def test_info_as_text_and_json():
    text = check_success(clipseg("info", MODEL)).stdout.decode()
    assert "CLIPSeg" in text and "80 x 80" in text and "0, 1, 2" in text
    data = json.loads(check_success(clipseg("info", MODEL, "--json")).stdout)
    assert data["kind"] == "clipseg" and data["vision"]["hidden"] == 40 and data["complex_head"] is True
    assert sum(len(t["shape"]) >= 0 for t in data["tensors"]) == len(data["tensors"]) > 100
    sharded = json.loads(check_success(clipseg("info", os.path.join(DATA, "tiny-simple"), "--json")).stdout)
    assert sharded["format"] == "safetensors, sharded" and sharded["tensors"][0]["type"] == "F16"


def copy_model():
    shutil.copytree(MODEL, "model")
    return "model/config.json"


def change_config(**changes):
    path = copy_model()
    config = json.load(open(path))
    config.update(changes)
    json.dump(config, open(path, "w"))


def test_a_tensor_of_another_shape_is_named_with_both_shapes():
    change_config(projection_dim=25)
    check_failure(clipseg("tokenize", "-m", "model", "x"), 3, "clip.text_projection.weight", "want shape [25,24]",
                  "found [24,24]")


def test_configurations_that_cannot_be_are_refused():
    for changes, word in (({"model_type": "bert"}, "model_type"), ({"extract_layers": [7]}, "extract_layers"),
                          ({"extract_layers": []}, "extract_layers"), ({"reduce_dim": 0}, "reduce_dim"),
                          ({"reduce_dim": 15}, "multiple"), ({"projection_dim": -1}, "projection_dim"),
                          ({"projection_dim": 1.5}, "projection_dim"), ({"vision_config": 3}, "vision_config")):
        change_config(**changes)
        check_failure(clipseg("info", "model"), 3, "config.json", word)
        shutil.rmtree("model")


def test_damaged_model_files_are_refused_in_one_line():
    for name, data in (("config.json", b""), ("config.json", b"{"), ("config.json", b"[]"), ("config.json", b"\xff"),
                       ("vocab.json", b"{}"), ("merges.txt", b"x"), ("model.safetensors", b""),
                       ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\n"),
                       ("model.safetensors", b"<!DOCTYPE html><html></html>" * 10),
                       ("preprocessor_config.json", b'{"size": {"shortest_edge": 3}}'),
                       ("preprocessor_config.json", b'{"size": -1}')):
        copy_model()
        open(f"model/{name}", "wb").write(data)
        check_failure(clipseg("tokenize", "-m", "model", "x"), 3, "model")
        shutil.rmtree("model")


def test_nan_in_a_weight_is_named():
    copy_model()
    data = bytearray(open("model/model.safetensors", "rb").read())
    header = int.from_bytes(data[:8], "little")
    info = json.loads(data[8:8 + header])["decoder.film_mul.weight"]
    at = 8 + header + info["data_offsets"][0]
    data[at:at + 4] = b"\0\0\xc0\x7f"
    open("model/model.safetensors", "wb").write(data)
    check_failure(clipseg("info", "--verify", "model"), 3, "decoder.film_mul.weight", "NaN")
    check_success(clipseg("info", "model"))


def test_a_missing_tensor_is_named():
    copy_model()
    data = open("model/model.safetensors", "rb").read()
    open("model/model.safetensors", "wb").write(data.replace(b"decoder.film_add.bias", b"decoder.film_odd.bias"))
    check_failure(clipseg("info", "--verify", "model"), 3, "decoder.film_add.bias", "missing")


def test_tokenize_reads_arguments_and_lines():
    ids = check_success(clipseg("tokenize", "a glass", "--", "--odd")).stdout.decode().splitlines()
    assert len(ids) == 2 and all(re.fullmatch(r"\d+( \d+)*", line) for line in ids)
    lines = check_success(clipseg("tokenize", "--files-from", "-", stdin=b"a glass\n\nfork\n")).stdout.splitlines()
    assert len(lines) == 3 and lines[0].decode() == ids[0] and len(lines[1].split()) == 2
    assert json.loads(check_success(clipseg("tokenize", "--json", "fork")).stdout)


def test_classify_is_the_softmax_of_scaled_cosines():
    rows = json.loads(check_success(clipseg("classify", PICTURE, "-p", "a glass", "-p", "fork", "-p", "orange juice",
                                            "--json")).stdout)["labels"]
    assert abs(sum(r["probability"] for r in rows) - 1) < 1e-5
    assert [r["probability"] for r in rows] == sorted((r["probability"] for r in rows), reverse=True)
    text = check_success(clipseg("classify", PICTURE, "-p", "a glass", "-p", "fork", "--top", "1")).stdout.decode()
    assert text.count("\n") == 1 and "%" in text
    several = check_success(clipseg("classify", PICTURE, EXAMPLE, "-p", "a glass", "-p", "fork")).stdout.decode()
    assert [line.split(":")[0] for line in several.splitlines()] == [PICTURE, EXAMPLE]
    check_failure(clipseg("classify", PICTURE), 2, "no labels")


def test_bench_prints_its_numbers_as_json():
    data = json.loads(check_success(clipseg("bench", "--repeat", "1", "--json", "--prompt-counts", "1,4")).stdout)
    assert data["peak_gflops"] > 0 and [r["prompts"] for r in data["runs"]] == [1, 4]
    for run in data["runs"]:
        assert run["seconds"] > 0 and run["precision"] == "f32"
        assert {"threads", "encode_seconds", "text_seconds", "decode_seconds"} <= run.keys()


def test_hub_ids_are_found_in_the_cache():
    root = "cache/models--org--name"
    os.makedirs(f"{root}/refs")
    os.makedirs(f"{root}/snapshots")
    open(f"{root}/refs/main", "w").write("abc123")
    shutil.copytree(MODEL, f"{root}/snapshots/abc123")
    check_success(clipseg("tokenize", "-m", "org/name", "x", env={"HF_HUB_CACHE": os.path.abspath("cache")}))


def symbols(*arguments):
    output = subprocess.run(["nm", *arguments], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in output.splitlines() if len(line.split()) >= 2}


def test_libraries_define_nothing_but_their_own_names():
    for names in (symbols("-g", "--defined-only", f"{BUILD}/libclipseg.a"),
                  symbols("-D", "--defined-only", f"{BUILD}/libclipseg.so")):
        ours = {n for n in names if not n.startswith("__") and n not in ("_init", "_fini", "_edata", "_end")}
        assert ours and all(n.startswith("clipseg_") for n in ours), sorted(ours)[:10]


def test_manual_and_help_name_the_same_options():
    manual = open(os.path.join(SOURCE, "docs", "clipseg.1"), encoding="utf-8").read().replace("\\-", "-")
    commands = re.findall(r"^  ([a-z]+) ", check_success(clipseg("--help")).stdout.decode(), re.M)
    assert "segment" in commands
    for command in set(commands) - {"help"}:
        text = check_success(clipseg("help", command)).stdout.decode()
        for option in re.findall(r"--[a-z][a-z-]+", text):
            assert option in manual, f"{option} of {command} is not in docs/clipseg.1"


if __name__ == "__main__":
    main(sys.modules[__name__])
