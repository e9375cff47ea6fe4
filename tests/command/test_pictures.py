"""Odd pictures, made here and compared with what Pillow sees, and pictures that were made to hurt."""
import io
import os
import random
import struct
import sys
import warnings
import zlib

import numpy as np
from PIL import Image, ImageOps

from harness import DATA, EXAMPLE, PICTURE, check_failure, check_success, clipseg, main
from test_corpus import BUILD, decode

warnings.simplefilter("ignore")
RNG = np.random.default_rng(1)


def save(name, data):
    with open(name, "wb") as f:
        f.write(data)


def check_like_pillow(names):
    """Same size and pixels, upright; returns how many were looked at."""
    import hashlib
    for name, verdict in zip(names, decode(BUILD, names)):
        image = ImageOps.exif_transpose(Image.open(name))
        if image.mode.startswith("I"):  # 16-bit grey by the high byte
            image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
        image = image.convert("RGB")
        assert verdict.get("status") == 0, (name, verdict)
        assert [verdict["width"], verdict["height"]] == list(image.size), (name, verdict, image.size)
        assert verdict["sha256"] == hashlib.sha256(image.tobytes()).hexdigest(), name
    return len(names)


def check_refused(names, *words):
    for name, verdict in zip(names, decode(BUILD, names)):
        assert verdict.get("status") == 4 and all(word in verdict["error"] for word in words), (name, verdict)
        assert "sanitize" in BUILD or (verdict["seconds"] < 1 and verdict["megabytes"] < 64), verdict


# ---- odd


def bmp(name, bits, header=40, compression=0, colours=0, top_down=False, masks=b""):
    width, height = 7, 5
    palette = b""
    if bits <= 8:
        palette = RNG.integers(0, 256, (colours or 1 << bits) * (3 if header == 12 else 4), dtype=np.uint8).tobytes()
    if header == 12:
        head = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits, compression, 0, 0, 0,
                           colours, 0) + masks
        head += bytes(max(0, header - len(head)))
    pixels = RNG.integers(0, 256, (width * bits + 31) // 32 * 4 * height, dtype=np.uint8).tobytes()
    offset = 14 + len(head) + len(palette)
    save(name, b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset) + head + palette + pixels)
    return name


def test_bitmaps_of_every_kind():
    usual = struct.pack("<IIII", 0xff0000, 0xff00, 0xff, 0xff000000)
    names = [bmp(f"{bits}-{header}-{top}.bmp", bits, header, top_down=top) for bits in (1, 4, 8, 24, 32)
             for header in (12, 40, 52, 56, 64, 108, 124) for top in ((False,) if header == 12 else (False, True))]
    names += [bmp("few.bmp", 8, colours=10), bmp("three.bmp", 4, colours=3), bmp("masks.bmp", 32, 40, 3, masks=usual[:12]),
              bmp("v5.bmp", 32, 124, 3, masks=usual)]
    assert check_like_pillow(names) > 60
    check_refused([bmp("16.bmp", 16), bmp("2.bmp", 2)], "bits per pixel", "PNG")
    check_refused([bmp("rle.bmp", 8, 40, 1)], "compressed")
    check_refused([bmp("order.bmp", 32, 124, 3, masks=usual[::-1])], "channels")


def test_netpbm_with_any_maximum():
    names = []
    for i in range(60):
        width, height = RNG.integers(1, 12, 2)
        most = int(RNG.choice([1, 2, 3, 6, 9, 15, 100, 200, 255] + ([256, 1000, 65535] if i % 4 < 2 else [])))
        values = RNG.integers(0, most + 1, (height, width, 3))
        raw = (values if i % 4 < 2 else values[..., 0]).astype(">u2" if most > 255 else np.uint8)
        text = " ".join(map(str, raw.ravel())).encode()
        kind = ("P3", "P6", "P5", "P2")[i % 4]
        names.append(f"{i}.pnm")
        save(names[-1], f"{kind}\n# a comment\n{width} {height}\n{most}\n".encode() +
             (text if kind in ("P2", "P3") else raw.tobytes()))
    assert check_like_pillow(names) == 60


def test_pam_has_grey_or_colour_with_or_without_alpha():
    for depth in (1, 2, 3, 4):
        pixels = RNG.integers(0, 256, (4, 5, depth), dtype=np.uint8)
        head = f"P7\nWIDTH 5\nHEIGHT 4\nDEPTH {depth}\nMAXVAL 255\nTUPLTYPE X\nENDHDR\n".encode()
        save("a.pam", head + pixels.tobytes())
        rgb = pixels[..., :3] if depth >= 3 else pixels[..., :1].repeat(3, -1)
        Image.fromarray(rgb).save("a.ppm")
        pam, ppm = decode(BUILD, ["a.pam", "a.ppm"])
        assert pam["status"] == 0 and pam["sha256"] == ppm["sha256"], (depth, pam)
        save("short.pam", head + pixels.tobytes()[:-1])
        check_refused(["short.pam"], "end early")


def test_lines_of_pixels():
    names = []
    for size in ((1, 1), (1, 65500), (65500, 1)):
        image = Image.fromarray(RNG.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
        for ending in ("png", "jpg", "bmp", "ppm") + (("webp",) if max(size) < 16384 else ()):
            names.append(f"{size[0]}x{size[1]}.{ending}")
            image.save(names[-1])
    assert check_like_pillow(names) == 13
    check_success(clipseg("segment", "1x65500.png", "65500x1.png", "-p", "a", "-f", "mask", "-q", "-o", "out"))
    assert Image.open("out/1x65500.00-a.mask.png").size == (1, 65500)


# ---- orientation


def orientation_block(order, kind, count, value, tag=0x112):
    number = struct.pack(order + "HH", value, 3) if kind == 3 else struct.pack(order + "I", value)
    return (b"Exif\0\0" + (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, 2) +
            struct.pack(order + "HHI", tag, kind, count) + number + struct.pack(order + "HHII", 0x8769, 4, 1, 8) +
            struct.pack(order + "I", 8))  # both the sub-directory and the next directory are this one: loops


def with_exif(block):
    data = open(os.path.join(DATA, "pictures", "baseline.jpg"), "rb").read()
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]


def test_exif_of_every_kind_loops_and_damage():
    random.seed(1)
    blocks = [orientation_block(order, kind, count, value) for order in "<>" for kind, count, value in
              ((3, 1, 1), (3, 1, 6), (3, 1, 0), (3, 1, 9), (3, 2, 6), (3, 0, 6), (4, 1, 8), (9, 1, 2), (13, 1, 6), (2, 2, 54),
               (1, 1, 3), (7, 1, 6), (99, 1, 6))]
    for _ in range(300):
        block = bytearray(random.choice(blocks))
        for _ in range(random.choice([1, 1, 2, 3])):
            block[random.randrange(14, len(block))] = random.choice([0, 1, 2, 3, 4, 6, 8, 9, 255])
        blocks.append(bytes(block))
    names = [f"{i}.jpg" for i in range(len(blocks))]
    for name, block in zip(names, blocks):
        save(name, with_exif(block))
    assert check_like_pillow(names) > 300


def test_orientation_from_every_place_in_every_format():
    image = Image.open(EXAMPLE).convert("RGB").resize((9, 6))
    names = []
    for orientation in range(0, 10):
        exif, maker = Image.Exif(), Image.Exif()
        exif[0x112], maker[0x10f] = orientation, "maker"
        xmp = f'<x:xmpmeta><rdf:Description tiff:Orientation="{orientation}"/></x:xmpmeta>'.encode()
        texts = {"raw": f"\nexif\n{len(exif.tobytes()):8}\n" + exif.tobytes().hex() + "\n",
                 "xmp": f"<tiff:Orientation>{orientation}</tiff:Orientation>"}
        for ending in ("jpg", "png", "webp"):
            names.append(f"exif{orientation}.{ending}")
            image.save(names[-1], exif=exif.tobytes(), **({"lossless": True} if ending == "webp" else {}))
        for ending in ("jpg", "webp"):
            names.append(f"xmp{orientation}.{ending}")
            image.save(names[-1], xmp=xmp)
        names.append(f"both{orientation}.jpg")
        image.save(names[-1], exif=maker.tobytes(), xmp=xmp)
        from PIL import PngImagePlugin
        for kind, key in (("raw", "Raw profile type exif"), ("xmp", "XML:com.adobe.xmp")):
            info = PngImagePlugin.PngInfo()
            info.add_text(key, texts[kind], zip=True) if kind == "raw" else info.add_itxt(key, texts[kind], zip=True)
            names.append(f"{kind}{orientation}.png")
            image.save(names[-1], pnginfo=info)
    assert check_like_pillow(names) == 80


# ---- made to hurt


def progressive(size, scans):
    """A progressive JPEG whose last scan stands there many times."""
    out = io.BytesIO()
    Image.new("RGB", size, (90, 120, 30)).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    last = data.rindex(b"\xff\xda")
    tables = data.rindex(b"\xff\xc4")
    start = tables if tables > data[:last].rindex(b"\xff\xda") else last
    return data[:-2] + data[start:-2] * scans + b"\xff\xd9"


def test_scans_without_end_are_limited():
    save("usual.jpg", progressive((64, 64), 3))
    assert check_like_pillow(["usual.jpg"])
    save("small.jpg", progressive((64, 64), 1000))
    save("large.jpg", progressive((3000, 3000), 1000))
    check_refused(["small.jpg", "large.jpg"], "scans")


def test_a_small_file_cannot_claim_a_large_picture():
    """Of a size below the limit, in which the library would allocate at once."""
    data = progressive((64, 64), 0)
    at = data.index(b"\xff\xc2") + 5
    save("claim.jpg", data[:at] + struct.pack(">HH", 5700, 5700) + data[at + 4:])
    check_refused(["claim.jpg"], "too short")


def test_a_flood_of_markers_takes_no_time():
    data = open(os.path.join(DATA, "pictures", "baseline.jpg"), "rb").read()
    save("flood.jpg", data[:2] + b"\xff\xe1\0\2" * 250000 + data[2:])
    verdict, = decode(BUILD, ["flood.jpg"])
    assert verdict["status"] == 0 and ("sanitize" in BUILD or verdict["seconds"] < 1), verdict


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_texts_that_unpack_without_end_are_limited():
    data = open(PICTURE, "rb").read()
    bomb = zlib.compress(bytes(300 << 20), 9)
    save("bomb.png", data[:33] + chunk(b"zTXt", b"key\0\0" + bomb) + data[33:])
    verdict, = decode(BUILD, ["bomb.png"])
    assert verdict["signal"] == 0 and ("sanitize" in BUILD or verdict["megabytes"] < 64), verdict
    check_failure(clipseg("segment", "bomb.png", "-p", "a", "-q"), 4, "bomb.png")


def test_too_many_pixels_are_refused_before_memory():
    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    save("large.png", data)
    save("large.bmp", b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 30000, 30000, 1, 24, 0, 0, 0, 0, 0, 0))
    save("large.ppm", b"P6 30000 30000 255\n")
    check_refused(["large.png"], "--max-pixels")
    check_refused(["large.bmp", "large.ppm"])
    check_failure(clipseg("segment", PICTURE, "-p", "a", "--max-pixels", "10799", "-q"), 4, "10799", "--max-pixels")
    check_success(clipseg("segment", PICTURE, "-p", "a", "--max-pixels", "10800", "-q", "-o", "out"))


def test_strangers_are_named():
    for start, word in ((b"GIF89a", "GIF"), (b"\0\0\0\x18ftypheic", "HEIC"), (b"\0\0\0\x1cftypavif", "AVIF"),
                        (b"%PDF-1.7", "PDF"), (b"II*\0", "TIFF"), (b"8BPS", "Photoshop"), (b"<svg ", "SVG"),
                        (b"\0\0\0\x20ftypisom", "film"), (b"PK\3\4", "zip"), (b"hello", "no picture")):
        save("what.png", start + bytes(100))
        check_failure(clipseg("segment", "what.png", "-p", "a", "-q"), 4, "what.png", word)


# ---- prompts


def test_long_words_take_no_time():
    random.seed(1)
    words = ["a" * 100000, "".join(random.choice("etaoinshrdlu") for _ in range(100000)), "\u65e5\u672c" * 17000]
    for word in words:
        start = os.times()
        save("word.txt", word.encode() + b"\n")
        check_success(clipseg("tokenize", "-m", "demo", "-q", "--files-from", "word.txt"))
        end = os.times()
        spent = end.children_user - start.children_user
        assert "sanitize" in BUILD or spent < 1, spent  # of which the tokenizer needs a twentieth


def test_texts_that_are_no_prompts_are_refused():
    for text in (b"", b" ", b"\t", b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80"):
        check_failure(clipseg("segment", PICTURE, "-q", "--json", "-p", os.fsdecode(text)), 2)
    save("nul.txt", b"a\0b\n")
    check_failure(clipseg("segment", PICTURE, "-q", "--json", "--prompts", "nul.txt"), 2, "nul.txt", "NUL")


if __name__ == "__main__":
    main(sys.modules[__name__])
