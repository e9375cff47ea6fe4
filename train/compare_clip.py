"""The evaluation's figures for single things once more, by the command: compare_clip.py CLIPSEG DUMP_DIR [MODEL]

DUMP_DIR was written by evaluate.py --dump. Prints how often `clipseg classify` names the right one of the names, and how often
the first picture that `clipseg search` finds for a name shows it, as transformers and as the command have it."""
import json
import os
import subprocess
import sys
import tempfile


def lines(*command):
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def number(path):
    return int(os.path.splitext(os.path.basename(path))[0])


def main():
    clipseg, folder = sys.argv[1:3]
    model = ["-m", sys.argv[3] if len(sys.argv) > 3 else "demo"]
    recorded = json.load(open(f"{folder}/single.json"))
    shown, phrases = recorded["shown"], {f"a photo of a {n}.": n for n in recorded["names"]}
    with tempfile.TemporaryDirectory() as work:
        open(f"{work}/labels.txt", "w").write("\n".join(phrases))
        rows = lines(clipseg, "classify", f"{folder}/single", "--labels", f"{work}/labels.txt", "--top", "1", "--json", *model)
        right = [phrases[r["labels"][0]["label"]] == shown[number(r["image"])] for r in rows]
        subprocess.run([clipseg, "index", f"{folder}/single", "-o", f"{work}/index.db", "-q", *model], check=True)
        first = []
        for name in sorted(set(shown)):
            hit = lines(clipseg, "search", f"{work}/index.db", f"a photo of a {name}.", "--top", "1", "--json")[0]
            first.append(shown[number(hit["path"])] == name)
    for kind, values in (("classify", right), ("search", first)):
        print(f"{kind:9s} command {sum(values) / len(values):.4f}  transformers {recorded[kind]:.4f}  ({len(values)})")


if __name__ == "__main__":
    main()
