"""Batches for training, made by a background process."""
import numpy as np
import torch
from torch.utils.data import IterableDataset

import scenes
import world

SINGLE_SIDES = (64, 64, 64, 96, 96, 96, 128, 128, 192)


# What the sample picture shows comes a little more often than everything else.
BREAKFAST = ("pancakes", "blueberries", "orange juice", "fork and knife", "spoon", "hot beverage", "croissant",
             "strawberry", "butter")


def choose(rng, w):
    """An instance to train on."""
    instance = scenes.choose_instance(rng, w)
    if rng.random() < 0.12:
        name = str(rng.choice(BREAKFAST))
        thing = next(i for i, t in enumerate(w.things) if t.name == name)
        instance = scenes.Instance(thing, w.choose_style(rng, thing), "")
    return instance


class Singles(IterableDataset):
    """Pictures of single things with a text for each: the contrastive stage."""

    def __init__(self, w, batch, seed, sides=(64,)):
        self.w, self.batch, self.seed, self.sides = w, batch, seed, sides

    def __iter__(self):
        rng = np.random.default_rng(self.seed)
        while True:
            yield single_batch(rng, self.w, self.batch, int(rng.choice(self.sides)))


def single_batch(rng, w, batch, side):
    instances = [choose(rng, w) for _ in range(batch)]
    pictures = np.stack([scenes.visual_prompt(rng, w, i, side) for i in instances])
    texts, matches = describe(rng, w, instances)
    return pictures, texts, matches


def describe(rng, w, instances):
    """A text for every instance, and which texts fit which instances: 1 yes, 0 no, -1 unknown."""
    asked = []
    for i in instances:
        word, colour = scenes.word_for(rng, w, i.thing), ""
        if i.colour and rng.random() < 0.6:
            word, colour = str(rng.choice(w.names_of[i.thing])), i.colour
        asked.append((word, colour))
    matches = np.zeros((len(instances), len(asked)), np.int8)
    for j, (word, colour) in enumerate(asked):
        for k, i in enumerate(instances):
            if i.thing in w.meanings[word]:
                matches[k, j] = 1 if not colour or colour == i.colour else -1 if not i.colour else 0
    return [scenes.phrase(rng, *a) for a in asked], matches


def text_matches(w, asked, kinds):
    """For every prompt of a batch of scenes (asked: its word and colour; kinds: the things that its mask shows, with their
    colours), which texts may mean what it shows: 1 yes or perhaps, 0 no."""
    matches = np.zeros((len(asked), len(asked)), np.int8)
    for j, (word, colour) in enumerate(asked):
        meaning = w.meanings.get(word, frozenset())
        for k, shown in enumerate(kinds):
            matches[k, j] = any(t in meaning and (not colour or not c or c == colour) for t, c in shown)
    return matches


class Scenes(IterableDataset):
    """Scenes with several prompts each, and one visual prompt per scene."""

    def __init__(self, w, batch, seed, side, prompts=6):
        self.w, self.batch, self.seed, self.side, self.prompts = w, batch, seed, side, prompts

    def __iter__(self):
        rng = np.random.default_rng(self.seed)
        while True:
            yield self.make(rng)

    def make(self, rng):
        w, most = self.w, 3 if self.side < 160 else 6
        pictures, texts, owners, masks, singles = [], [], [], [], []
        shown_masks, asked, kinds = [], [], []
        for n in range(self.batch):
            instances = [choose(rng, w) for _ in range(rng.integers(1, most + 1))]
            if len(instances) > 1 and rng.random() < 0.3:  # the same thing twice, in two colours
                twin = instances[0]
                colours = [c for c in world.COLOURS
                           if not world.colour_pair_held_out(w.things[twin.thing].name, c)]
                a, b = rng.choice(colours, 2, replace=False)
                instances[0] = scenes.Instance(twin.thing, twin.style, str(a))
                instances[1] = scenes.Instance(twin.thing, w.choose_style(rng, twin.thing), str(b))
            picture, owner = scenes.compose(rng, w, self.side, instances)
            pictures.append(picture)
            for k in range(self.prompts):
                prompt = None if k >= self.prompts / 2 else scenes.positive_prompt(rng, w, owner, instances)
                word, colour, mask = prompt or scenes.absent_prompt(rng, w, owner, instances)
                texts.append(scenes.phrase(rng, word, colour))
                owners.append(n)
                masks.append(mask)
                asked.append((word, colour))
                kinds.append({(instances[i].thing, instances[i].colour) for i in np.unique(owner[mask])})
            thing, mask = self.visual(rng, owner, instances)
            singles.append(thing)
            shown_masks.append(mask)
        return (np.stack(pictures), texts, np.array(owners), np.stack(masks), text_matches(self.w, asked, kinds),
                np.stack(shown_masks), *self.show(rng, singles))

    def visual(self, rng, owner, instances):
        """What the scene's visual prompt shows, and where that is: a quarter shows something absent."""
        w, seen = self.w, np.unique(owner[owner >= 0])
        if len(seen) and rng.random() < 0.75:
            thing = instances[int(rng.choice(seen))].thing
        else:
            thing = int(rng.integers(len(w.things)))
        same = frozenset(j for n in w.things[thing].names for j in w.meanings.get(n, ()))
        return scenes.Instance(thing, w.choose_style(rng, thing), ""), scenes.mask_of(owner, instances, same)

    def show(self, rng, singles):
        side = int(rng.choice(SINGLE_SIDES))
        pictures = np.stack([scenes.visual_prompt(rng, self.w, i, side) for i in singles])
        return pictures, *describe(rng, self.w, singles)


def loader(dataset):
    """One background process keeps a few batches ready."""
    return torch.utils.data.DataLoader(dataset, batch_size=None, num_workers=1, prefetch_factor=4,
                                       collate_fn=lambda batch: batch)
