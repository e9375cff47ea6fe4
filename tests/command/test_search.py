"""index and search: built, changed, killed, asked."""
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
from harness import CLIPSEG, DATA, EXAMPLE, MODEL, PICTURE, Skip, check_failure, check_success, clipseg, main
from PIL import Image

CLIP = os.path.join(DATA, "tiny-clip")


def need_search():
    if b"left out" in clipseg("--help").stdout:
        raise Skip("built without SQLite")


def draw(path, seed):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (3, 4, 3)).astype(np.uint8)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    Image.fromarray(small).resize((64, 48), Image.BICUBIC).save(path)


def folder(count):
    for i in range(count):
        draw(f"photos/{i % 3}/{i:03}.png", i)


def lines(result):
    return [json.loads(line) for line in check_success(result).stdout.splitlines()]


def index(*arguments, **more):
    return lines(clipseg("index", *(arguments or ["photos"]), "-o", "photos.db", "--json", "-q", **more))[0]


def search(*arguments, **more):
    return lines(clipseg("search", "photos.db", *arguments, "--json", **more))


def vectors(paths):
    rows = lines(clipseg("embed", *paths))
    return np.array([r["embedding"] for r in rows])


def check_complete():
    """The index answers exactly as the vectors of the pictures that are there say."""
    paths = [os.path.abspath(os.path.join(d, f)) for d, _, files in sorted(os.walk("photos")) for f in sorted(files)]
    query = np.array(lines(clipseg("embed", "-p", "a glass"))[0]["embedding"])
    scores = dict(zip(paths, vectors(paths) @ query))
    hits = search("a glass", "--top", len(paths) + 5)
    assert sorted(h["path"] for h in hits) == sorted(paths)
    assert [h["score"] for h in hits] == sorted((h["score"] for h in hits), reverse=True)
    assert max(abs(h["score"] - scores[h["path"]]) for h in hits) < 2e-6


def test_an_index_answers_with_the_scores_of_embed():
    need_search()
    folder(30)
    assert index() == {"pictures": 30, "new": 30, "changed": 0, "gone": 0, "failed": 0}
    check_complete()
    text = check_success(clipseg("search", "photos.db", "a glass", "--top", "3")).stdout.decode().splitlines()
    assert len(text) == 3 and all("photos/" in line and not line.split()[1].startswith("/") for line in text)


def test_only_what_is_new_or_changed_is_computed_and_what_is_gone_is_forgotten():
    need_search()
    folder(30)
    index()
    assert index()["new"] == 0
    os.remove("photos/1/001.png")
    shutil.rmtree("photos/2")
    draw("photos/0/000.png", 1000)
    draw("photos/0/new.png", 1001)
    assert index() == {"pictures": 20, "new": 1, "changed": 1, "gone": 11, "failed": 0}
    check_complete()
    os.utime("photos/0/new.png", (1, 1))  # touched is changed
    assert index()["changed"] == 1
    draw("other/x.png", 5)
    said = check_success(clipseg("index", "photos/0", "-o", "photos.db")).stderr.decode()
    assert "0 new, 0 changed" in said and "per second" not in said  # nothing was looked at
    open("photos/0/000.png", "ab").write(b" ")
    said = check_success(clipseg("index", "photos/0", "-o", "photos.db")).stderr.decode()
    assert said.count("\n") == 1 and re.search(r"0 new, 1 changed, 0 gone, 0 failed; \d+\.\d s, \d+\.\d pictures per second$", said)
    assert index("other") == {"pictures": 21, "new": 1, "changed": 0, "gone": 0, "failed": 0}
    assert index("photos/0")["gone"] == 0  # of other folders nothing is known
    shutil.rmtree("other")
    check_complete_after = index("photos")
    assert check_complete_after["pictures"] == 21
    open("photos/0/new.png", "wb").write(b"\x89PNG\r\n\x1a\nbroken")
    result = clipseg("index", "photos", "-o", "photos.db", "--json")
    assert result.returncode == 8 and b"new.png" in result.stderr and json.loads(result.stdout)["failed"] == 1
    assert not any("new.png" in h["path"] for h in search("a glass", "--top", "100"))


def test_a_folder_that_is_not_there_forgets_nothing():
    need_search()
    folder(6)
    index()
    os.rename("photos", "elsewhere")
    check_failure(clipseg("index", "photos", "-o", "photos.db"), 5, "photos")
    os.mkdir("photos")
    check_failure(clipseg("index", "photos", "-o", "photos.db"), 4, "no pictures")
    os.rmdir("photos")
    os.rename("elsewhere", "photos")
    check_complete()


def test_killed_at_any_moment_it_goes_on():
    need_search()
    folder(60)
    rng, killed = random.Random(3), 0
    environment = dict(os.environ, CLIPSEG_MODEL=MODEL)
    start = time.monotonic()
    check_success(clipseg("index", "photos", "-o", "timing.db", "-q"))
    whole = time.monotonic() - start
    for round_ in range(25):
        for _ in range(3):  # something always changes
            draw(f"photos/{rng.randrange(3)}/{rng.randrange(60):03}.png", rng.randrange(10 ** 6))
        if os.path.exists("photos/0/000.png"):
            os.remove("photos/0/000.png")
        process = subprocess.Popen([CLIPSEG, "index", "photos", "-o", "photos.db", "-q"], env=environment,
                                   stderr=subprocess.DEVNULL)
        time.sleep(rng.random() * whole * (1.0 if round_ % 2 else 0.3))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        if os.path.exists("photos.db.vectors") and os.path.getsize("photos.db") > 4096 and round_ % 5 == 4:
            clipseg("search", "photos.db", "a glass")  # must end, whatever it finds
    assert killed > 5
    index()
    check_complete()
    connection = sqlite3.connect("photos.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    slots = [row[0] for row in connection.execute("SELECT slot FROM picture")]
    connection.close()
    assert len(set(slots)) == len(slots) and max(slots) < 10 * len(slots)  # places are used again
    assert not [name for name in os.listdir(".") if name.endswith(("-journal", ".part"))]


def test_a_lost_vector_is_computed_again():
    need_search()
    folder(12)
    index()
    os.remove("photos.db.vectors")
    assert index()["changed"] == 12
    check_complete()
    whole = os.path.getsize("photos.db.vectors")
    for size in (whole - 1, 4096, 3000, 30):
        open("photos.db.vectors", "r+b").truncate(size)
        check_failure(clipseg("search", "photos.db", "x"), 5, "photos.db.vectors", "cut off", "index again")
        check_failure(clipseg("search", "photos.db", "--duplicates"), 5, "photos.db.vectors", "cut off")
        assert index()["changed"] == 12
        check_complete()
    open("photos.db.vectors", "wb").write(b"something of somebody's" * 1000)
    check_failure(clipseg("index", "photos", "-o", "photos.db"), 5, "photos.db.vectors", "remove it")


def test_an_index_goes_on_with_its_own_model():
    need_search()
    folder(6)
    index("photos", "-m", CLIP)
    draw("photos/new.png", 99)
    assert index() == {"pictures": 7, "new": 1, "changed": 0, "gone": 0, "failed": 0}
    check_failure(clipseg("index", "photos", "-o", "photos.db", "-m", "demo"), 2, "demo")
    check_failure(clipseg("index", "photos", "-o", "-"), 2, "-o -")


def test_pictures_mixes_and_what_is_not_wanted():
    need_search()
    folder(20)
    index()
    one = os.path.abspath("photos/1/004.png")
    hits = search("--image", one, "--top", "20")
    assert hits[0]["path"] == one and abs(hits[0]["score"] - 1) < 1e-5
    text, image = (np.array(lines(clipseg("embed", *a))[0]["embedding"]) for a in (["-p", "fork"], [one]))
    paths = [h["path"] for h in hits]
    for arguments, query in ((["fork", "--image", one, "--image-weight", "0.25"], 0.75 * text + 0.25 * image),
                             (["fork", "--not-image", one], text - 0.5 * image)):
        query /= np.linalg.norm(query)
        scores = dict(zip(paths, vectors(paths) @ query))
        found = search(*arguments, "--top", "20")
        assert max(abs(h["score"] - scores[h["path"]]) for h in found) < 2e-6
    assert len(search("fork", "--least", "2")) == 0


def test_duplicates_come_in_groups():
    need_search()
    folder(20)
    shutil.copy("photos/0/000.png", "photos/0/copy.png")
    shutil.copy("photos/0/000.png", "photos/2/again.png")
    Image.open("photos/1/001.png").save("photos/1/001.bmp")
    index()
    hits = search("--duplicates", "--similarity", "0.99999")
    groups = {}
    for h in hits:
        groups.setdefault(h["group"], set()).add(os.path.basename(h["path"]))
    assert sorted(map(sorted, groups.values())) == [["000.png", "again.png", "copy.png"], ["001.bmp", "001.png"]]
    loose = search("--duplicates", "--similarity", "0.5")
    assert all(h["score"] >= 0.5 - 1e-6 for h in loose) and len({h["path"] for h in loose}) == len(loose) > len(hits)
    text = check_success(clipseg("search", "photos.db", "--duplicates", "--similarity", "0.99999")).stdout.decode()
    assert len(text.split("\n\n")) == 2


def test_sheet_and_page_show_what_was_found():
    need_search()
    folder(9)
    draw("photos/a <b>&\"#é%.png", 77)
    index()
    check_success(clipseg("search", "photos.db", "a glass", "-o", "out/page.html", "--top", "10", "--segment"))
    page = open("out/page.html", encoding="utf-8").read()
    cards = [json.loads(part.split("</script>")[0]) for part in page.split('class="meta">')[1:]]
    assert len(cards) == 10 and "photos/a <b>&\"#é%.png" in [c["name"] for c in cards] and "a <b>&" not in page
    assert [float(c["caption"]) for c in cards] == sorted((float(c["caption"]) for c in cards), reverse=True)
    assert all(len(c["areas"]) == 1 for c in cards)  # one map each, of the thing
    result = clipseg("search", "photos.db", "a glass", "-o", "sheet.png", "--top", "7")
    if result.returncode == 2 and b"cannot be opened" in result.stderr:
        raise Skip("built without figures")
    check_success(result)
    image = Image.open("sheet.png")
    assert image.width > 1000 and image.height > 500
    os.remove(search("a glass", "--top", "1")[0]["path"])
    shutil.copytree("photos", "many")
    for i in range(600):
        shutil.copy(PICTURE, f"many/{i}.png")
    check_success(clipseg("index", "many", "-o", "many.db", "-q"))
    check_failure(clipseg("search", "many.db", "a glass", "-o", "many.png", "--top", "501"), 2, "501", "too many")
    check_success(clipseg("search", "many.db", "a glass", "-o", "many.png", "--top", "500"))
    gone = check_success(clipseg("search", "photos.db", "a glass", "-o", "sheet.png", "--top", "3"))
    assert b"cannot be opened" in gone.stderr and gone.stdout.count(b"\n") == 3


def test_segment_says_where_it_is():
    need_search()
    folder(4)
    index()
    hits = search("a glass", "--segment")
    for h in hits:
        x, y, w, h_ = h["box"]
        assert 0 <= h["area"] <= 1 and x + w <= 64 and y + h_ <= 48
    assert [h["area"] for h in hits] != [h["area"] for h in search("fork", "--segment")]
    check_success(clipseg("search", "photos.db", "a glass", "--segment", "-o", "page.html"))
    page = open("page.html", encoding="utf-8").read()
    cards = [json.loads(part.split("</script>")[0]) for part in page.split('class="meta">')[1:]]
    for hit, card in zip(hits, cards):  # pixels above 0.50
        assert abs(hit["area"] - card["areas"][0][50] / (64 * 48)) < 1e-5


def test_plain_clip_searches_and_says_that_it_cannot_segment():
    need_search()
    folder(4)
    index(model=CLIP)
    assert len(search("a glass", model=None)) == 4  # the model is the index's own
    check_failure(clipseg("search", "photos.db", "a glass", "--segment"), 3, "no decoder")


def test_another_model_is_refused():
    need_search()
    folder(3)
    index()
    check_failure(clipseg("search", "photos.db", "a glass", "-m", os.path.join(DATA, "tiny-simple")), 2,
                  "photos.db", "tiny-refined", "tiny-simple")
    check_failure(clipseg("index", "photos", "-o", "photos.db", "-m", CLIP), 2, "tiny-clip")


def test_mistakes_are_named():
    need_search()
    folder(3)
    check_failure(clipseg("index", "photos"), 2, "-o")
    check_failure(clipseg("index", "-", "-o", "x.db"), 2, "stdin")
    check_failure(clipseg("search"), 2, "index")
    check_failure(clipseg("search", "missing.db", "x"), 5, "missing.db", "clipseg index")
    assert not os.path.exists("missing.db")
    open("text.db", "w").write("no database " * 1000)
    check_failure(clipseg("search", "text.db", "x"), 5, "text.db", "not an index")
    check_failure(clipseg("index", "photos", "-o", "text.db"), 5, "text.db", "not an index")
    sqlite3.connect("other.db").execute("CREATE TABLE t(x)").connection.commit()
    check_failure(clipseg("search", "other.db", "x"), 5, "other.db", "not an index")
    index()
    check_failure(clipseg("search", "photos.db"), 2, "what to look for")
    check_failure(clipseg("search", "photos.db", "x", "--duplicates"), 2, "--duplicates")
    check_failure(clipseg("search", "photos.db", "x", "-o", "x.jpg"), 2, "x.jpg")
    check_failure(clipseg("search", "photos.db", "x", "--top", "0"), 2, "--top")
    check_failure(clipseg("search", "photos.db", "--image", "none.png"), 5, "none.png")
    shutil.copy("photos.db", "alone.db")
    check_failure(clipseg("search", "alone.db", "x"), 5, "alone.db.vectors")
    open("photos.db.vectors", "r+b").truncate(100)
    check_failure(clipseg("search", "photos.db", "x"), 5, "photos.db.vectors", "cut off")


def test_two_at_once_do_not_mix():
    need_search()
    folder(60)
    environment = dict(os.environ, CLIPSEG_MODEL=MODEL)
    runs = [subprocess.Popen([CLIPSEG, "index", "photos", "-o", "photos.db", "-q"], env=environment,
                             stderr=subprocess.PIPE) for _ in range(2)]
    results = [(r.wait(), r.stderr.read().decode()) for r in runs]
    assert all(code == 0 or (code == 5 and "another" in text) for code, text in results), results
    assert any(code == 0 for code, _ in results)
    index()
    check_complete()


if __name__ == "__main__":
    main(sys.modules[__name__])
