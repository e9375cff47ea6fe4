"""What fails around the command: memory, disks, folders, descriptors. Nothing is lost, nothing stays half-written."""
import collections
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

from harness import CLIPSEG, DATA, MODEL, PICTURE, SOURCE, Skip, check_failure, check_success, clipseg, main

BUILD = os.environ.get("CLIPSEG_BUILD", os.path.join(SOURCE, "build", "release"))
JPEG, WEBP, BMP = (os.path.join(DATA, "pictures", name) for name in ("progressive.jpg", "alpha.webp", "8.bmp"))


def listing(folder="."):
    return sorted(os.path.relpath(os.path.join(d, f), folder) for d, _, names in os.walk(folder) for f in names)


# ---- memory


def fail_each_allocation(*arguments, first=1, step=37):
    """One outcome per allocation; see failing_memory.c."""
    library = os.path.join(BUILD, "tests", "failing_memory.so")
    if not os.path.exists(library):
        raise Skip("not with sanitizers, which have an allocator of their own")
    result = clipseg(*arguments, env={"FAILING": f"{first} {step}", "LD_PRELOAD": library}, timeout=600)
    outcomes = [json.loads(line) for line in result.stdout.decode().splitlines()]
    assert result.returncode == 0 and outcomes, result
    return outcomes, result.stderr.decode().splitlines()


def check_outcomes(outcomes, messages):
    """Out of memory, said in one line, or done all the same (a cache that is not there, a block that was not shrunk). The
    dynamic linker's own blocks are not ours."""
    for outcome in outcomes:
        assert outcome["exit"] in (0, 7) and not outcome["signal"], outcome
        assert not outcome["leaked"] or "/ld-linux" in outcome["leak"], outcome
    codes = collections.Counter(outcome["exit"] for outcome in outcomes)
    assert codes[7] > 5 * codes[0], codes
    assert len(messages) == codes[7] and all("out of memory" in m for m in messages), collections.Counter(messages)
    assert not [name for name in listing() if name.endswith(".part")], listing()


def test_tokenize_survives_every_failed_allocation():
    check_outcomes(*fail_each_allocation("tokenize", "a cup of coffee", "-q"))


def test_info_survives_every_failed_allocation():
    check_outcomes(*fail_each_allocation("info", MODEL))


def test_segment_survives_every_failed_allocation():
    check_outcomes(*fail_each_allocation("segment", PICTURE, "-p", "a", "-p", "b", "-t", "1", "-q", "-o", ".", "-f",
                                         "labels,mask,heatmap,overlay,npy,json"))


def test_pictures_survive_every_failed_allocation():
    before = len(check_success(clipseg("info", MODEL)).stdout)  # the model opens
    assert before
    first = max(o["n"] for o in fail_each_allocation("tokenize", "a", "-t", "1", step=10 ** 6)[0])
    for picture in (JPEG, WEBP, BMP):
        outcomes, messages = fail_each_allocation("segment", picture, "-p", "a", "-t", "1", "-q", "-o", ".", "-f", "npy",
                                                  first=first)
        # libwebp 1.2.4 reads through one pointer that it did not get; decoding asks for the memory beforehand
        outcomes = [o for o in outcomes if not (o["signal"] and "libwebp" in o["failed"])]
        for outcome in outcomes:
            assert outcome["exit"] in (0, 7) and not outcome["signal"], (picture, outcome)
            assert not outcome["leaked"] or "/ld-linux" in outcome["leak"], (picture, outcome)
        assert len(messages) == sum(o["exit"] == 7 for o in outcomes) > 5


def test_a_limit_on_memory_is_exit_7():
    if "sanitize" in BUILD:
        raise Skip("sanitizers need a large address space")

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (150 << 20, 150 << 20))

    with open("large.pgm", "wb") as f:
        f.write(b"P5 10000 10000 255\n")
        f.truncate(10000 * 10000 + 19)
    check_failure(clipseg("segment", "large.pgm", "-p", "a", "-f", "mask", "-t", "1", preexec_fn=limit), 7, "memory")
    assert listing() == ["large.pgm"]


# ---- writing


def write_mask(**more):
    return clipseg("segment", PICTURE, "-p", "a", "-f", "heatmap", "-o", ".", "-q", **more)


def test_an_error_at_the_end_of_writing_keeps_the_old_file():
    library = os.path.join(BUILD, "tests", "failing_close.so")
    if not os.path.exists(library):
        raise Skip("not with sanitizers, which want to be loaded first")
    check_success(write_mask())
    before = open("picture.00-a.heatmap.png", "rb").read()
    check_failure(write_mask(env={"LD_PRELOAD": library}), 5, "picture.00-a.heatmap.png", "Input/output error")
    assert listing() == ["picture.00-a.heatmap.png"] and open("picture.00-a.heatmap.png", "rb").read() == before


def test_a_full_disk_keeps_the_old_file():
    os.mkdir("disk")
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", "disk"], stderr=subprocess.DEVNULL,
                                      check=False).returncode:
        raise Skip("no file system may be mounted here")
    try:
        with open("disk/picture.00-a.heatmap.png", "wb") as f:
            f.write(b"old")
        with open("disk/filler", "wb") as f:
            f.write(bytes(12 << 10))
        result = clipseg("segment", PICTURE, "-p", "a", "-f", "heatmap", "-o", "disk", "-q")
        check_failure(result, 5, "picture.00-a.heatmap.png")
        assert listing("disk") == ["filler", "picture.00-a.heatmap.png"]
        assert open("disk/picture.00-a.heatmap.png", "rb").read() == b"old"
    finally:
        subprocess.run(["umount", "disk"], check=True)


def test_stdout_that_is_full_or_closed_is_said():
    with open("/dev/full", "wb") as full:
        result = subprocess.run([CLIPSEG, "tokenize", "-m", MODEL, "a"], stdout=full, stderr=subprocess.PIPE, check=False)
        assert result.returncode == 5 and result.stderr.count(b"\n") == 1, result
        result = subprocess.run([CLIPSEG, "segment", "-m", MODEL, PICTURE, "-p", "a", "-f", "mask", "-o", "-"], stdout=full,
                                stderr=subprocess.PIPE, check=False)
        assert result.returncode == 5 and result.stderr.count(b"\n") == 1, result


def test_folders_that_cannot_be_written_are_named():
    open("file", "w").close()
    for output in ("file/below", "/proc/nothing/here", "a" * 300):
        result = clipseg("segment", PICTURE, "-p", "a", "-q", "-o", output)
        check_failure(result, 5, output[:9])
    os.mkdir("closed", 0o500)
    if os.geteuid():
        check_failure(write_mask(cwd="closed"), 5, "Permission denied")
    assert listing() == ["file"]


def test_a_picture_is_never_its_own_result():
    """Results have another ending than their picture, whatever it is called."""
    shutil.copy(PICTURE, "a.00-x.mask.png")
    before = open("a.00-x.mask.png", "rb").read()
    check_success(clipseg("segment", "a.00-x.mask.png", "-p", "x", "-f", "mask,labels,json,npy", "-q"))
    assert open("a.00-x.mask.png", "rb").read() == before and len(listing()) == 5
    shutil.copy(PICTURE, "a.png")
    result = clipseg("segment", "a.00-x.mask.png", "a.png", "-p", "x", "-f", "mask", "-q")
    kept = open("a.00-x.mask.png", "rb").read() == before
    assert kept == (result.returncode != 0), "an input was overwritten by another input's result"


# ---- reading


def test_what_is_no_file_is_named_without_waiting():
    os.mkfifo("pipe")
    os.mkdir("empty")
    os.symlink("loop", "loop")
    for path, code, word in (("pipe", 4, "a pipe"), ("/dev/zero", 4, "a device"), ("/dev/null", 4, "a device"),
                             ("empty", 4, "no pictures"), ("loop", 5, "symbolic links"), ("missing", 5, "No such file")):
        check_failure(clipseg("segment", path, "-p", "a", "-q", timeout=20), code, path, word)
        check_failure(clipseg("segment", PICTURE, "--prompt-image", path, "-o", "out", "-q", timeout=20),
                      4 if path == "empty" else code, path)
    assert listing() == ["loop", "pipe"]


def test_folders_with_loops_of_links_come_to_an_end():
    os.makedirs("in/a/b")
    shutil.copy(PICTURE, "in/a/b/one.png")
    os.symlink("../..", "in/a/b/up")
    os.symlink("self", "in/self")
    os.mkfifo("in/pipe")
    rows = check_success(clipseg("segment", "in", "-p", "a", "--json", "-q", timeout=30)).stdout.splitlines()
    assert len(rows) == 1


def test_sixteen_descriptors_are_enough_for_many_pictures():
    os.mkdir("in")
    for i in range(300):
        os.link(PICTURE, f"in/{i:05d}.png") if i and os.stat(PICTURE).st_dev == os.stat("in").st_dev else \
            shutil.copy(BMP, f"in/{i:05d}.bmp")

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))

    check_success(clipseg("segment", "in", "-p", "a", "-f", "labels,mask,npy,json", "-o", "out", "-q", preexec_fn=limit))
    assert len(listing("out")) == 4 * 300


# ---- signals


def test_both_signals_let_the_current_picture_finish_or_vanish():
    os.mkdir("in")
    for i in range(400):
        shutil.copy(BMP, f"in/{i:03d}.bmp")
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = subprocess.Popen([CLIPSEG, "segment", "in", "-p", "x", "-f", "mask,json", "-o", "out", "-m", MODEL, "-q"],
                                   stderr=subprocess.PIPE)
        while not os.path.isdir("out"):
            time.sleep(0.005)
        process.send_signal(number)
        assert process.wait() == code, process.stderr.read()
        assert not [name for name in listing("out") if name.endswith(".part")]
        shutil.rmtree("out")


if __name__ == "__main__":
    main(sys.modules[__name__])
