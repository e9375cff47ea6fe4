"""Measure a model on scenes that training never saw: evaluate.py SOURCES_DIR SPRITES MODEL_DIR [--scenes 500] [--json OUT]
[--dump DIR]

Every kind has its own fixed stream of scenes. Foreground is where the probability is above 0.5; the IoU of a sample is
TP / (1 + TP + FP + FN) (CLIPSeg, PhraseCut), printed as mean over samples.
  known     things in drawings known to training, asked for by name, synonym or category
  unseen    the thing is drawn in the style that training never showed
  colour    two of the same kind in two colours, asked for by a pair of colour and name that training never had
  visual    asked for by a picture of the thing in the other style
  absent    asked for something that is not there: the share of scenes of which less than 1 % is painted
  near      the same with something similar, or the right thing in another colour
  classify  pictures of single things, the most similar of 200 names
  search    the same pictures searched for each of these names: how often the first one found shows it
--dump writes the scenes, masks and prompts of the first kinds and the single things, for comparison with the command
(compare.py, compare_clip.py).
"""
import argparse
import json
import os

import numpy as np
import torch
from PIL import Image
from transformers import CLIPSegForImageSegmentation, CLIPTokenizer

import network
import scenes
import sprites
import world

KINDS = ("known", "unseen", "colour", "visual", "absent", "near")
SMALLEST = 0.004  # of the picture: what is hidden almost completely is not asked for
NAMES = 200


def others(rng, w, count):
    return [scenes.choose_instance(rng, w) for _ in range(count)]


def show(rng, w, instances, target):
    """A scene in which instance `target` can be seen well enough, or None."""
    picture, owner = scenes.compose(rng, w, network.SIDE, instances)
    return (picture, owner) if (owner == target).mean() >= SMALLEST else None


def eval_word(rng, w, thing):
    """A name, or (one in five) a category."""
    t = w.things[thing]
    words = world.CATEGORIES[t.subgroup] if rng.random() < 0.2 else w.names_of[thing]
    return str(rng.choice([x for x in words if x in w.words] or w.names_of[thing]))


def sample(rng, w, kind):
    """(picture, text or None, prompt picture or None, mask), or None when the scene does not serve."""
    target = scenes.choose_instance(rng, w, unseen_style=kind == "unseen", unseen_colour=kind == "colour")
    instances = others(rng, w, int(rng.integers(0, 5)))
    if kind == "colour":
        known = [c for c in world.COLOURS if c != target.colour]
        instances = instances[:3] + [scenes.Instance(target.thing, target.style, str(rng.choice(known)))]
    if kind == "visual":
        target.colour = ""
        if len(w.styles(target.thing)) < 2:
            return None
    instances.append(target)
    made = show(rng, w, instances, len(instances) - 1)
    if not made:
        return None
    picture, owner = made
    if kind == "near":
        word, colour, mask = scenes.absent_prompt(rng, w, owner, instances)
        return picture, scenes.phrase(rng, word, colour), None, mask
    if kind == "absent":
        present = {i.thing for i in instances}
        word = str(rng.choice([x for x in w.word_list if not present & w.meanings[x]]))
        return picture, scenes.phrase(rng, word, ""), None, np.zeros(owner.shape, bool)
    if kind == "visual":
        meaning = frozenset(j for n in w.things[target.thing].names for j in w.meanings.get(n, ()))
        shown = scenes.visual_prompt(rng, w, scenes.Instance(target.thing, 1 - target.style, ""), network.SIDE)
        return picture, None, shown, scenes.mask_of(owner, instances, meaning)
    if kind == "colour":
        word = w.names_of[target.thing][0]
        return (picture, scenes.phrase(rng, word, target.colour), None,
                scenes.mask_of(owner, instances, w.meanings[word], target.colour))
    word = eval_word(rng, w, target.thing)
    return picture, scenes.phrase(rng, word, ""), None, scenes.mask_of(owner, instances, w.meanings[word])


def samples(w, kind, count):
    rng, found = np.random.default_rng(90000 + KINDS.index(kind)), 0
    while found < count:
        made = sample(rng, w, kind)
        if made:
            found += 1
            yield made


class Model:
    def __init__(self, folder):
        self.network = CLIPSegForImageSegmentation.from_pretrained(folder).float().eval()
        self.tokenizer = CLIPTokenizer.from_pretrained(folder)

    def embed(self, texts):
        ids = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")["input_ids"]
        return network.encode_texts(self.network, ids)

    def foreground(self, picture, text, shown):
        activations, _, _ = network.encode_images(self.network, network.pixels(picture[None]))
        condition = self.embed([text]) if text else network.encode_images(self.network, network.pixels(shown[None]))[1]
        return network.decode(self.network, activations, condition, torch.zeros(1, dtype=torch.long))[0] > 0


def iou(found, mask):
    found, mask = np.asarray(found), np.asarray(mask)
    return (found & mask).sum() / (1 + (found | mask).sum())


def dump_sample(folder, kind, number, made):
    picture, text, shown, mask = made
    name = f"{folder}/{kind}-{number:03d}"
    Image.fromarray(picture).save(f"{name}.png")
    Image.fromarray(mask.astype(np.uint8) * 255).save(f"{name}.truth.png")
    if shown is not None:
        Image.fromarray(shown).save(f"{name}.prompt.png")
    return {"name": f"{kind}-{number:03d}", "kind": kind, "text": text}


def single_things(w, count):
    """The names' things, and pictures with the number of the thing that each shows."""
    rng = np.random.default_rng(95000)
    chosen = rng.permutation(len(w.things))[:NAMES]
    made = []
    for _ in range(count):
        k = int(rng.integers(NAMES))
        style = int(rng.choice(w.styles(int(chosen[k]))))
        made.append((k, scenes.visual_prompt(rng, w, scenes.Instance(int(chosen[k]), style, ""), network.SIDE)))
    return chosen, made


def classify_and_search(model, w, count, dump):
    """Two things of one name count as the same."""
    chosen, made = single_things(w, count)
    names = [w.names_of[i][0] for i in chosen]
    shown = [names[k] for k, _ in made]
    texts = model.embed([f"a photo of a {n}." for n in names])
    images = torch.cat([network.encode_images(model.network, network.pixels(p[None]))[1] for _, p in made])
    similarity = network.similarity(images, texts).numpy()
    right = np.mean([names[best] == name for best, name in zip(similarity.argmax(1), shown)])
    first = np.mean([shown[similarity[:, names.index(n)].argmax()] == n for n in sorted(set(shown))])
    if dump:
        os.makedirs(f"{dump}/single", exist_ok=True)
        for number, (_, picture) in enumerate(made):
            Image.fromarray(picture).save(f"{dump}/single/{number:03d}.png")
        json.dump({"names": names, "shown": shown, "classify": float(right), "search": float(first)},
                  open(f"{dump}/single.json", "w"), indent=1)
    return float(right), float(first)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("sources")
    a.add_argument("sprites")
    a.add_argument("model")
    a.add_argument("--scenes", type=int, default=500)
    a.add_argument("--json")
    a.add_argument("--dump")
    args = a.parse_args()
    things, keywords = sprites.load_world(args.sources)
    w = scenes.World(things, keywords, np.load(args.sprites)["sprites"])
    model, figures, index = Model(args.model), {}, []
    if args.dump:
        os.makedirs(args.dump, exist_ok=True)
    with torch.inference_mode():
        for kind in KINDS:
            values = []
            for number, made in enumerate(samples(w, kind, args.scenes)):
                found = model.foreground(*made[:3])
                values.append(float(found.float().mean() < 0.01) if kind in ("absent", "near") else iou(found, made[3]))
                if args.dump:
                    index.append(dict(dump_sample(args.dump, kind, number, made), value=float(values[-1])))
            figures[kind] = float(np.mean(values))
            print(f"{kind:9s} {figures[kind]:.3f}", flush=True)
        figures["classify"], figures["search"] = classify_and_search(model, w, args.scenes, args.dump)
        print(f"classify  {figures['classify']:.3f}\nsearch    {figures['search']:.3f}")
    if args.json:
        json.dump(dict(figures, scenes=args.scenes), open(args.json, "w"), indent=1)
    if args.dump:
        json.dump(index, open(f"{args.dump}/index.json", "w"), indent=1)


if __name__ == "__main__":
    main()
