"""Compose scenes of drawings, and ask for things in them.

A scene is a picture with a list of instances (thing, style, colour or None) and a map that tells for every pixel which
instance is seen there. A prompt is a text with the mask of the pixels that it means."""
from dataclasses import dataclass

import cv2
import numpy as np

import backgrounds
import variation
import world


@dataclass
class Instance:
    thing: int
    style: int
    colour: str  # "" as drawn


class World:
    """The sprites, the words, and which drawings and pairs belong to training."""

    def __init__(self, things, keywords, sprites):
        self.things, self.sprites = things, sprites
        self.words = world.word_table(things, keywords)
        self.word_list = list(self.words)
        self.meanings = {w: frozenset(s) for w, s in self.words.items()}
        self.names_of = [[n for n in t.names if n in self.words] for t in things]
        self.other_words_of = [[] for _ in things]
        for word, numbers in self.words.items():
            for i in numbers:
                if word not in things[i].names:
                    self.other_words_of[i].append(word)
        self.similar = {}
        for i, t in enumerate(things):
            self.similar.setdefault(t.subgroup, []).append(i)
        self.photos = backgrounds.photographs()
        self.drawn = sprites[..., 3].any((2, 3))  # [things, styles]
        self.training = False  # training alters the drawings (variation.py) and knows more styles, evaluation does not

    def styles(self, thing, unseen=False):
        """The styles to draw a thing in: those known to training, or only the held-out one. A thing of which one drawing
        is held out is known in one style only."""
        held = self.things[thing].held_out_style
        if unseen:
            return [held] if held >= 0 else []
        return [s for s in (0, 1) if s != held]

    def choose_style(self, rng, thing):
        """A style known to training; there, half of the drawings are in any of the five, so that about three in ten are in a
        style that is not evaluated."""
        if self.training and self.things[thing].held_out_style < 0 and rng.random() < 0.5:
            return int(rng.choice(np.flatnonzero(self.drawn[thing])))
        return int(rng.choice(self.styles(thing)))


def recolour(rgba, colour):
    """Dye a drawing: shades stay, hues become one."""
    rgb = rgba[..., :3].astype(np.float32)
    grey = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    solid = rgba[..., 3] > 128
    low, high = np.percentile(grey[solid], [5, 95]) if solid.any() else (0, 255)
    shade = np.clip((grey - low) / max(high - low, 30), 0, 1)[..., None]
    target = np.array(world.COLOURS[colour], np.float32)
    dark, light = target * 0.45, np.minimum(target * 1.15 + 25, 255)
    out = rgba.copy()
    out[..., :3] = (0.85 * (dark * (1 - shade) + light * shade) + 0.15 * rgb * target / 255).astype(np.uint8)
    return out


def place(rng, canvas, owner, number, sprite, size, angle, centre):
    """Draw a sprite turned and scaled at a place; `owner` gets its number where it is opaque."""
    side = canvas.shape[0]
    scale = size / sprite.shape[0]
    m = cv2.getRotationMatrix2D((sprite.shape[1] / 2, sprite.shape[0] / 2), angle, scale)
    m[:, 2] += np.array(centre) - np.array([sprite.shape[1] / 2, sprite.shape[0] / 2])
    if scale < 0.6:  # warpAffine does not average: reduce first
        factor = min(1.0, scale * 1.5)
        small = cv2.resize(sprite, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        m[:, :2] /= factor
        sprite = small
    drawn = cv2.warpAffine(sprite, m, (side, side), flags=cv2.INTER_LINEAR)
    x, y, width, height = cv2.boundingRect(drawn[..., 3])
    part = np.s_[y:y + height, x:x + width]
    drawn = drawn[part]
    alpha = drawn[..., 3:].astype(np.float32) / 255
    canvas[part] = canvas[part] * (1 - alpha) + drawn[..., :3] * alpha
    owner[part][drawn[..., 3] > 127] = number


def draw_instance(rng, w, instance, canvas, owner, number, size, centre, plain=False):
    sprite = w.sprites[instance.thing, instance.style]
    if instance.colour:
        sprite = recolour(sprite, instance.colour)
    elif not plain and rng.random() < 0.5:  # a light tint and brightness, as light does it
        sprite = sprite.copy()
        gain = rng.uniform(0.75, 1.2) * rng.uniform(0.9, 1.1, 3)
        sprite[..., :3] = np.clip(sprite[..., :3] * gain, 0, 255)
    if w.training:
        sprite = variation.vary(rng, sprite, hues=not instance.colour)
    if rng.random() < 0.5:
        sprite = np.ascontiguousarray(sprite[:, ::-1])
    angle = 0.0 if rng.random() < 0.3 else rng.normal(0, 25)
    place(rng, canvas, owner, number, sprite, size, angle, centre)


def choose_instance(rng, w, unseen_style=False, unseen_colour=False):
    while True:
        thing = int(rng.integers(len(w.things)))
        if unseen_style and not w.styles(thing, True):
            continue
        colour = ""
        if unseen_colour or (rng.random() < 0.25 and not unseen_style):
            colour = str(rng.choice(list(world.COLOURS)))
            if world.colour_pair_held_out(w.things[thing].name, colour) != unseen_colour:
                continue
        style = w.styles(thing, True)[0] if unseen_style else w.choose_style(rng, thing)
        return Instance(thing, style, colour)


def compose(rng, w, size, instances, smallest=36, largest=None):
    """uint8 picture [size, size, 3] and owner map int16 [size, size]: -1 background, else the instance's number."""
    canvas = backgrounds.make(rng, size, w.photos)
    owner = np.full((size, size), -1, np.int16)
    largest = largest or size * 0.62
    for i, instance in enumerate(instances):
        extent = float(np.exp(rng.uniform(np.log(smallest), np.log(largest))))
        margin = extent * 0.35
        best = None
        for _ in range(6):  # prefer places that are still free
            centre = rng.uniform(margin, size - margin, 2)
            x0, y0 = np.maximum(centre - extent / 2, 0).astype(int)
            x1, y1 = (centre + extent / 2).astype(int) + 1
            covered = (owner[y0:y1, x0:x1] >= 0).mean()
            if best is None or covered < best[0]:
                best = (covered, centre)
            if covered < 0.1:
                break
        draw_instance(rng, w, instance, canvas, owner, i, extent, best[1])
    if rng.random() < 0.15:
        canvas = cv2.GaussianBlur(canvas, (3, 3), 0)
    return np.clip(canvas, 0, 255).astype(np.uint8), owner


def mask_of(owner, instances, meaning, colour=""):
    numbers = [i for i, k in enumerate(instances) if k.thing in meaning and (not colour or k.colour == colour)]
    return np.isin(owner, numbers)


def word_for(rng, w, thing):
    """A name (mostly), or another word that means the thing."""
    if rng.random() < 0.65 or not w.other_words_of[thing]:
        return str(rng.choice(w.names_of[thing]))
    return str(rng.choice(w.other_words_of[thing]))


def positive_prompt(rng, w, owner, instances):
    """(word, colour, mask) for something that is seen, or None."""
    seen = np.unique(owner[owner >= 0])
    if not len(seen):
        return None
    instance = instances[int(rng.choice(seen))]
    word, colour = word_for(rng, w, instance.thing), ""
    meaning = w.meanings[word]
    if instance.colour and rng.random() < 0.6:
        word = str(rng.choice(w.names_of[instance.thing]))
        meaning, colour = w.meanings[word], instance.colour
        if any(k.thing in meaning and not k.colour for k in instances):
            colour = ""  # something drawn in its own colours may be of that colour too
    return word, colour, mask_of(owner, instances, meaning, colour)


def absent_prompt(rng, w, owner, instances):
    """(word, colour, empty mask) for something that is not there, often nearly."""
    present = {k.thing for k in instances}
    for _ in range(30):
        kind = rng.random()
        if kind < 0.35 and instances:  # of the same kind as something that is there
            near = w.things[instances[int(rng.integers(len(instances)))].thing].subgroup
            word = word_for(rng, w, int(rng.choice(w.similar[near])))
        elif kind < 0.55 and instances:  # the right thing in another colour
            instance = instances[int(rng.integers(len(instances)))]
            word = str(rng.choice(w.names_of[instance.thing]))
            meaning = w.meanings[word]
            colours = {k.colour for k in instances if k.thing in meaning}
            colour = str(rng.choice(list(world.COLOURS)))
            if "" in colours or colour in colours:
                continue
            return word, colour, np.zeros(owner.shape, bool)
        else:
            word = str(rng.choice(w.word_list))
        if not present & w.meanings[word]:
            return word, "", np.zeros(owner.shape, bool)
    return "nothing", "", np.zeros(owner.shape, bool)


def phrase(rng, word, colour):
    text = f"{colour} {word}" if colour else word
    template = str(rng.choice(world.TEMPLATES))
    if text.startswith(("a ", "something")):
        template = "{}"
    text = template.format(text)
    return text.replace("a a", "an a", 1) if text.startswith("a a") else text


def visual_prompt(rng, w, instance, size):
    """A picture of one thing as PAPER's visual prompts look: cut out, the rest dark and blurred, or as it is."""
    canvas = backgrounds.make(rng, size, w.photos)
    owner = np.full((size, size), -1, np.int16)
    extent = size * rng.uniform(0.55, 0.95)
    draw_instance(rng, w, instance, canvas, owner, 0, extent, size / 2 + rng.normal(0, size * 0.04, 2))
    if rng.random() < 0.4:
        back = cv2.GaussianBlur(canvas, (0, 0), max(1.0, size / 60)) * 0.1 + np.array([112.0, 105.0, 94.0]) * 0.9
        canvas = np.where((owner == 0)[..., None], canvas, back)
    return np.clip(canvas, 0, 255).astype(np.uint8)
