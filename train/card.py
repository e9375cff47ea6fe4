"""Put the evaluation's figures into the model card: card.py FIGURES_JSON README"""
import json
import re
import sys

ROWS = (("known", "known drawings, new scenes, text prompt: mean IoU", 0.60, 0.75),
        ("unseen", "drawings never seen in this style: mean IoU", 0.40, 0.60),
        ("colour", "colour and thing never seen together: mean IoU", 0.40, 0.60),
        ("visual", "visual prompt in the other style: mean IoU", 0.45, 0.65),
        ("absent", "prompt for something absent: share of scenes left nearly empty", 0.85, 0.95),
        ("near", "the same with something similar, or another colour", None, None),
        ("classify", "single things among 200 names: top-1", 0.75, 0.90),
        ("search", "the same things searched by name: the first one found shows it", None, None))


def main():
    figures, path = json.load(open(sys.argv[1])), sys.argv[2]
    lines = [f"| {figures['scenes']} scenes of each kind | measured | wanted at least | aim |", "|---|---|---|---|"]
    for key, text, least, aim in ROWS:
        lines.append(f"| {text} | {figures[key]:.2f} | {least or '-'} | {aim or '-'} |")
    card = open(path, encoding="utf-8").read()
    card = re.sub(r"<!-- figures -->.*?(?=\n## )", "<!-- figures -->\n" + "\n".join(lines) + "\n", card, flags=re.S)
    open(path, "w", encoding="utf-8").write(card)


if __name__ == "__main__":
    main()
