"""`clipseg prelabel segments` and `clipseg fetch segments` against a fake Segments.ai, beside its Python SDK."""
import io
import json
import os
import random
import signal
import subprocess
import sys

import numpy as np
from fake_segments import KEY, FakeSegments
from fake_server import Fault, certificate
from harness import CLIPSEG, DATA, EXAMPLE, MODEL, PICTURE, Skip, check_failure, check_success, clipseg, main
from PIL import Image, ImageOps

KILLS = int(os.environ.get("CLIPSEG_TEST_KILLS", "25"))
CATEGORIES = [(1, "a glass"), (2, "blueberries"), (3, "fork")]
ODD = [(7, "a glass"), (300, "blueberries"), (70000, "fork")]


def pictures(count=4):
    names = [PICTURE, EXAMPLE, os.path.join(DATA, "pictures", "rgb.png"), os.path.join(DATA, "pictures", "420.jpg"),
             os.path.join(DATA, "pictures", "exif6.jpg")]
    return {f"sample {i}.png": open(names[i % len(names)], "rb").read() for i in range(count)}


def service(count=4, categories=None, **more):
    return FakeSegments(categories or CATEGORIES, pictures(count), **more)


def environment(fake, **more):
    return {"SEGMENTS_API_KEY": KEY, "SEGMENTS_API_URL": fake.url, "XDG_STATE_HOME": os.path.abspath("state"), **more}


def prelabel(fake, *options, **more):
    return clipseg("prelabel", "segments", "jane/flowers", "--refine", "off", *options, env=environment(fake, **more))


def summary(fake, *options):
    return json.loads(check_success(prelabel(fake, "--json", *options)).stdout)


def ids_of(data):
    """The SDK's reading of a bitmap: id = R + 256 G + 65536 B."""
    rgba = np.asarray(Image.open(io.BytesIO(data))).astype(np.uint32)
    assert rgba.shape[2] == 4 and (rgba[..., 3] == 255).all()
    return rgba[..., 0] | rgba[..., 1] << 8 | rgba[..., 2] << 16


def check_all(fake, labelset="ground-truth"):
    """Every sample has its label, once."""
    for sample in fake.samples:
        label = fake.labels[sample["uuid"], labelset]
        assert label["label_status"] == "PRELABELED"
        ids = ids_of(fake.bitmap(sample["name"], labelset))
        found = [{"id": int(i), "category_id": int(i)} for i in np.unique(ids) if i]
        assert label["attributes"]["annotations"] == found
    assert all(n == 1 for n in fake.puts.values()), fake.puts
    assert not any("Authorization" in headers for _, _, headers in fake.bucket.log)


def guide(data, categories, threshold=0.1):
    """The guide's rule in numpy, on the logits that `segment -f npy` writes for the same picture."""
    open("guide.png", "wb").write(data)
    words = [a for _, name in categories for a in ("-p", name)]
    check_success(clipseg("segment", "guide.png", *words, "-f", "npy", "-o", "guide", "--refine", "off"))
    logits = np.load("guide/guide.npy").astype(np.float64)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    width, height = upright.size

    def taps(size, side):
        position = np.maximum((np.arange(size) + 0.5) * side / size - 0.5, 0)
        low = position.astype(int)
        return low, np.minimum(low + 1, side - 1), position - low
    top, bottom, wy = taps(height, logits.shape[1])
    left, right, wx = taps(width, logits.shape[2])
    upper = logits[:, top][:, :, left] * (1 - wx) + logits[:, top][:, :, right] * wx
    lower = logits[:, bottom][:, :, left] * (1 - wx) + logits[:, bottom][:, :, right] * wx
    probability = 1 / (1 + np.exp(-(upper * (1 - wy[:, None]) + lower * wy[:, None])))
    stack = np.concatenate([np.full((1, height, width), threshold), probability])
    ordered = np.sort(stack, 0)
    return np.array([0] + [i for i, _ in categories])[stack.argmax(0)], ordered[-1] - ordered[-2] > 1e-5


def test_labels_follow_the_guides_rule_with_the_categories_own_ids():
    for categories in (CATEGORIES, ODD):
        for threshold in (0.1, 0.45):
            with service(5, categories) as fake:
                result = summary(fake, "--threshold", threshold)
                assert result["done"] == 5 and result["failed"] == result["left"] == 0
                check_all(fake)
                for sample in fake.samples:
                    number = int(sample["uuid"][-12:])
                    want, sure = guide(fake.bucket.files[f"pictures/{number}"], categories, threshold)
                    got = ids_of(fake.bitmap(sample["name"]))
                    assert got.shape == want.shape and (got == want)[sure].all() and sure.mean() > 0.99


def categories_file(path, entries):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"categories": entries}, file)
    return path


def rich(keys):
    """Everything that a category can say; keys: what names each of ODD, in an order of its own."""
    return [{**keys[2], "prompts": ["a fork", "cutlery AND NOT a spoon"]},
            {**keys[0], "prompts": ["a glass", "a cup"], "negatives": ["a plate"], "images": ["glass.png@10,10,40,60"]},
            {**keys[1], "prompts": ["blueberries"]}]


def check_bitmaps(fake, file, *options):
    """Every label is what `segment -f segments` says of the same picture with the same file."""
    for number, sample in enumerate(fake.samples, 1):
        open("check.png", "wb").write(fake.bucket.files[f"pictures/{number}"])
        check_success(clipseg("segment", "check.png", "--categories", file, "-f", "segments", "-o", "check", *options))
        want = ids_of(open("check/check.segments.png", "rb").read())
        assert (ids_of(fake.bitmap(sample["name"])) == want).all(), (sample["name"], options)


def test_a_file_of_categories_says_what_to_look_for():
    os.mkdir("files")
    open("files/glass.png", "wb").write(open(PICTURE, "rb").read())
    by_id = categories_file("files/id.json", rich([{"name": name, "id": i} for i, name in ODD]))
    by_name = categories_file("files/name.json", rich([{"name": name} for _, name in ODD]))
    renamed = categories_file("files/renamed.json", rich([{"name": f"thing {i}", "id": i} for i, _ in ODD]))
    bitmaps = []
    for file in (by_name, by_id, renamed):
        with service(3, ODD) as fake:
            result = summary(fake, "--categories", file, "--threshold", "0.1")
            assert [(c["id"], c["name"]) for c in result["categories"]] == [ODD[2], ODD[0], ODD[1]]
            check_all(fake)
            check_bitmaps(fake, by_id, "--refine", "off")
            bitmaps.append([fake.bitmap(s["name"]) for s in fake.samples])
    assert bitmaps[0] == bitmaps[1] == bitmaps[2]
    with service(3, ODD) as fake:
        check_success(prelabel(fake))
        assert bitmaps[0] != [fake.bitmap(s["name"]) for s in fake.samples]
    with service(3, ODD) as fake:  # what the file leaves out is not looked for
        result = summary(fake, "--categories", categories_file("fork.json", [{"name": "fork"}]))
        assert [c["id"] for c in result["categories"]] == [70000]
        found = np.unique(np.concatenate([ids_of(fake.bitmap(s["name"])).ravel() for s in fake.samples]))
        assert set(found) == {0, 70000}


def test_names_are_phrases_even_where_they_look_like_expressions():
    names = [(1, "salt AND pepper"), (2, "@home"), (3, "NOT")]
    with service(2, names) as fake:
        check_success(prelabel(fake))
        check_bitmaps(fake, categories_file("quoted.json", [{"id": i, "name": n, "prompts": [f'"{n}"']} for i, n in names]),
                      "--refine", "off")


def test_a_category_that_the_data_set_does_not_have_is_refused_before_anything_is_done():
    def refused(entries, *words):
        with service(1, ODD) as fake:
            check_failure(prelabel(fake, "--categories", categories_file("bad.json", entries)), 2, "bad.json", *words)
            assert not fake.puts and not fake.bucket.log
    refused([{"name": "fork"}, {"name": "spoon"}], '"spoon"', "jane/flowers", "none of this name", '300 "blueberries"')
    refused([{"name": "fork", "id": 4}], '"fork"', "none of the id 4", '7 "a glass"')
    refused([{"name": "fork", "id": 7}], '"fork"', "id 7", '"a glass"', "70000")
    refused([{"name": "fork"}, {"name": "knife", "id": 70000}], '"knife"', "another one means 70000")
    refused([{"name": ""}], "category 1", "name")
    with service(1) as fake:
        check_failure(prelabel(fake, "--categories", "nowhere.json"), 5, "nowhere.json")
        assert not fake.log


def test_labels_have_crisp_borders_unless_told_otherwise():
    with service(3) as fake:
        check_success(prelabel(fake))
        off = [fake.bitmap(s["name"]) for s in fake.samples]
    for options in ((), ("--refine", "best", "--trust", "2", "--contrast", "3")):
        with service(3) as fake:
            check_success(clipseg("prelabel", "segments", "jane/flowers", *options, env=environment(fake)))
            check_all(fake)
            check_bitmaps(fake, categories_file("plain.json", [{"name": n, "id": i} for i, n in CATEGORIES]),
                          *(options or ("--refine", "fast")))
            assert off != [fake.bitmap(s["name"]) for s in fake.samples]
    with service(1) as fake:
        for bad in (("--refine", "better"), ("--trust", "9"), ("--contrast", "x")):
            check_failure(prelabel(fake, *bad), 2, bad[0])
        assert not fake.log


def test_the_sdk_and_clipseg_leave_the_same_state():
    try:
        from segments import SegmentsClient
        from segments.utils import bitmap2file
    except ImportError as missing:
        raise Skip("segments-ai is not installed") from missing
    with service() as ours, service() as theirs:
        check_success(prelabel(ours))
        client = SegmentsClient(KEY, api_url=theirs.url + "/")
        assert [c.name for c in client.get_dataset("jane/flowers").task_attributes.categories] == [
            name for _, name in CATEGORIES]
        for sample in client.get_samples("jane/flowers"):
            bitmap = np.uint32(ids_of(ours.bitmap(sample.name)))
            asset = client.upload_asset(bitmap2file(bitmap), "label.png")
            client.add_label(sample.uuid, "ground-truth", {
                "format_version": "0.1",
                "annotations": [{"id": int(i), "category_id": int(i)} for i in np.unique(bitmap) if i != 0],
                "segmentation_bitmap": {"url": asset.url}})
        for sample in ours.samples:
            a, b = ours.label(sample["name"]), theirs.label(sample["name"])
            assert (ids_of(ours.bitmap(sample["name"])) == ids_of(theirs.bitmap(sample["name"]))).all()
            for label in (a, b):
                del label["attributes"]["segmentation_bitmap"]["url"]
            assert a == b, (a, b)
        with SegmentsClient(KEY, api_url=ours.url + "/") as reader:
            sample = ours.samples[0]
            ours.add_label(sample["name"], "PRELABELED")
            assert reader.get_label(sample["uuid"]).label_status == "PRELABELED"


def test_what_people_made_stays():
    with service(6) as fake:
        for name, status in (("sample 0.png", "LABELED"), ("sample 1.png", "REVIEWED"), ("sample 2.png", "PRELABELED")):
            fake.add_label(name, status)
        result = summary(fake)
        assert result["done"] == 3 and result["left_alone"] == 3 and len(fake.puts) == 3
        result = summary(fake)
        assert result["done"] == 0 and result["left_alone"] == 6
        assert summary(fake, "--replace-prelabeled")["done"] == 4
        assert fake.label("sample 0.png")["label_status"] == "LABELED"
        assert summary(fake, "--overwrite")["done"] == 6
        assert fake.label("sample 0.png")["label_status"] == "PRELABELED"
    with service(2) as fake:  # labelled between the list and our turn
        def person(status, headers, body):
            fake.add_label("sample 0.png", "LABELED")
            return status, headers, body
        fake.bucket.faults.append(Fault("GET /pictures/1", edit=person))
        assert summary(fake, "-j", "1")["done"] == 1
        assert fake.label("sample 0.png")["label_status"] == "LABELED"


def test_samples_are_chosen_by_filter_limit_and_shard():
    with service(7) as fake:
        assert summary(fake, "--filter", "sample 3", "--labelset", "a")["done"] == 1
        assert summary(fake, "--filter", "part:1", "--labelset", "b")["done"] == 4
        assert summary(fake, "--limit", "2", "--labelset", "c")["done"] == 2
        parts = [summary(fake, "--shard", f"{i}/3", "--labelset", "d")["done"] for i in (1, 2, 3)]
        assert sum(parts) == 7 and max(parts) < 7
        check_all(fake, "d")


def test_a_sample_belongs_to_the_same_shard_whatever_else_is_there():
    def part(fake, *options):
        check_success(prelabel(fake, "--shard", "2/3", "--labelset", "part", *options))
        return {uuid for uuid, labelset in fake.puts if labelset == "part"}
    with service(9) as fake, service(9) as fewer:
        fewer.samples = fewer.samples[:2] + fewer.samples[5:]
        kept = {s["uuid"] for s in fewer.samples}
        whole = part(fake)
        assert 0 < len(whole) < 9 and part(fewer) == whole & kept


def test_pages_that_are_too_long_for_the_service_are_asked_for_in_parts():
    with service(23) as fake:
        fake.page_limit = 20
        assert summary(fake, "--limit", "1", "--retries", "0")["left_alone"] == 0
        assert len(fake.requests("samples/.*&page=2")) == 1
    with service(70) as fake:  # the second page is the long one
        fake.page_limit = 100
        fake.faults.append(Fault("per_page=62&page=2", status=502))
        assert summary(fake, "--dry-run")["done"] == 70
        assert len(fake.requests("per_page=15")) == 5


def signed(fake, signature):
    fake.bucket.signature = f"?signature={signature}"
    return [{**s, "attributes": {"image": {"url": f"{fake.bucket.url}/pictures/{i}{fake.bucket.signature}"}}}
            for i, s in enumerate(fake.samples, 1)]


def test_addresses_that_have_expired_or_need_a_signature_are_asked_for_again():
    with service(3) as fake:
        fake.samples = signed(fake, "old")
        signed(fake, "new")
        fake.samples[1]["attributes"]["image"]["url"] = "s3://bucket/pictures/2"
        assert summary(fake)["done"] == 3
        check_all(fake)
        assert len(fake.requests("GET /samples/.*include_signed_urls=1")) == 3
        for name in (s["name"] for s in fake.samples):
            fake.label(name)["label_status"] = "LABELED"
            url = fake.label(name)["attributes"]["segmentation_bitmap"]["url"]
            fake.label(name)["attributes"]["segmentation_bitmap"]["url"] = url + fake.bucket.signature
        check_success(clipseg("fetch", "segments", "jane/flowers", "-o", "home", env=environment(fake)))
        assert len(os.listdir("home/images")) == 3


def test_a_label_set_that_is_not_there_is_told():
    with service(1) as fake:
        fake.labelsets = ["ground-truth", "models"]
        result = prelabel(fake, "--labelset", "modles")
        text = result.stderr.decode()
        assert result.returncode == 8 and not fake.puts and text.count("\n") == 2, text
        assert 'no label set "modles" yet; it has "ground-truth", "models"' in text
        assert 'sample 0.png: there is no label set "modles"' in text
        assert check_success(prelabel(fake, "--labelset", "models")).stderr == b""


def test_what_is_sent_follows_redirections_that_keep_it():
    with service(2) as fake:
        elsewhere = fake.bucket.url.replace("localhost", "127.0.0.1")
        fake.bucket.faults.append(Fault("POST", status=307, headers={"Location": f"{elsewhere}/"}))
        fake.faults.append(Fault("PUT", status=308, headers={"Location": f"/labels/{fake.samples[0]['uuid']}/ground-truth/"}))
        check_success(prelabel(fake, "-j", "1"))
        check_all(fake)
    with service(1) as fake, service(1) as other:  # the key stays at home, and so does what needs it
        fake.faults.append(Fault("PUT", times=99, status=307, headers={"Location": f"{other.url}/labels/x/ground-truth/"}))
        result = prelabel(fake)
        assert result.returncode == 8 and b"status 307" in result.stderr and not other.log, result.stderr


def test_what_begins_with_https_stays_with_it():
    if not certificate():
        raise Skip("openssl is missing")
    trust = {"CURL_CA_BUNDLE": certificate()[0]}
    with service(3, secure=True, secure_bucket=True) as fake, service(1) as plain:
        check_failure(prelabel(fake, CURL_CA_BUNDLE=""), 6, "certificate")
        fake.bucket.faults.append(Fault("GET /pictures/2", times=99, status=302,
                                        headers={"Location": f"{plain.bucket.url}/pictures/1"}))
        result = prelabel(fake, **trust)
        assert result.returncode == 8 and len(fake.puts) == 2 and not plain.bucket.log, result.stderr
        assert b"sample 1.png" in result.stderr and b"from https" in result.stderr
        fake.bucket.clear()
        check_success(prelabel(fake, **trust))
        check_all(fake)
    with service(1, secure=True) as fake:
        result = prelabel(fake, **trust)
        assert result.returncode == 8 and b"from https" in result.stderr and not fake.bucket.requests("POST"), result.stderr


def test_names_from_the_service_do_nothing_to_the_terminal():
    with service(2, [(1, "a\x1b[31mglass\u202e\n")]) as fake:
        fake.samples[0]["name"] = "x\x1b]0;title\x07.png"
        fake.bucket.files["pictures/1"] = b"no picture"
        result = prelabel(fake)
        assert result.returncode == 8 and result.stderr.count(b"\n") == 1
        assert b"\x1b" not in result.stderr + result.stdout and b"\x07" not in result.stderr
        assert len(result.stdout.splitlines()) == 3


def test_a_dry_run_sends_nothing_and_writes_what_would_be_sent():
    with service() as fake:
        result = json.loads(check_success(prelabel(fake, "--dry-run", "-o", "dry", "--json")).stdout)
        assert result["done"] == 4 and not fake.puts and not fake.requests("^(POST|PUT)")
        rows = [json.loads(line) for line in open("dry/requests.jsonl")]
        assert [r["sample"] for r in rows] == [s["name"] for s in fake.samples]
        check_success(prelabel(fake))
        for row in rows:
            label = fake.label(row["sample"])
            bitmap = open(os.path.join("dry", row["body"]["attributes"]["segmentation_bitmap"].pop("url")), "rb").read()
            assert bitmap == fake.bitmap(row["sample"])
            label["attributes"]["segmentation_bitmap"].pop("url")
            assert row["body"] == label
        assert KEY not in open("dry/requests.jsonl").read()


def test_the_summary_tells_shares_and_counts():
    with service() as fake:
        result = summary(fake)
        pixels = np.concatenate([ids_of(fake.bitmap(s["name"])).ravel() for s in fake.samples])
        for category in result["categories"]:
            assert abs(category["share"] - (pixels == category["id"]).mean()) < 1e-5
        assert abs(result["unlabeled"] - (pixels == 0).mean()) < 1e-5
    with service() as fake:
        text = check_success(prelabel(fake)).stdout.decode()
        assert "4 labelled" in text and "blueberries" in text and "%" in text and "(nothing)" in text


def test_the_key_comes_from_the_environment_and_is_never_shown():
    with service() as fake:
        check_failure(prelabel(fake, SEGMENTS_API_KEY=""), 2, "SEGMENTS_API_KEY")
        check_failure(prelabel(fake, SEGMENTS_API_KEY="a\r\nb: c"), 2, "SEGMENTS_API_KEY")
        result = prelabel(fake, SEGMENTS_API_KEY="wrong-secret")
        check_failure(result, 6, "does not accept the key")
        assert b"secret" not in result.stderr
        fake.faults.append(Fault("GET /datasets", edit=lambda s, h, b: (400, h, f'{{"you": "{KEY}"}}'.encode())))
        result = prelabel(fake)
        check_failure(result, 6, "status 400")
        assert KEY.encode() not in result.stderr


def test_what_cannot_be_labelled_is_told():
    with service(task="vector") as fake:
        check_failure(prelabel(fake), 2, "vector", "segmentation-bitmap")
    with service(categories=[(0, "x")]) as fake:
        check_failure(prelabel(fake), 6, "category 1", "0 means unlabelled")
    with service() as fake:
        result = clipseg("prelabel", "segments", "jane/weeds", env=environment(fake))
        check_failure(result, 6, "jane/weeds", "no such data set")
        check_failure(prelabel(fake, "--shard", "3/2"), 2, "--shard")
        check_failure(prelabel(fake, "--overwrite", "--only-unlabeled"), 2, "exclude")
    for name in ("flowers", "a/b/c", "/b", "a/"):
        check_failure(clipseg("prelabel", "segments", name, env={"SEGMENTS_API_KEY": "x"}), 2, "OWNER/DATASET")


def test_failed_samples_are_listed_and_the_others_done():
    with service(5) as fake:
        fake.bucket.files["pictures/1"] = b"no picture"
        del fake.bucket.files["pictures/2"], fake.bucket.files["pictures/3"]
        fake.samples[2]["attributes"]["image"]["url"] = "s3://bucket/key.png"
        result = prelabel(fake, "--json", "-q")
        assert result.returncode == 8, result.stderr
        text = result.stderr.decode()
        assert all(f"sample {i}.png:" in text for i in range(3)) and text.count("\n") == 3
        data = json.loads(result.stdout)
        assert data["done"] == 2 and data["failed"] == 3
        fake.bucket.files.update({f"pictures/{i}": open(PICTURE, "rb").read() for i in (1, 2)})
        fake.samples[2]["attributes"]["image"]["url"] = f"{fake.bucket.url}/pictures/1"
        assert summary(fake)["done"] == 3
        check_all(fake)


def throttled(status, headers, body):
    return 200, {**headers, "Retry-After": "0"}, b'{"detail": "Request was throttled. Expected available in 1 second."}'


def test_passing_troubles_are_passed_and_nothing_is_labelled_twice():
    with service() as fake:
        fake.faults += [Fault("GET /datasets/jane/flowers/$", status=429, headers={"Retry-After": "0"}),
                        Fault("samples", edit=throttled), Fault("POST /assets", status=503),
                        Fault("PUT", status=429, headers={"Retry-After": "0"}), Fault("POST /assets", cut=20, reset=True),
                        Fault("PUT", cut=0, reset=True), Fault("PUT", cut=30), Fault("PUT", edit=throttled)]
        fake.bucket.faults += [Fault("GET", cut=500, reset=True), Fault("GET", shorten=10, after=1), Fault("POST", cut=0),
                               Fault("POST", status=500)]
        check_success(prelabel(fake, "--timeout", "5"))
        check_all(fake)
    with service(2) as fake:
        fake.faults += [Fault("PUT", cut=0, reset=True), Fault("PUT", cut=25), Fault("PUT", edit=lambda *_: (502, {}, b""))]
        check_success(prelabel(fake))
        check_all(fake)


def test_an_expired_upload_address_is_asked_for_again():
    with service(2) as fake:
        def expire(status, headers, body):
            fake.bucket.policy = "policy-2"
            return status, headers, body
        fake.faults.append(Fault("POST /assets", edit=expire))
        check_success(prelabel(fake, "-j", "1"))
        check_all(fake)
        assert len(fake.requests("POST /assets")) == 3


def test_pictures_behind_a_redirection_and_slow_ones():
    with service(3) as fake:
        elsewhere = fake.bucket.url.replace("localhost", "127.0.0.1")
        fake.bucket.faults += [Fault("GET /pictures/1", status=302, headers={"Location": f"{elsewhere}/pictures/1"}),
                               Fault("GET /pictures/2", slow=0.01)]
        check_success(prelabel(fake))
        check_all(fake)


def test_a_service_that_is_down_ends_the_run_with_its_code():
    with service() as fake:
        check_failure(prelabel(fake, "--retries", "1", SEGMENTS_API_URL="http://127.0.0.1:9"), 6, "127.0.0.1:9")
        fake.faults.append(Fault("POST /assets", times=99, status=403))
        result = prelabel(fake, "-j", "1")
        assert result.returncode == 6 and not fake.puts, result.stderr


def test_nonsense_from_the_service_is_refused():
    for pattern, bodies in (("flowers/$", (b"", b"[]", b"{}", b"\xff", b"[" * 70000, b'{"task_type": 3}')),
                            ("samples", (b"", b"{}", b"[3]", b'[{"uuid": "../x", "name": "a"}]')),
                            ("POST /assets", (b"{}", b'{"url": 3}', b'{"url": "x", "presignedPostFields": {}}'))):
        for body in bodies:
            with service(1) as fake:
                fake.faults.append(Fault(pattern, times=99, edit=lambda s, h, b, body=body: (200, h, body)))
                result = prelabel(fake, "--retries", "0", "-q")
                assert result.returncode in (6, 8) and not fake.puts, (pattern, body, result)
                assert result.stderr.count(b"\n") == 1


def test_kill_at_random_points_labels_nothing_twice():
    dice = random.Random(3)
    for mode in ("--only-unlabeled", "--overwrite"):
        with service(12) as fake:
            for _ in range(KILLS // 2):
                fake.faults = [Fault("PUT", times=99, slow=0.005, piece=20), Fault("POST /assets", times=99, slow=0.002)]
                process = subprocess.Popen([CLIPSEG, "prelabel", "segments", "jane/flowers", "-q", "--refine", "off", mode],
                                           env={**os.environ, **environment(fake), "CLIPSEG_MODEL": MODEL},
                                           stdout=subprocess.DEVNULL)
                try:
                    process.wait(dice.uniform(0.01, 0.25))
                    break
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                assert all(n == 1 for n in fake.puts.values()), fake.puts
            fake.faults = []
            if len(fake.puts) < 12:
                check_success(prelabel(fake, mode))
            check_all(fake)


def test_an_interrupt_finishes_what_is_under_way():
    with service(30) as fake:
        fake.bucket.faults.append(Fault("GET", times=99, slow=0.05))
        process = subprocess.Popen([CLIPSEG, "prelabel", "segments", "jane/flowers", "--json"], stdout=subprocess.PIPE,
                                   env={**os.environ, **environment(fake), "CLIPSEG_MODEL": MODEL},
                                   stderr=subprocess.PIPE)
        while len(fake.puts) < 2:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130 and len(fake.puts) < 30
        check_success(prelabel(fake))
        check_all(fake)


def test_corrected_labels_come_home():
    with service(5) as fake:
        check_success(prelabel(fake))
        for name, status in (("sample 0.png", "LABELED"), ("sample 1.png", "REVIEWED"), ("sample 2.png", "REJECTED")):
            fake.label(name)["label_status"] = status
        fetch = ("fetch", "segments", "jane/flowers", "-o", "home", "-f", "coco")
        check_success(clipseg(*fetch, env=environment(fake)))
        rows = [json.loads(line) for line in open("home/samples.jsonl")]
        assert [(r["name"], r["status"]) for r in rows] == [("sample 0.png", "LABELED"), ("sample 1.png", "REVIEWED")]
        for number, row in enumerate(rows, 1):
            assert open(f"home/{row['image']}", "rb").read() == fake.bucket.files[f"pictures/{number}"]
            label = Image.open(f"home/{row['label']}")
            assert label.mode == "P" and (np.asarray(label) == ids_of(fake.bitmap(row["name"]))).all()
        assert [c["id"] for c in json.load(open("home/categories.json"))["categories"]] == [1, 2, 3]
        coco = json.load(open("home/annotations.json"))
        assert [i["file_name"] for i in coco["images"]] == ["sample 0.png", "sample 1.png"]
        for annotation in coco["annotations"]:
            label = np.asarray(Image.open(f"home/labels/sample {annotation['image_id'] - 1}.png"))
            assert annotation["area"] == (label == annotation["category_id"]).sum()
        assert sorted(os.listdir("home")) == ["annotations.json", "categories.json", "images", "labels", "samples.jsonl"]
        fake.bucket.clear()
        fake.bucket.faults.append(Fault("GET", shorten=20))
        check_success(clipseg(*fetch, "--status", "all", env=environment(fake)))
        assert len(os.listdir("home/labels")) == 5 and not fake.bucket.requests("pictures/[12]$")
    with service(1, ODD) as fake:
        check_success(prelabel(fake))
        fake.label("sample 0.png")["label_status"] = "LABELED"
        result = clipseg("fetch", "segments", "jane/flowers", env=environment(fake))
        assert result.returncode == 2 and b"70000" in result.stderr



def test_a_folder_is_labelled_for_other_tools():
    os.mkdir("photos")
    for name, data in pictures(3).items():
        open(f"photos/{name}", "wb").write(data)
    check_success(clipseg("prelabel", "photos", "-p", "a glass", "-p", "fork", "-o", "out"))
    coco = json.load(open("out/annotations.json"))
    assert [c["name"] for c in coco["categories"]] == ["a glass", "fork"] and len(coco["images"]) == 3
    check_success(clipseg("prelabel", "photos", "-p", "a glass", "-f", "labelstudio,yolo", "-o", "both"))
    assert len(json.load(open("both/labelstudio.json"))) == 3 and os.path.exists("both/data.yaml")
    assert not os.path.exists("both/annotations.json")


if __name__ == "__main__":
    main(sys.modules[__name__])
