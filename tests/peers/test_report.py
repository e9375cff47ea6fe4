"""The HTML report in a browser: the slider, the switches and the keys act on what is shown."""
import contextlib
import os
import shutil
import sys

import numpy as np
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "command"))

from browser import Browser  # noqa: E402
from harness import EXAMPLE, PICTURE, Skip, check_success, clipseg, main  # noqa: E402

LEFT, RIGHT, ENTER, ESCAPE = "\ue012", "\ue014", "\ue007", "\ue00c"
SHOWN = "return [...document.querySelectorAll('figure:not([hidden])')].map(f => f.card.meta.name)"
DRAWN = "return cards.filter(c => c.near && !c.figure.hidden).every(c => c.drawn === JSON.stringify(state))"


@contextlib.contextmanager
def report(*pictures, prompts=("a cup", "the <b>rest</b>"), more=()):
    if not shutil.which("chromedriver"):
        raise Skip("no chromedriver")
    os.makedirs("in")
    for number, picture in enumerate(pictures):
        shutil.copy(picture, f"in/{number:02d}.png")
    check_success(clipseg("segment", "in", *[x for p in prompts for x in ("-p", p)], "-o", "out", "-f", "report,npz",
                          "--threshold", "0.45", *more))
    browser = Browser()
    try:
        browser.open("out/report.html")
        browser.wait(DRAWN)
        yield browser
        wrong = [entry for entry in browser.complaints() if entry["level"] == "SEVERE"]
        assert not wrong, wrong
        assert browser.run("return performance.getEntriesByType('resource').every(e => e.name.startsWith('data:'))")
    finally:
        browser.close()


def slide(browser, value):
    browser.run("const s = document.getElementById('threshold'); s.value = arguments[0];"
                "s.dispatchEvent(new Event('input', {bubbles: true}))", str(value))
    browser.wait("return state.threshold === arguments[0] && timer === 0", value)
    browser.wait(DRAWN)


def opaque(browser, index):
    """Where the card's canvas shows the picture in the cut-out view."""
    shape = browser.run("const c = cards[arguments[0]].canvas; return [c.height, c.width]", index)
    data = browser.run("const c = cards[arguments[0]].canvas; return [...c.getContext('2d')"
                       ".getImageData(0, 0, c.width, c.height).data].filter((v, i) => i % 4 === 3)", index)
    return np.array(data).reshape(shape) > 0


def test_slider_and_switches_act_on_the_maps():
    with report(PICTURE, EXAMPLE) as browser:
        browser.keys("v")  # cut out
        masks = np.load("out/00.npz")["masks"]
        browser.wait("return state.view === 'cut'")
        browser.wait(DRAWN)
        assert (opaque(browser, 0) != masks.any(0)).mean() < 0.01
        browser.click("#prompts button:nth-child(2)")
        browser.wait("return !state.on[1]")
        browser.wait(DRAWN)
        assert (opaque(browser, 0) != masks[0]).mean() < 0.01
        before = opaque(browser, 0).sum()
        slide(browser, 0.6)
        assert opaque(browser, 0).sum() < before
        assert browser.run("return document.getElementById('value').textContent") == "0.60"
        slide(browser, 1)
        assert not opaque(browser, 0).any()
        assert browser.run("return document.querySelector('.finds').textContent") == "nothing"
        slide(browser, 0)
        assert opaque(browser, 0).mean() > 0.99


def test_numbers_are_those_of_the_full_masks():
    with report(PICTURE, EXAMPLE) as browser:
        for index, stem in enumerate(("00", "01")):
            for k, mask in enumerate(np.load(f"out/{stem}.npz")["masks"]):
                assert abs(browser.run("return share(cards[arguments[0]], arguments[1])", index, k) - mask.mean()) < 1e-9
        chips = browser.run("return [...document.querySelectorAll('.chip')].map(c => c.textContent)")
        assert chips[1].startswith("the <b>rest</b>"), "names are text, not markup"


def test_keys_move_mark_enlarge_and_filter():
    with report(PICTURE, EXAMPLE, PICTURE) as browser:
        browser.keys(RIGHT + RIGHT + "x")
        browser.wait("return cards[1].marked && document.activeElement === cards[1].figure")
        browser.keys(ENTER)
        browser.wait("return document.getElementById('large').open")
        browser.keys(LEFT)
        browser.wait("return document.querySelector('#large b').textContent === '00.png'")
        browser.keys(ESCAPE)
        browser.wait("return !document.getElementById('large').open")
        browser.run("const f = document.getElementById('filter'); f.value = 'marked'; f.dispatchEvent(new Event('change'))")
        assert browser.run(SHOWN) == ["01.png"]
        assert browser.run("return document.getElementById('count').textContent") == "1 of 3 pictures"
        browser.run("document.getElementById('filter').value = 'all'; update()")
        browser.keys("..")
        browser.wait("return state.threshold === .49")
        browser.keys("1")
        browser.wait("return !state.on[0] && state.on[1]")
        browser.keys("0")
        browser.wait("return state.on.every(Boolean)")


def test_a_hundred_pictures_are_decoded_only_where_they_are_seen():
    with report(*[PICTURE] * 100) as browser:
        decoded = "return cards.filter(c => c.pixels).length"
        assert 0 < browser.run(decoded) < 60
        browser.run("window.scrollTo(0, document.body.scrollHeight)")
        browser.wait("return cards[99].pixels && cards[99].drawn && !cards[0].pixels")
        assert browser.run(decoded) < 60


def test_light_and_dark_and_nothing_hangs_over():
    with report(PICTURE, EXAMPLE, prompts=("a", "an unusually long phrase that no header has room for " * 3)) as browser:
        back = "return getComputedStyle(document.body).backgroundColor"
        colours = []
        for scheme in ("light", "dark"):
            browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            colours.append(browser.run(back))
            browser.screenshot(f"{scheme}.png")
            assert Image.open(f"{scheme}.png").width == 1200
        assert colours[0] != colours[1]
        for width in (1200, 420):
            browser.devtools("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1,
                             mobile=False)
            assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), width


if __name__ == "__main__":
    main(sys.modules[__name__])
