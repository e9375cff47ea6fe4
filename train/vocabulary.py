"""CLIP's tokenizer files with a small vocabulary of our own: byte-pair merges learned from the prompts.

    vocabulary.py SOURCES_DIR OUT_DIR [--merges N]
"""
import argparse
import collections
import json
import os
import re


def byte_alphabet():
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {b: chr(b) for b in keep}, 0
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + extra)
            extra += 1
    return table


def learn_merges(counts, number):
    """counts: word -> how often. Ties go to the pair that sorts first, so the result is always the same."""
    table = byte_alphabet()
    words = {}
    for word, n in counts.items():
        letters = [table[b] for b in word.encode()]
        words[tuple(letters[:-1] + [letters[-1] + "</w>"])] = n
    merges = []
    while len(merges) < number:
        pairs = collections.Counter()
        for letters, n in words.items():
            for pair in zip(letters, letters[1:]):
                pairs[pair] += n
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        joined = {}
        for letters, n in words.items():
            out, i = [], 0
            while i < len(letters):
                if letters[i:i + 2] == best:
                    out.append("".join(best))
                    i += 2
                else:
                    out.append(letters[i])
                    i += 1
            joined[tuple(out)] = joined.get(tuple(out), 0) + n
        words = joined
    return merges


def prompt_words(words):
    """How often each word of a prompt occurs; every colour and every word of the templates many times."""
    import world
    counts = collections.Counter()
    for text in words:
        counts.update(re.findall(r"[^\W\d_]+|\d|[^\s\w]+", text.lower()))
    for text in list(world.COLOURS) * 40 + [t.replace("{}", "") for t in world.TEMPLATES] * 20:
        counts.update(re.findall(r"[^\W\d_]+|\d|[^\s\w]+", text.lower()))
    return counts


def write(out, merges):
    alphabet = sorted(byte_alphabet().values(), key=ord)
    tokens = alphabet + [c + "</w>" for c in alphabet] + ["".join(m) for m in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    os.makedirs(out, exist_ok=True)

    def dump(name, value, **kw):
        with open(os.path.join(out, name), "w", encoding="utf-8") as f:
            json.dump(value, f, **kw)
            f.write("\n")

    dump("vocab.json", {t: i for i, t in enumerate(tokens)}, ensure_ascii=False)
    with open(os.path.join(out, "merges.txt"), "w", encoding="utf-8") as f:
        f.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    end = "<|endoftext|>"
    dump("tokenizer_config.json", {
        "tokenizer_class": "CLIPTokenizer", "model_max_length": 32, "do_lower_case": True, "errors": "replace",
        "add_prefix_space": False, "bos_token": "<|startoftext|>", "eos_token": end, "unk_token": end,
        "pad_token": end}, indent=2)
    dump("special_tokens_map.json", {"bos_token": "<|startoftext|>", "eos_token": end, "unk_token": end,
                                     "pad_token": end}, indent=2)
    return len(tokens)


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("sources")
    a.add_argument("out")
    a.add_argument("--merges", type=int, default=1000)
    args = a.parse_args()
    import sprites
    import world
    things, keywords = sprites.load_world(args.sources)
    counts = prompt_words(world.word_table(things, keywords))
    print(write(args.out, learn_merges(counts, args.merges)), "tokens")


if __name__ == "__main__":
    main()
