"""Public collections of hostile and unusual files: every one gets the verdict that tests/data/corpus.json has for it, at
bounded cost, and the command survives them all. The archives are test data that is not part of the repository."""
import json
import os
import subprocess
import sys
import tarfile

from harness import DATA, SHARED, SOURCE, Skip, check_success, clipseg, main

BUILD = os.environ.get("CLIPSEG_BUILD", os.path.join(SOURCE, "build", "release"))
ARCHIVES = ["png-libspng", "png-libpng", "jpeg-libjpeg-turbo", "jpeg-decoder-crashtest", "jpeg-fuzz-seeds", "webp-libwebp",
            "exif-samples"]
MOST_PIXELS = 32 << 20
CORRUPT = [f"x{name}" for name in ("s1n0g01", "s2n0g01", "s4n0g01", "s7n0g01", "crn0g04", "lfn0g04", "hdn0g08", "c1n0g08",
                                   "c9n2c08", "d0n2c08", "d3n2c08", "d9n2c08", "dtn0g01", "csn0g01")]


def unpack(archive, folder):
    """The paths of all files in it, in order."""
    if not os.path.exists(archive):
        raise Skip("the large test data is not here")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return sorted(os.path.join(d, name) for d, _, names in os.walk(folder) for name in names)


def decode(build, paths):
    """A verdict for each, every one from a process of its own."""
    program = os.path.join(build, "tests", "decode_pictures")
    result = subprocess.run([program, str(MOST_PIXELS)], input="\n".join(paths), capture_output=True, text=True,
                            check=True, timeout=600)
    verdicts = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(verdicts) == len(paths)
    return verdicts


def check_verdict(name, verdict, lists):
    """None, or what is wrong with it."""
    if verdict["signal"]:
        return f"died by signal {verdict['signal']}"
    size = [verdict["width"], verdict["height"]]
    if name in lists["same"]:
        *want, digest = lists["same"][name]
        good = not verdict["status"] and size == want and verdict["sha256"].startswith(digest)
        return None if good else f"not as in Pillow: {verdict}"
    if name in lists["other_pixels"]:
        return None if size == lists["other_pixels"][name] else f"not decoded: {verdict}"
    if verdict["status"] != 4 or not verdict["error"] or "\n" in verdict["error"]:
        return f"not refused: {verdict}"
    if "sanitize" not in BUILD and (verdict["seconds"] > 1 or verdict["megabytes"] > 64):
        return f"refused at too high a cost: {verdict}"
    return None


def check_archive(archive):
    with open(os.path.join(DATA, "corpus.json"), encoding="utf-8") as f:
        lists = json.load(f)[archive]
    folder = os.path.abspath("corpus")
    paths = unpack(os.path.join(SHARED, "corpus", archive + ".tar.gz"), folder)
    names = [os.path.relpath(path, folder) for path in paths]
    wrong = {name: text for name, verdict in zip(names, decode(BUILD, paths))
             if (text := check_verdict(name, verdict, lists))}
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in wrong.items())
    assert set(lists["same"]) <= set(names)
    return names, lists


def test_pngsuite_equals_pillow_and_its_corrupt_files_are_refused():
    names, lists = check_archive("png-libspng")
    stems = {os.path.basename(name).removesuffix(".png"): name for name in names}
    assert all(stems[stem] not in lists["same"] for stem in CORRUPT) and len(lists["same"]) > 160


def test_pngs_of_libpng_have_their_verdicts():
    check_archive("png-libpng")


def test_jpegs_of_libjpeg_turbo_have_their_verdicts():
    check_archive("jpeg-libjpeg-turbo")


def test_jpegs_that_crashed_a_decoder_have_their_verdicts():
    check_archive("jpeg-decoder-crashtest")


def test_jpegs_of_fuzzers_have_their_verdicts():
    check_archive("jpeg-fuzz-seeds")


def test_webps_of_libwebp_have_their_verdicts():
    check_archive("webp-libwebp")


def test_exif_samples_stand_upright_as_in_pillow():
    check_archive("exif-samples")


def test_webps_have_the_digests_that_their_authors_recorded():
    """The .ppm digests of the collection are those of a whole PPM file of the still pictures."""
    import hashlib
    folder = os.path.abspath("corpus")
    paths = unpack(os.path.join(SHARED, "corpus", "webp-libwebp.tar.gz"), folder)
    listed = dict(reversed(line.split()) for line in open(os.path.join(folder, "libwebp_tests.md5"), encoding="utf-8"))
    checked = 0
    for path in paths:
        digest = listed.get(os.path.basename(path) + ".ppm")
        if not digest or os.path.getsize(path) > 1 << 20:
            continue
        ppm = subprocess.run([os.path.join(BUILD, "tests", "decode_pictures"), "--ppm", path], capture_output=True,
                             check=True).stdout
        assert hashlib.md5(ppm).hexdigest() == digest, path
        checked += 1
    assert checked > 90, checked


def test_the_command_survives_a_folder_of_them_all():
    os.mkdir("in")
    for archive in ("png-libspng", "png-libpng", "jpeg-decoder-crashtest"):
        for path in unpack(os.path.join(SHARED, "corpus", archive + ".tar.gz"), os.path.abspath(archive)):
            os.rename(path, f"in/{len(os.listdir('in'))}")
    result = clipseg("segment", "in", "-p", "a", "--json", "-q", "--max-pixels", "1000000")
    done, refused = result.stdout.count(b"\n"), result.stderr.decode().splitlines()
    assert result.returncode == 8, result.stderr[-400:]
    assert done > 300 and all(json.loads(line)["width"] > 0 for line in result.stdout.splitlines())
    assert len(refused) > 100 and all(line.startswith("clipseg: ") for line in refused)


def test_naughty_strings_are_prompts_like_others():
    path = os.path.join(SHARED, "corpus", "naughty-strings.json")
    if not os.path.exists(path):
        raise Skip("the large test data is not here")
    strings = [s for s in json.load(open(path, encoding="utf-8")) if s.strip() and "\n" not in s and "\r" not in s and
               "\0" not in s]
    with open("list.txt", "w", encoding="utf-8", errors="surrogatepass") as f:
        f.write("\n".join(strings) + "\n")
    ids = check_success(clipseg("tokenize", "--files-from", "list.txt")).stdout.splitlines()
    assert len(ids) == len(strings) > 450


if __name__ == "__main__":
    main(sys.modules[__name__])
