"""Write what torch.save writes, without torch: state_dicts as zip archives and in the older format, whole or spoilt."""
import json
import struct
import zipfile

STORAGES = {"F32": "FloatStorage", "F16": "HalfStorage", "BF16": "BFloat16Storage", "F64": "DoubleStorage",
            "I64": "LongStorage", "U8": "ByteStorage"}
SIZES = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8, "U8": 1}


def read_safetensors(path):
    """{name: (type, shape, bytes)}"""
    data = open(path, "rb").read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    body = data[8 + length:]
    return {name: (info["dtype"], info["shape"], body[slice(*info["data_offsets"])]) for name, info in header.items()}


def write_safetensors(path, tensors):
    header, body = {}, b""
    for name, (kind, shape, data) in tensors.items():
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)


# ---- opcodes

def text(value):
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -2 ** 31 <= value < 2 ** 31:
        return b"J" + struct.pack("<i", value)
    return b"\x8a\x08" + struct.pack("<q", value)


def tuple_of(*parts):
    return b"(" + b"".join(parts) + b"t"


def name(module, attribute):
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"


ORDERED_DICT = name("collections", "OrderedDict") + b")R"
REBUILD = name("torch._utils", "_rebuild_tensor_v2")


def storage(key, kind, count, legacy=False, torch_type=None):
    return tuple_of(text("storage"), name("torch", torch_type or STORAGES[kind]), text(key), text("cpu"), number(count),
                    b"N" if legacy else b"") + b"Q"


def strides_of(shape):
    strides, step = [], 1
    for size in reversed(shape):
        strides.insert(0, step)
        step *= size
    return strides


def tensor(key, kind, shape, count=None, offset=0, strides=None, legacy=False, **more):
    total = 1
    for size in shape:
        total *= size
    strides = strides_of(shape) if strides is None else strides
    return REBUILD + tuple_of(storage(key, kind, total if count is None else count, legacy, **more), number(offset),
                              tuple_of(*map(number, shape)), tuple_of(*map(number, strides)), b"\x89",
                              ORDERED_DICT) + b"R"


def state_dict(entries):
    """The pickle of a dict with entries {name: opcodes of a value}."""
    return b"\x80\x02" + ORDERED_DICT + b"(" + b"".join(text(k) + v for k, v in entries.items()) + b"u."


# ---- files

def write_archive(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member, data in members.items():
            archive.writestr(member, data)


def write_zip(path, tensors, folder="archive", **more):
    """torch.save's form since 1.6 of {name: (type, shape, bytes)}."""
    entries, members = {}, {}
    for i, (key, (kind, shape, data)) in enumerate(tensors.items()):
        entries[key] = tensor(str(i), kind, shape)
        members[f"{folder}/data/{i}"] = data
    write_archive(path, {f"{folder}/data.pkl": state_dict(entries), f"{folder}/byteorder": b"little", **members,
                         f"{folder}/version": b"3\n"}, **more)


LEGACY_START = (b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + b"\x80\x02" + number(1001) + b"." +
                b"\x80\x02}(" + text("protocol_version") + number(1001) + text("little_endian") + b"\x88u.")


def write_legacy(path, tensors):
    """The form before 1.6."""
    entries, keys, bodies = {}, b"", b""
    for i, (key, (kind, shape, data)) in enumerate(tensors.items()):
        entries[key] = tensor(str(i), kind, shape, legacy=True)
        keys += text(str(i))
        bodies += struct.pack("<q", len(data) // SIZES[kind]) + data
    open(path, "wb").write(LEGACY_START + state_dict(entries) + b"\x80\x02](" + keys + b"e." + bodies)
