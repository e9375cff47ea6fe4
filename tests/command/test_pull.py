"""`clipseg pull` and `clipseg models` against a fake hub, beside the hub's own client."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

from fake_hub import FakeHub, files_of, git_sha1, sha256
from fake_server import Fault, certificate
from harness import CLIPSEG, DATA, MODEL, PICTURE, Skip, check_failure, check_success, clipseg, main

NAME = "org/tiny"
KILLS = int(os.environ.get("CLIPSEG_TEST_KILLS", "25"))
WANTED = {"config.json", "preprocessor_config.json", "vocab.json", "merges.txt", "tokenizer_config.json",
          "model.safetensors"}
HUB_VARIABLES = re.compile("^(HF_|HUGGING|TRANSFORMERS_OFFLINE|XDG_CACHE_HOME)")


def environment(hub, **more):
    clean = {name: None for name in os.environ if HUB_VARIABLES.match(name)}
    return {**{k: "" for k in clean}, "HF_ENDPOINT": hub.url, "HF_HOME": os.path.abspath("home"), **more}


def new_hub(**more):
    hub = FakeHub(**more)
    hub.repositories[NAME] = {"main": files_of(MODEL)}
    return hub


def pull(hub, name=NAME, *options, **more):
    return clipseg("pull", name, *options, env=environment(hub, **more))


def repository(name=NAME):
    return os.path.join("home", "hub", "models--" + name.replace("/", "--"))


def snapshot(name=NAME):
    return os.path.join(repository(name), "snapshots", open(f"{repository(name)}/refs/main").read())


def check_contents(hub, wanted=None, name=NAME, revision="main"):
    """The snapshot holds exactly the wanted files, through relative links to blobs called by their digest."""
    files, folder = hub.repositories[name][revision], snapshot(name)
    assert set(os.listdir(folder)) == (wanted or WANTED), os.listdir(folder)
    for file in wanted or WANTED:
        data = files[file]
        digest = sha256(data) if len(data) > hub.large else git_sha1(data)
        assert os.readlink(f"{folder}/{file}") == f"../../blobs/{digest}"
        assert open(f"{folder}/{file}", "rb").read() == data, file


def wait_for(condition, process):
    while not condition():
        assert process.poll() is None, "it ended too early"
        time.sleep(0.01)


def check_clean():
    """Nothing half-done is left."""
    left = [os.path.join(d, n) for d, _, names in os.walk("home") for n in names
            if "incomplete" in n or n.endswith((".json", ".new", ".part")) and "/blobs" in d or n.startswith(".main")]
    assert not left, left


def test_a_model_comes_into_the_cache_in_its_layout():
    with new_hub() as hub:
        path = check_success(pull(hub)).stdout.decode().strip()
        assert os.path.samefile(path, snapshot())
        assert open(f"{repository()}/refs/main", "rb").read() == hub.commit(hub.repositories[NAME]["main"]).encode()
        check_contents(hub)
        check_clean()
        locks = os.listdir("home/hub/.locks/models--org--tiny")
        assert sorted(locks) == sorted(n + ".lock" for n in os.listdir(f"{repository()}/blobs"))


def test_it_is_found_by_name_and_listed():
    with new_hub() as hub:
        check_success(pull(hub))
        check_success(clipseg("tokenize", "-m", NAME, "x", env=environment(hub, HF_ENDPOINT="http://127.0.0.1:9")))
        rows = json.loads(check_success(clipseg("models", "--json", env=environment(hub))).stdout)
        row = next(r for r in rows if r["model"] == NAME)
        size = sum(len(hub.repositories[NAME]["main"][n]) for n in WANTED)
        assert row["kind"] == "clipseg" and row["complete"] and row["revision"] == "main" and row["bytes"] == size
        text = check_success(clipseg("models", env=environment(hub))).stdout.decode()
        assert NAME in text and "demo" in text


def test_verify_compares_with_the_published_values():
    from PIL import Image
    Image.new("RGB", (640, 480), "grey").save("coco.png")
    Image.new("RGB", (64, 48)).save("small.png")
    with new_hub() as hub:
        check_success(pull(hub, NAME, "--verify"))
        check_failure(pull(hub, NAME, "--verify", "--picture", "small.png", "-q"), 4, "small.png", "640 x 480")
        result = clipseg("info", "--verify", "--picture", "coco.png", NAME, env=environment(hub))
        check_failure(result, 3, "conditional embedding", "CIDAS/clipseg-rd64-refined")
        check_failure(pull(hub, NAME, "--picture", "coco.png"), 2, "--verify")


def test_a_second_pull_transfers_nothing():
    with new_hub() as hub:
        check_success(pull(hub))
        hub.clear()
        hub.store.clear()
        result = json.loads(check_success(pull(hub, NAME, "--json")).stdout)
        assert result["new_files"] == 0 and result["files"] == len(WANTED)
        assert not hub.requests("^GET /org") and not hub.store.requests("")


def test_without_pull_nothing_is_downloaded_and_with_it_everything_is():
    commands = (("segment", PICTURE, "-p", "a glass", "-o", "out"), ("prompt", '"a glass"', "-o", "glass.prompt"),
                ("classify", PICTURE, "-p", "a glass", "-p", "a fork"), ("embed", PICTURE), ("bench", "--repeat", "1"),
                ("index", PICTURE, "-o", "pictures.index"), ("search", "pictures.index", "a glass"))
    for command in commands:
        shutil.rmtree("home", ignore_errors=True)
        with new_hub() as hub:
            check_failure(clipseg(*command, "-q", "-m", NAME, model=None, env=environment(hub)), 3, NAME, "--pull")
            assert not hub.log, command
            check_success(clipseg(*command, "-q", "-m", NAME, "--pull", model=None, env=environment(hub)))
            check_contents(hub)
    shutil.rmtree("home")
    with new_hub() as hub:
        result = clipseg("tokenize", "-m", NAME, "x", env=environment(hub))
        check_failure(result, 3, NAME, "clipseg pull", "--pull")
        assert not hub.log
        check_success(clipseg("tokenize", "--pull", "-m", NAME, "x", env=environment(hub)))
        check_contents(hub)
        hub.clear()
        check_success(clipseg("tokenize", "--pull", "-m", NAME, "x", env=environment(hub)))
        assert not hub.log, "a model that is there needs no network"


def test_revisions_branches_tags_commits_and_pull_requests():
    with new_hub() as hub:
        old = files_of(MODEL)
        old["config.json"] += b"\n"
        hub.repositories[NAME].update({"v1.0": old, "refs/pr/1": old})
        commit = hub.commit(old)
        for revision in ("v1.0", "refs/pr/1", commit):
            path = check_success(pull(hub, f"{NAME}@{revision}")).stdout.decode().strip()
            assert os.path.basename(path) == commit
        assert open(f"{repository()}/refs/refs/pr/1").read() == commit
        assert sorted(os.listdir(f"{repository()}/refs")) == ["refs", "v1.0"]
        check_success(clipseg("tokenize", "-m", f"{NAME}@{commit}", "x", env=environment(hub)))
        check_failure(pull(hub, f"{NAME}@gone"), 6, NAME, 'no revision "gone"')


def test_sharded_weights_come_with_their_index():
    with FakeHub(large=40_000) as hub:
        hub.repositories[NAME] = {"main": files_of(os.path.join(DATA, "tiny-simple"))}
        check_success(pull(hub))
        check_contents(hub, {n for n in os.listdir(os.path.join(DATA, "tiny-simple"))})
        check_success(clipseg("info", "--verify", NAME, env=environment(hub)))


def test_a_changed_repository_is_followed_and_the_old_snapshot_stays():
    with new_hub() as hub:
        check_success(pull(hub))
        before = snapshot()
        changed = files_of(MODEL)
        changed["config.json"] += b" "
        hub.repositories[NAME]["main"] = changed
        check_success(pull(hub))
        assert snapshot() != before and os.path.exists(f"{before}/model.safetensors")
        check_contents(hub)


def test_the_secret_goes_to_the_hub_only_and_never_into_a_message():
    with new_hub() as hub:
        hub.token = "hf_secretsecret"
        check_failure(pull(hub), 6, NAME, "no such repository", "private", "$HF_TOKEN")
        assert "secretsecret" not in pull(hub, HF_TOKEN="hf_wrongsecretsecret").stderr.decode()
        check_success(pull(hub, HF_TOKEN=hub.token))
        check_contents(hub)
        assert all("Authorization" not in headers for _, _, headers in hub.store.log) and hub.store.log
        shutil.rmtree("home/hub")
        open("home/token", "w").write(hub.token + "\n")
        check_success(pull(hub))


def test_gated_and_missing_repositories_have_their_sentences():
    with new_hub() as hub:
        check_failure(pull(hub, "org/gone"), 6, "org/gone", "no such repository")
        hub.gated.add(NAME)
        check_failure(pull(hub), 6, NAME, "gated", "accept its terms", "$HF_TOKEN")
        hub.token = "hf_x"
        check_failure(pull(hub, HF_TOKEN="hf_y"), 6, "gated", "has no access yet")
        hub.repositories["org/text"] = {"main": {"README.md": b"x", "config.json": b"{}"}}
        check_failure(pull(hub, "org/text", HF_TOKEN="hf_x"), 3, "org/text", "model.safetensors")
    for name in ("tiny", "org/tiny/x", "../x", "org/..", "org/a@../../x", "org/a@", "https://example.org/org/a"):
        check_failure(clipseg("pull", name), 2, "ORG/NAME")


def test_offline_means_offline():
    with new_hub() as hub:
        for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
            check_failure(pull(hub, **{variable: "yes"}), 6, "HF_HUB_OFFLINE", NAME)
        assert not hub.log
        check_success(pull(hub))
        hub.clear()
        check_success(pull(hub, HF_HUB_OFFLINE="1"))
        assert not hub.log


def test_no_network_is_told_in_one_line():
    with new_hub() as hub:
        check_failure(pull(hub, HF_ENDPOINT="http://127.0.0.1:9"), 6, "127.0.0.1:9", "connect")


def test_passing_troubles_are_passed():
    with new_hub() as hub:
        for file, statuses in (("/config.json", (408, 429, 500)), ("merges.txt", (502, 503, 504))):
            for status in statuses:
                hub.faults.append(Fault(f"resolve/.*{file}", status=status, headers={"Retry-After": "0"}))
        hub.faults += [Fault("^GET /api", cut=0), Fault("^GET /api", cut=40, reset=True),
                       Fault("^GET .*vocab.json", shorten=100)]
        hub.store.faults += [Fault("GET", status=503), Fault("GET", cut=100_000, reset=True), Fault("GET", slow=0.01)]
        check_success(pull(hub))
        check_contents(hub)
        check_clean()


def test_absurd_waits_are_refused():
    with new_hub() as hub:
        hub.faults.append(Fault("^GET /api", status=429, headers={"Retry-After": "99999999"}))
        start = time.monotonic()
        check_failure(pull(hub), 6, "99999999 seconds")
        assert time.monotonic() - start < 5


def test_a_download_continues_where_it_was_cut_and_asks_for_the_same_content():
    with new_hub() as hub:
        hub.store.faults.append(Fault("GET", cut=200_000, reset=True))
        check_success(pull(hub))
        asked = [headers for _, _, headers in hub.store.log]
        assert len(asked) == 2 and "Range" not in asked[0]
        first = int(re.fullmatch(r"bytes=(\d+)-", asked[1]["Range"])[1])
        assert 100_000 < first < 200_000 and asked[1]["If-Range"].strip('"') in hub.store.contents
        check_contents(hub)


def test_any_byte_may_be_the_last_before_a_reset():
    with new_hub() as hub:
        size = len(hub.repositories[NAME]["main"]["model.safetensors"])
        for cut in (1, 90, 200, 251, 5000, size // 2, size + 100, size + 200):
            shutil.rmtree("home", ignore_errors=True)
            hub.clear()
            hub.store.clear()
            hub.store.faults.append(Fault("GET", cut=cut, reset=cut % 2 == 1))
            hub.faults += [Fault("^HEAD .*merges", cut=cut % 90), Fault("^GET .*config.json", cut=cut % 1500, reset=True),
                           Fault("^GET /api", cut=cut % 300)]
            check_success(pull(hub))
            check_contents(hub)
            check_clean()


def test_a_damaged_partial_file_is_not_believed():
    with new_hub() as hub:
        for damage in ("byte", "length", "sidecar"):
            shutil.rmtree("home", ignore_errors=True)
            hub.store.clear()
            hub.store.faults += [Fault("GET", cut=300_000), Fault("GET", status=503, headers={"Retry-After": "50"})]
            process = subprocess.Popen([CLIPSEG, "pull", NAME], env={**os.environ, **environment(hub)},
                                       stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            wait_for(lambda: len(hub.store.log) == 2, process)
            process.kill()
            process.wait()
            partial = next(n for n in os.listdir(f"{repository()}/blobs") if n.endswith(".clipseg.incomplete"))
            partial = f"{repository()}/blobs/{partial}"
            assert os.stat(partial).st_mode & 0o077 == 0 and os.path.getsize(partial) > 200_000
            data = bytearray(open(partial, "rb").read())
            if damage == "byte":
                data[1000] ^= 1
            open(partial, "wb").write(data if damage != "length" else data + bytes(10_000_000))
            if damage == "sidecar":
                open(partial.replace("incomplete", "json"), "w").write("{")
            hub.store.clear()
            check_success(pull(hub))
            check_contents(hub)
            check_clean()


def test_content_that_changed_between_runs_starts_anew():
    with new_hub() as hub:
        hub.store.faults += [Fault("GET", cut=300_000), Fault("GET", status=503, headers={"Retry-After": "50"})]
        process = subprocess.Popen([CLIPSEG, "pull", NAME], env={**os.environ, **environment(hub)},
                                   stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_for(lambda: len(hub.store.log) == 2, process)
        process.terminate()
        assert process.wait() == 143
        changed = files_of(MODEL)
        changed["model.safetensors"] = bytes(reversed(changed["model.safetensors"]))
        hub.repositories[NAME]["main"] = changed
        hub.store.clear()
        check_success(pull(hub))
        check_contents(hub)
        assert all("Range" not in headers for _, _, headers in hub.store.log)


def test_a_store_that_ignores_or_confuses_ranges_gives_the_right_file():
    def whole(status, headers, body):
        return 200, {k: v for k, v in headers.items() if k != "Content-Range"}, body

    def wrong(status, headers, body):
        return status, {**headers, "Content-Range": "bytes 5-9/10"}, body

    for edit in (wrong, lambda *_: (416, {}, b""), lambda *_: (200, {}, None)):
        with new_hub() as hub:
            shutil.rmtree("home", ignore_errors=True)
            data = hub.repositories[NAME]["main"]["model.safetensors"]
            late = (lambda *_: whole(200, {}, data)) if edit(206, {}, b"")[0] == 200 else edit
            hub.store.faults += [Fault("GET", cut=300_000), Fault("GET", edit=late)]
            check_success(pull(hub))
            check_contents(hub)


def test_a_wrong_digest_or_size_is_never_put_in_place():
    with new_hub() as hub:
        right = hub.repositories[NAME]["main"]["model.safetensors"]
        hub.store.faults.append(Fault("GET", times=9, edit=lambda s, h, b: (s, h, b[:-1] + b"!")))
        check_failure(pull(hub), 6, "model.safetensors", "digest", sha256(right))
        assert not os.path.exists(f"{repository()}/refs/main")
        assert sha256(right) not in os.listdir(f"{repository()}/blobs")
        check_clean()
        hub.store.clear()
        hub.store.faults.append(Fault("GET", times=9, edit=lambda s, h, b: (s, h, b + b"more")))
        check_failure(pull(hub), 6, "model.safetensors", "longer")
        hub.store.clear()
        check_success(pull(hub))
        check_contents(hub)


def test_an_expired_address_is_asked_for_again():
    with new_hub() as hub:
        def expire(status, headers, body):
            hub.store.signature = "s2"
            return status, headers, body

        hub.store.faults.append(Fault("GET", cut=200_000, edit=expire))
        check_success(pull(hub))
        check_contents(hub)
        assert len(hub.requests("^HEAD .*model.safetensors")) == 2


def test_redirections():
    with new_hub() as hub:
        hub.faults.append(Fault("^HEAD .*config", status=307, headers={"Location": "/org/tiny/resolve/main/config.json"}))
        check_success(pull(hub))
        shutil.rmtree("home")
        hub.faults.append(Fault("^GET /api", times=99, status=302, headers={"Location": "/api/loop"}))
        check_failure(pull(hub), 6, "redirected more than")
        hub.clear()
        hub.token = "hf_secret"
        elsewhere = hub.url.replace("127.0.0.1", "localhost")
        hub.faults.append(Fault("^GET /api", status=302, headers={"Location": f"{elsewhere}/api/models/{NAME}"}))
        check_failure(pull(hub, HF_TOKEN="hf_secret"), 6, NAME)
        seen = hub.requests("^GET /api")
        assert len(seen) == 2 and "Authorization" in seen[0][2] and "Authorization" not in seen[1][2]


def test_what_begins_with_https_stays_with_it():
    if not certificate():
        raise Skip("openssl is missing")
    trust = {"CURL_CA_BUNDLE": certificate()[0], "HF_TOKEN": "hf_secret"}
    with new_hub(secure=True, secure_store=True) as hub:
        hub.token = "hf_secret"
        check_failure(pull(hub, CURL_CA_BUNDLE=""), 6, hub.url, "certificate")
        assert not hub.log and not os.path.exists(f"{repository()}/blobs")
        check_success(pull(hub, **trust))
        check_contents(hub)
        assert all("Authorization" in headers for _, _, headers in hub.log)
        assert hub.store.log and not any("Authorization" in headers for _, _, headers in hub.store.log)
        shutil.rmtree("home")
    with new_hub(secure=True) as hub, new_hub() as plain:
        hub.faults.append(Fault("^GET /api", times=99, status=302, headers={"Location": f"{plain.url}/api/models/{NAME}"}))
        check_failure(pull(hub, **trust), 6, hub.url, "from https")
        assert not plain.log
    with new_hub(secure=True) as hub, new_hub() as plain:
        hub.faults.append(Fault("^HEAD .*config", times=99, status=307, headers={"Location": f"{plain.url}/config.json"}))
        check_failure(pull(hub, **trust), 6, hub.url, "from https")
        assert not plain.log
    with new_hub(secure=True) as hub:  # the answer is right, but the contents lie where anybody can read along
        check_failure(pull(hub, **trust), 6, hub.url, "from https")
        assert not hub.store.log


def test_nonsense_from_a_hub_is_refused():
    with new_hub() as hub:
        for body in (b"", b"[]", b"<html>", b'{"sha": "x", "siblings": []}', b'{"sha": 3}', b'{"sha":"' + b"a" * 40 + b'"}',
                     b"\xff", b"[" * 100000):
            hub.faults = [Fault("^GET /api", edit=lambda s, h, b, body=body: (200, {}, body))]
            check_failure(pull(hub), 6, hub.url)
        for headers in ({}, {"X-Repo-Commit": "0" * 40, "ETag": '"a"'}, {"X-Repo-Commit": "same"},
                        {"X-Repo-Commit": "same", "ETag": '"../../x"'}, {"X-Repo-Commit": "same", "ETag": '""'},
                        {"X-Repo-Commit": "same", "ETag": '"a"', "X-Linked-Size": "-1"}):
            commit = hub.commit(hub.repositories[NAME]["main"])
            headers = {k: commit if v == "same" else v for k, v in headers.items()}
            hub.faults = [Fault("^HEAD", edit=lambda s, h, b, headers=headers: (200, headers, b""))]
            check_failure(pull(hub), 6, "config.json")


def test_a_full_or_forbidden_disk_is_told():
    with new_hub() as hub:
        os.makedirs("home")
        open("home/hub", "w").write("a file")
        check_failure(pull(hub), 5, "home/hub")
        os.remove("home/hub")
        result = subprocess.run(["bash", "-c", f"ulimit -f 100; exec {CLIPSEG} pull {NAME}"], capture_output=True,
                                env={**os.environ, **environment(hub)}, check=False)
        check_failure(result, 5, "incomplete", "cannot be written")
        check_success(pull(hub))
        check_contents(hub)


def test_two_at_once_share_the_work():
    with new_hub() as hub:
        hub.store.faults.append(Fault("GET", slow=0.02))
        runs = [subprocess.Popen([CLIPSEG, "pull", NAME, "-q"], env={**os.environ, **environment(hub)},
                                 stdout=subprocess.DEVNULL) for _ in range(3)]
        assert [r.wait() for r in runs] == [0, 0, 0]
        assert len(hub.store.requests("GET")) == 1
        check_contents(hub)
        check_clean()


def test_kill_at_random_points_leaves_nothing_wrong():
    dice = random.Random(7)
    with new_hub(large=2000) as hub:
        for i in range(KILLS):
            if i % 5 == 0:
                shutil.rmtree("home", ignore_errors=True)
            hub.store.clear()
            hub.store.faults.append(Fault("GET", times=99, slow=0.001, piece=1 << 14))
            process = subprocess.Popen([CLIPSEG, "pull", NAME, "-q"], env={**os.environ, **environment(hub)},
                                       stdout=subprocess.DEVNULL)
            try:
                process.wait(dice.uniform(0.005, 0.2))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
            blobs = f"{repository()}/blobs"
            for name in os.listdir(blobs) if os.path.isdir(blobs) else []:
                if "." not in name:
                    data = open(f"{blobs}/{name}", "rb").read()
                    assert name in (sha256(data), git_sha1(data)), f"a wrong file in place after kill {i}"
            if os.path.exists(f"{repository()}/refs/main"):
                check_contents(hub)
        hub.store.clear()
        check_success(pull(hub))
        check_contents(hub)
        assert not [n for n in os.listdir(f"{repository()}/blobs") if "." in n]


def test_without_the_module_the_rest_works():
    shutil.copy(CLIPSEG, "alone")
    result = subprocess.run(["./alone", "pull", NAME], capture_output=True, check=False)
    if result.returncode == 0 or b"clipseg-network.so" not in result.stderr:
        raise Skip("the module is installed on this machine")
    check_failure(result, 6, "clipseg-network.so", "CLIPSEG_NETWORK")
    assert subprocess.run(["./alone", "models"], capture_output=True, check=True).stdout


PYTHON = """
import sys
import huggingface_hub as hub
from huggingface_hub import constants
assert constants.ENDPOINT == sys.argv[1], constants.ENDPOINT
repository, *files = sys.argv[3].split(",")
for file in files or [None]:
    print(getattr(hub, sys.argv[2])(*([repository, file] if file else [repository]), **eval(sys.argv[4])))
"""


def python_hub(hub, function, arguments, options="{}", **more):
    """Call the hub's own client in a process of its own: it reads the environment when it is imported."""
    try:
        import huggingface_hub  # noqa: F401
    except ImportError as missing:
        raise Skip("huggingface_hub is not installed") from missing
    result = subprocess.run([sys.executable, "-c", PYTHON, hub.url, function, arguments, options], capture_output=True,
                            text=True, check=False, timeout=120,
                            env={**{k: v for k, v in os.environ.items() if not HUB_VARIABLES.match(k)}, **{
                                k: v for k, v in environment(hub, **more).items() if v},
                                "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"})
    assert result.returncode == 0, result.stderr
    return result.stdout.strip().splitlines()


def test_the_hubs_own_client_finds_what_clipseg_pulled():
    with new_hub() as hub:
        check_success(pull(hub))
        hub.clear()
        hub.store.clear()
        paths = python_hub(hub, "hf_hub_download", ",".join([NAME, *sorted(WANTED)]), HF_HUB_OFFLINE="1")
        for file, path in zip(sorted(WANTED), paths, strict=True):
            assert open(path, "rb").read() == hub.repositories[NAME]["main"][file]
        assert python_hub(hub, "snapshot_download", NAME, HF_HUB_OFFLINE="1") == [os.path.abspath(snapshot())]
        assert not hub.log
        python_hub(hub, "hf_hub_download", f"{NAME},model.safetensors")
        assert not hub.store.log and not hub.requests("^GET .*resolve"), "nothing is downloaded a second time"
        check_contents(hub)


def test_clipseg_finds_what_the_hubs_own_client_pulled():
    with new_hub() as hub:
        python_hub(hub, "snapshot_download", NAME, "{'allow_patterns': ['*.json', '*.txt', 'model.safetensors']}")
        hub.clear()
        hub.store.clear()
        check_success(clipseg("tokenize", "-m", NAME, "x", env=environment(hub)))
        assert not hub.log
        result = json.loads(check_success(pull(hub, NAME, "--json")).stdout)
        assert result["new_files"] == 0 and not hub.store.log and not hub.requests("^GET /org")
        check_contents(hub)


def test_python_and_clipseg_pulling_at_once_leave_one_copy():
    with new_hub() as hub:
        hub.store.faults.append(Fault("GET", slow=0.03))
        process = subprocess.Popen([CLIPSEG, "pull", NAME, "-q"], env={**os.environ, **environment(hub)},
                                   stdout=subprocess.DEVNULL)
        python_hub(hub, "hf_hub_download", f"{NAME},model.safetensors")
        assert process.wait() == 0
        check_contents(hub)
        check_clean()


if __name__ == "__main__":
    main(sys.modules[__name__])
