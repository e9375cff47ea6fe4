#!/usr/bin/env python3
"""Which folder of src/ may include which: the layers of the library. Prints every include against the direction, and
functions longer than 80 lines."""
import os
import re
import sys

ALLOWED = {
    "base": set(), "kernels": {"base"}, "nn": {"base", "kernels"}, "checkpoint": {"base"}, "text": {"base"},
    "image": {"base", "kernels"}, "model": {"base", "kernels", "nn", "checkpoint", "text", "image"},
    "segment": {"base", "kernels", "nn", "model", "image", "checkpoint", "text"}, "output": {"base", "image"},
    "cli": {"base", "kernels", "nn", "checkpoint", "text", "image", "model", "segment", "output", "index", "hub"},
    "index": {"base", "kernels"},
    "hub": {"base", "kernels", "nn", "checkpoint", "text", "image", "model", "segment", "output"},
}
LONGEST = 80


def sources():
    for folder, _, names in os.walk("src"):
        for name in names:
            if name.endswith((".c", ".h")):
                yield os.path.join(folder, name)


def long_functions(lines):
    start, name = None, ""
    for number, line in enumerate(lines, 1):
        if re.match(r"^[A-Za-z].*\(", line):
            name = line.split("(")[0]
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            if number - start > LONGEST:
                yield f"{name}: {number - start} lines"
            start = None


def main():
    failed = False
    for path in sorted(sources()):
        layer = path.split(os.sep)[1]
        lines = open(path, encoding="utf-8").read().split("\n")
        for number, line in enumerate(lines, 1):
            found = re.match(r'#include "([a-z]+)/', line)
            if found and found[1] != layer and found[1] not in ALLOWED[layer]:
                print(f"{path}:{number}: {layer} must not include {found[1]}")
                failed = True
        for text in long_functions(lines):
            print(f"{path}: {text}, more than {LONGEST}")
            failed = True
    return failed


if __name__ == "__main__":
    sys.exit(main())
