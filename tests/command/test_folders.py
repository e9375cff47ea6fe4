"""Many pictures in one run: interrupted and continued, divided over machines, with bad ones and odd names among them."""
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

from PIL import Image

from harness import CLIPSEG, EXAMPLE, MODEL, PICTURE, check_failure, check_success, clipseg, main

QUICK = ("--input-size", "32")  # the model's input, so that hundreds of pictures take a second


def make_pictures(folder, count):
    """Small pictures, each another one, half of them one folder deeper."""
    os.makedirs(os.path.join(folder, "deep"))
    for i in range(count):
        picture = Image.effect_noise((24 + i % 7, 16 + i % 5), 40 + i).convert("RGB")
        picture.save(os.path.join(folder, "deep" if i % 2 else "", f"{i:03d}.png"))


def contents(folder):
    """Every file below a folder but journals: name -> digest. Temporaries would show."""
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            if not name.endswith(".journal"):
                full = os.path.join(path, name)
                found[os.path.relpath(full, folder)] = hashlib.sha256(open(full, "rb").read()).hexdigest()
    return found


def times(folder):
    """When each finished file was written, hidden ones left out."""
    return {os.path.relpath(os.path.join(path, name), folder): os.stat(os.path.join(path, name)).st_mtime_ns
            for path, _, names in os.walk(folder) for name in names if "/." not in os.path.join(path, name)}


def journals(folder):
    return [name for name in os.listdir(folder) if name.endswith(".journal")]


def journal_size(folder):
    try:
        return sum(os.path.getsize(os.path.join(folder, name)) for name in journals(folder))
    except FileNotFoundError:
        return 0


def start(*arguments):
    return subprocess.Popen([CLIPSEG, *arguments, "-m", MODEL], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_a_run_killed_again_and_again_gives_the_same_files_and_does_only_the_rest():
    make_pictures("in", 300)
    arguments = ("segment", "in", "-p", "a glass", "-p", "x", "-f", "mask,json", *QUICK)
    whole = check_success(clipseg(*arguments, "-o", "whole", "--json"))
    want = contents("whole")
    assert len(want) == 900 and journals("whole") == []
    dice = random.Random(1)
    kills, before, running = 0, {}, True
    while running:
        process = start(*arguments, "-o", "out", "--json")
        if kills:
            goal = journal_size("out") + dice.randrange(12000)
            while process.poll() is None and journal_size("out") < goal:
                time.sleep(0.001)
        else:
            time.sleep(0.01)  # while it still reads the model
        process.kill()
        process.communicate()
        running = process.returncode != 0
        kills += running
        redone = [name for name, when in times("out").items() if before.get(name, when) != when]
        assert len(redone) <= 3 * 5 * (os.cpu_count() + 1), f"{len(redone)} files were made again"
        before = times("out")
    assert kills >= 3
    last = clipseg(*arguments, "-o", "out", "--json")
    assert contents("out") == want
    assert journals("out") == []
    assert last.stdout == whole.stdout


def interrupt(*arguments, folder="out", pictures=20):
    """Ctrl-C once some pictures are done."""
    process = start(*arguments)
    size = 0
    while process.poll() is None and size < 64 + 21 * pictures:
        time.sleep(0.002)
        size = journal_size(folder)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate()
    assert process.returncode == 130, (process.returncode, text)
    return text.decode()


def test_ctrl_c_ends_with_130_and_the_same_command_continues():
    make_pictures("in", 200)
    arguments = ("segment", "in", "-p", "x", "-f", "mask", *QUICK, "-o", "out")
    text = interrupt(*arguments)
    assert "stopped after" in text and "continues" in text
    made = times("out")
    assert 20 <= len(made) < 200
    result = check_success(clipseg(*arguments))
    assert f"continuing: {len(made)} of 200" in result.stderr.decode()
    assert made.items() <= times("out").items()
    assert len(contents("out")) == 200
    check_success(clipseg("segment", "in", "-p", "x", "-f", "mask", *QUICK, "-o", "whole"))
    assert contents("out") == contents("whole")


def test_another_prompt_option_or_model_does_not_continue_a_run():
    make_pictures("in", 100)
    base = ("segment", "in", "-f", "labels", *QUICK, "-o", "out")
    interrupt(*base, "-p", "x", pictures=10)
    for other in (("-p", "y"), ("-p", "x", "--threshold", "0.3"), ("-p", "x", "-m", MODEL.replace("refined", "simple"))):
        result = check_success(clipseg(*base, *other))
        assert b"continuing" not in result.stderr
        shutil.rmtree("alone", ignore_errors=True)
        check_success(clipseg("segment", "in", "-f", "labels", *QUICK, "-o", "alone", *other))
        assert contents("out") == contents("alone")
        assert journals("out") == [], "a journal is left that speaks of replaced files"
        assert "continuing" not in interrupt(*base, "-p", "x", pictures=10)


def test_pictures_that_changed_and_results_that_vanished_are_done_again():
    make_pictures("in", 100)
    arguments = ("segment", "in", "-p", "x", "-f", "labels", *QUICK, "-o", "out")
    interrupt(*arguments, pictures=40)
    shutil.copy(PICTURE, "in/000.png")
    os.remove("out/002.labels.png")
    check_success(clipseg(*arguments))
    check_success(clipseg("segment", "in", "-p", "x", "-f", "labels", *QUICK, "-o", "whole"))
    assert contents("out") == contents("whole")


def test_a_torn_journal_continues_with_its_whole_records():
    make_pictures("in", 100)
    arguments = ("segment", "in", "-p", "x", "-f", "labels", *QUICK, "-o", "out")
    interrupt(*arguments, pictures=40)
    journal = os.path.join("out", journals("out")[0])
    data = open(journal, "rb").read()
    want = None
    for end in (len(data) - 1, len(data) // 2, 20, 3, 0):
        open(journal, "wb").write(data[:end])
        check_success(clipseg(*arguments))
        want = want or contents("out")
        assert contents("out") == want and len(want) == 100
    for place in range(18, len(data), 97):
        open(journal, "wb").write(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1:])
        check_success(clipseg(*arguments, "--jobs", "1") if place < 400 else clipseg(*arguments))
        assert contents("out") == want


def test_the_same_work_twice_at_a_time_is_refused():
    make_pictures("in", 300)
    arguments = ("segment", "in", "-p", "x", "-f", "labels", *QUICK, "-o", "out")
    first = start(*arguments)
    while not os.path.isdir("out") or not os.listdir("out"):  # not contents(): files get their names meanwhile
        time.sleep(0.002)
    first.send_signal(signal.SIGSTOP)
    check_failure(clipseg(*arguments), 5, "another process", "--shard")
    first.send_signal(signal.SIGCONT)
    first.communicate()
    assert first.returncode == 0


def test_skip_existing_leaves_out_what_is_there():
    make_pictures("in", 12)
    arguments = ("segment", "in", "-p", "x", "-p", "y", "-f", "mask,json", *QUICK, "-o", "out", "--skip-existing")
    check_success(clipseg(*arguments))
    os.remove("out/004.01-y.mask.png")
    before = times("out")
    check_success(clipseg(*arguments))
    changed = {name for name, _ in times("out").items() - before.items()}
    assert changed == {"004.00-x.mask.png", "004.01-y.mask.png", "004.json"}, changed


def test_shards_together_are_the_whole_and_do_not_overlap():
    make_pictures("in", 60)
    shutil.copytree("in", "elsewhere/copy")
    arguments = ("-p", "x", "-f", "labels", *QUICK)
    check_success(clipseg("segment", "in", *arguments, "-o", "whole"))
    union = {}
    for i in range(1, 5):
        check_success(clipseg("segment", "in", *arguments, "-o", f"part{i}", "--shard", f"{i}/4"))
        part = contents(f"part{i}")
        assert 5 <= len(part) <= 30 and not set(part) & set(union)
        union.update(part)
        check_success(clipseg("segment", "elsewhere/copy", *arguments, "-o", "all", "--shard", f"{i}/4"))
        assert set(part) <= set(contents("all"))
    assert union == contents("whole") == contents("all")
    for bad in ("0/4", "5/4", "1", "a/b", "1/0", ""):
        check_failure(clipseg("segment", "in", *arguments, "--shard", bad), 2, "--shard")


def test_one_file_for_all_pictures_survives_an_interruption():
    make_pictures("in", 150)
    arguments = ("segment", "in", "-p", "x", "-p", "y", "-f", "coco,yolo,cvat", *QUICK)
    check_success(clipseg(*arguments, "-o", "whole"))
    interrupt(*arguments, "-o", "out", pictures=40)
    result = check_success(clipseg(*arguments, "-o", "out"))
    assert b"continuing" in result.stderr
    assert contents("out") == contents("whole") and not os.path.exists("out/.clipseg")


def test_one_file_for_all_pictures_is_put_together_from_shards():
    make_pictures("in", 20)
    arguments = ("segment", "in", "-p", "x", "-f", "coco,labelme", *QUICK)
    check_success(clipseg(*arguments, "-o", "whole"))
    for i in (2, 1, 3):
        result = check_success(clipseg(*arguments, "-o", "out", "--shard", f"{i}/3"))
        assert b"without --shard" in result.stderr
        assert not os.path.exists("out/annotations.json")
    before = times("out")
    check_success(clipseg(*arguments, "-o", "out"))
    assert before.items() <= times("out").items(), "pictures were done again"
    assert contents("out") == contents("whole") and journals("out") == []


def test_bad_pictures_in_the_middle_are_listed_at_the_end_with_their_reasons():
    make_pictures("in", 30)
    whole = open(PICTURE, "rb").read()
    open("in/010.png", "wb").write(whole[:200])
    open("in/020.png", "wb").write(whole[:-1])
    result = clipseg("segment", "in", "-p", "x", "-f", "labels", *QUICK, "-o", "out")
    lines = result.stderr.decode().splitlines()
    assert result.returncode == 8 and len(lines) == 3, lines
    assert "in/010.png" in lines[0] and "in/020.png" in lines[1] and "28 of 30 pictures done, 2 failed" in lines[2], lines
    assert len(contents("out")) == 28 and journals("out") == []


def summary(*arguments, code=0):
    """The last line on stderr: done, all, failed, skipped, seconds, pictures per second; None if there is none."""
    result = clipseg(*arguments)
    assert result.returncode == code, result.stderr
    lines = result.stderr.decode().splitlines()
    found = re.fullmatch(r"clipseg: (\d+) of (\d+) pictures done, (\d+) failed, (\d+) skipped; "
                         r"(\d+\.\d) s, (\d+\.\d) pictures per second", lines[-1] if lines else "")
    assert sum("pictures per second" in line for line in lines) == (found is not None), lines
    return found and tuple(map(float, found.groups()))


def test_a_run_ends_with_a_line_that_says_what_was_done_and_how_fast():
    make_pictures("in", 12)
    open("in/004.png", "r+b").truncate(60)
    arguments = ("in", "-p", "x", "-p", "y", *QUICK, "-o", "out")
    *counts, seconds, rate = summary("segment", *arguments, "-f", "labels", code=8)
    assert counts == [11, 12, 1, 0] and 0 <= seconds < 60 and rate > 12 / (seconds + 0.06)
    assert summary("segment", *arguments, "-f", "labels", "--skip-existing", code=8)[:4] == (0, 12, 1, 11)
    assert summary("prelabel", *arguments, code=8)[:4] == (11, 12, 1, 0)
    assert summary("classify", *arguments[:5], code=8)[:4] == (11, 12, 1, 0)
    assert summary("embed", "in", "-o", "v.npy", code=8)[:4] == (11, 12, 1, 0)
    for command in (("segment", *arguments, "-f", "labels"), ("classify", *arguments[:5]), ("embed", "in")):
        result = clipseg(*command, "-q")
        assert result.returncode == 8 and result.stderr.count(b"\n") == 1 and b"in/004.png" in result.stderr
        assert summary(command[0], PICTURE, *command[2:]) is None, "one picture needs no summary"


def test_pictures_done_before_an_interruption_count_as_skipped():
    make_pictures("in", 100)
    arguments = ("segment", "in", "-p", "x", "-f", "labels", *QUICK, "-o", "out")
    assert "pictures per second" not in interrupt(*arguments, pictures=20)
    before = len(contents("out"))
    assert summary(*arguments)[:4] == (100 - before, 100, 0, before)


def test_lines_on_stdout_come_in_the_order_of_the_inputs():
    make_pictures("in", 40)
    Image.open(EXAMPLE).resize((900, 900)).save("in/000.png")  # the first one takes longest
    for jobs in ("1", "2", "7"):
        result = check_success(clipseg("segment", "in", "-p", "x", "--json", *QUICK, "--jobs", jobs, "-t", "2"))
        names = [json.loads(line)["image"] for line in result.stdout.splitlines()]
        assert names == sorted(names) and len(names) == 40


def test_results_do_not_depend_on_threads_or_jobs():
    make_pictures("in", 10)
    for name, arguments in (("a", ("-t", "1")), ("b", ("-t", "3")), ("c", ("-t", "4", "--jobs", "2")), ("d", ("--jobs", "9"))):
        check_success(clipseg("segment", "in", "-p", "x", "-f", "npy,mask,labels", "-o", name, *arguments))
    assert contents("a") == contents("b") == contents("c") == contents("d")


def test_sixteen_file_descriptors_and_little_memory_do_for_many_pictures():
    make_pictures("in", 10)
    for i in range(1000):
        os.link("in/000.png", f"in/copy{i}.png")

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    for jobs in ((), ("--jobs", "16", "-t", "4")):
        check_success(clipseg("segment", "in", "-p", "x", "-p", "y", "-f", "mask,labels,npy,json", *QUICK, "-o", "out", *jobs,
                              "--shard", "1/4", preexec_fn=limit))


def test_names_of_any_bytes():
    os.makedirs(b"in/with space\n/\xff\xfe")
    names = [b"a b.png", b"new\nline.png", "日本語.png".encode(), b"\xff\xfe/caf\xe9.png", b"-p.png", b"%s%n.png", b"'\"$(x).png"]
    for name in names:
        shutil.copy(os.fsencode(PICTURE), b"in/with space\n/" + name)
    result = check_success(clipseg("segment", "in", "-p", "x", "-f", "json", "-o", "out", "--json"))
    assert len(result.stdout.splitlines()) == len(names) and [json.loads(line) for line in result.stdout.splitlines()]
    made = {os.path.relpath(os.path.join(d, f), b"out") for d, _, files in os.walk(b"out") for f in files}
    assert made == {b"with space\n/" + name[:-4] + b".json" for name in names}, made


def test_results_beside_their_pictures_are_no_pictures():
    """The same command again, also after an interruption, finds the pictures that the first one found."""
    make_pictures("in", 60)
    os.rename("in/000.png", "in/noextension")
    shutil.copytree("in", "whole")
    formats = "mask,overlay,labels,heatmap,cutout,segments"
    arguments = ("-p", "a glass", "-p", "?", "-f", formats, *QUICK)
    check_success(clipseg("segment", "whole", *arguments))
    want = contents("whole")
    assert len(want) == 60 * (1 + 2 + 2 * 4)
    interrupt("segment", "in", *arguments, folder="in", pictures=20)
    check_success(clipseg("segment", "in", *arguments))
    assert contents("in") == want
    check_success(clipseg("segment", "in", *arguments))
    assert contents("in") == want
    assert len(check_success(clipseg("embed", "in")).stdout.splitlines()) == 60
    os.makedirs("alone")
    shutil.copy("in/002.labels.png", "alone/002.labels.png")  # no 002.png there
    open("alone/002.json", "w").write("{}")
    assert len(check_success(clipseg("embed", "alone")).stdout.splitlines()) == 1
    assert len(check_success(clipseg("embed", "in/002.labels.png")).stdout.splitlines()) == 1, "named is named"


def test_results_below_the_input_folder_are_no_pictures():
    make_pictures("in", 8)
    for _ in range(2):
        check_success(clipseg("segment", "in", "-p", "x", "-f", "mask", *QUICK, "-o", "in/masks"))
        assert len(contents("in")) == 16
    check_success(clipseg("segment", "in", "-p", "x", "-f", "mask", *QUICK, "-o", "in"))
    assert len(contents("in")) == 32, "results in in/masks are pictures for another -o"


def test_lists_may_come_through_pipes():
    """The shell's <(...), and a pipe that nobody writes to."""
    make_pictures("in", 4)
    script = ('"$0" segment --files-from <(find in -name "*.png" | sort) --prompts <(printf "a glass\\nx\\n") --json -q "$@";'
              '"$0" segment in --categories <(echo \'[{"name": "cup"}]\') --json -q "$@"')
    result = subprocess.run(["bash", "-c", script, CLIPSEG, "-m", MODEL, *QUICK], capture_output=True, check=False)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [len(line["prompts"]) for line in lines] == [2] * 4 + [1] * 4, result
    assert {line["image"] for line in lines} == {"in/000.png", "in/002.png", "in/deep/001.png", "in/deep/003.png"}
    os.mkfifo("silent")
    check_failure(clipseg("segment", "--files-from", "silent", "-p", "x", timeout=10), 2, "no picture")


def test_links_that_lead_in_circles_end():
    make_pictures("in/a", 2)
    os.symlink("..", "in/a/up")
    os.symlink(os.path.abspath("in"), "in/a/deep/top")
    os.symlink("self", "in/self")
    os.symlink("nowhere", "in/dangling.png")
    check_success(clipseg("segment", "in", "-p", "x", "-f", "json", "-o", "out"))
    assert len(contents("out")) == 2


if __name__ == "__main__":
    main(sys.modules[__name__])
