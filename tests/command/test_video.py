"""Frames through a pipe: y4m and rgb24 on stdin, masks and overlays on stdout. The videos are made here."""
import json
import os
import signal
import subprocess
import sys

import numpy as np
from PIL import Image

from harness import CLIPSEG, EXAMPLE, MODEL, check_failure, check_success, clipseg, main

WIDTH, HEIGHT, FRAMES = 72, 54, 7


def frames():
    """[FRAMES, HEIGHT, WIDTH, 3]: the example picture, turned a little more in every frame."""
    picture = Image.open(EXAMPLE).convert("RGB").resize((WIDTH, HEIGHT))
    return np.stack([np.asarray(picture.rotate(9 * i)) for i in range(FRAMES)])


def to_yuv(rgb, full=False):
    """BT.601 by its formulas: [..., 3] of Y, Cb, Cr as numbers."""
    r, g, b = np.moveaxis(rgb.astype(float) / 255, -1, 0)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    cb, cr = (b - y) / 1.772, (r - y) / 1.402
    scale = (255, 0, 255) if full else (219, 16, 224)
    return np.stack([y * scale[0] + scale[1], cb * scale[2] + 128, cr * scale[2] + 128], -1)


def y4m(pictures, kind="420jpeg", full=False):
    stream = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F24:1 Ip A1:1 C{kind} XCOLORRANGE={'FULL' if full else 'LIMITED'}\n".encode()
    for picture in pictures:
        planes = np.moveaxis(to_yuv(picture, full), -1, 0)
        if kind == "420jpeg":
            chroma = [p.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean((1, 3)) for p in planes[1:]]
        elif kind == "422":
            chroma = [p[:, ::2] for p in planes[1:]]
        else:
            chroma = list(planes[1:]) if kind == "444" else []
        stream += b"FRAME\n" + b"".join(np.clip(np.rint(p), 0, 255).astype(np.uint8).tobytes() for p in [planes[0], *chroma])
    return stream


def video(*arguments, stdin):
    return clipseg("segment", "--video", *arguments, "-p", "a glass", "--refine", "off", stdin=stdin)


def rgb_masks():
    """What the command finds in the same frames as pictures."""
    pictures = []
    os.makedirs("frames", exist_ok=True)
    for i, frame in enumerate(frames()):
        Image.fromarray(frame).save(f"frames/{i}.png")
    check_success(clipseg("segment", "frames", "-p", "a glass", "-f", "mask,overlay,json", "-o", "still", "--refine",
                          "off"))
    for i in range(FRAMES):
        pictures.append(np.asarray(Image.open(f"still/{i}.00-a-glass.mask.png")))
    return np.stack(pictures)


def test_rgb24_frames_give_the_masks_of_the_same_pictures():
    size = f"{WIDTH}x{HEIGHT}"
    want = rgb_masks()
    for jobs in ("1", "3"):
        out = check_success(video("rgb24", "--size", size, "-f", "mask", "-o", "-", "--jobs", jobs, stdin=frames().tobytes()))
        got = np.frombuffer(out.stdout, np.uint8).reshape(FRAMES, HEIGHT, WIDTH, 3)
        assert (got == want[..., None]).all()
    out = check_success(video("rgb24", "--size", size, "-f", "overlay", "-o", "-", stdin=frames().tobytes()))
    got = np.frombuffer(out.stdout, np.uint8).reshape(FRAMES, HEIGHT, WIDTH, 3)
    for i in range(FRAMES):
        assert (got[i] == np.asarray(Image.open(f"still/{i}.00-a-glass.overlay.png"))).all()


def test_y4m_masks_are_those_of_the_same_pictures_but_for_rounding():
    want = rgb_masks()
    for kind, full, share in (("444", False, 0.02), ("444", True, 0.02), ("422", False, 0.15), ("420jpeg", True, 0.15)):
        out = check_success(video("y4m", "-f", "mask", "-o", "-", stdin=y4m(frames(), kind, full))).stdout
        header, body = out.split(b"\n", 1)
        assert header == f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F24:1 Ip A1:1 Cmono XCOLORRANGE=FULL".encode(), header
        assert len(body) == FRAMES * (6 + WIDTH * HEIGHT)
        for i in range(FRAMES):
            frame = body[i * (6 + WIDTH * HEIGHT):(i + 1) * (6 + WIDTH * HEIGHT)]
            assert frame.startswith(b"FRAME\n")
            mask = np.frombuffer(frame[6:], np.uint8).reshape(HEIGHT, WIDTH)
            assert (mask != want[i]).mean() <= share, (kind, i, (mask != want[i]).mean())


def test_y4m_overlays_keep_the_colour_space_of_the_input():
    rgb_masks()
    for kind in ("444", "422", "420jpeg", "mono"):
        stream = y4m(frames(), kind)
        out = check_success(video("y4m", "-f", "overlay", "-o", "-", stdin=stream)).stdout
        assert len(out) - out.index(b"\n") == len(stream) - stream.index(b"\n") and f" C{kind} ".encode() in out[:80]
        if kind == "444":
            still = np.stack([np.asarray(Image.open(f"still/{i}.00-a-glass.overlay.png")) for i in range(FRAMES)])
            body = np.frombuffer(out[out.index(b"\n") + 1:], np.uint8).reshape(FRAMES, -1)[:, 6:]
            got = np.moveaxis(body.reshape(FRAMES, 3, HEIGHT, WIDTH), 1, -1).astype(float)
            assert (np.abs(got - to_yuv(still)).max(-1) > 3).mean() < 0.03


def test_json_gives_a_line_per_frame():
    out = check_success(video("y4m", "--json", stdin=y4m(frames(), "444")))
    rows = [json.loads(line) for line in out.stdout.splitlines()]
    rgb_masks()
    assert [row["image"] for row in rows] == [f"frame-{i:06d}" for i in range(FRAMES)]
    for i, row in enumerate(rows):
        still = json.load(open(f"still/{i}.json"))["prompts"][0]
        assert abs(row["prompts"][0]["max"] - still["max"]) < 0.02


def test_streams_that_end_early_or_are_none():
    stream = y4m(frames()[:3], "444")
    result = video("y4m", "-f", "mask", "-o", "-", stdin=stream[:-5])
    assert result.returncode == 4 and b"frame 2 is cut off" in result.stderr and result.stderr.count(b"\n") == 1
    assert len(result.stdout.split(b"\n", 1)[1]) == 2 * (6 + WIDTH * HEIGHT), "the whole frames are there"
    check_failure(video("y4m", "-f", "mask", "-o", "-", stdin=b""), 4, "no y4m")
    check_failure(video("y4m", "-f", "mask", "-o", "-", stdin=b"x" * 5000), 4, "y4m")
    check_failure(video("y4m", "--json", stdin=y4m([])[:-1] + b" C420p10\n"), 4, "C420p10", "-pix_fmt")
    broken = stream.replace(b"FRAME", b"FRAMX")
    check_failure(video("y4m", "--json", stdin=broken), 4, "frame 0")
    check_failure(video("y4m", "--json", stdin=b"YUV4MPEG2 W60000 H60000 C444\n"), 4, "too large")
    assert check_success(video("y4m", "--json", stdin=y4m([]))).stdout == b""


def test_usage():
    check_failure(video("avi", "--json", stdin=b""), 2, "avi", "y4m")
    check_failure(video("rgb24", "--json", stdin=b""), 2, "--size")
    check_failure(video("rgb24", "--json", "--size", "0x4", stdin=b""), 2, "--size")
    check_failure(video("y4m", "--json", "--size", "4x4", stdin=b""), 2, "--size")
    check_failure(video("y4m", "--json", "--matrix", "rgb", stdin=b""), 2, "--matrix")
    check_failure(video("y4m", "-f", "npy", "-o", "-", stdin=b""), 2, "mask")
    check_failure(video("y4m", "-o", "folder", stdin=b""), 2, "-o -")
    check_failure(video("y4m", "--json", EXAMPLE, stdin=b""), 2, "stdin")
    check_failure(clipseg("segment", EXAMPLE, "-p", "x", "--size", "2x2"), 2, "--video")


def test_a_stream_without_end_flows_and_stops_at_ctrl_c():
    process = subprocess.Popen([CLIPSEG, "segment", "--video", "y4m", "-p", "x", "-f", "mask", "-o", "-", "-m", MODEL],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    stream = y4m(frames()[:1], "444")
    process.stdin.write(stream)
    process.stdin.flush()
    process.stdout.readline()
    assert len(process.stdout.read(6 + WIDTH * HEIGHT)) == 6 + WIDTH * HEIGHT, "a frame comes out before the next one goes in"
    process.send_signal(signal.SIGINT)
    process.wait(20)
    assert process.returncode == 130
    process.stdin.close()


if __name__ == "__main__":
    main(sys.modules[__name__])
