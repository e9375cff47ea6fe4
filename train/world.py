"""The things that the built-in model knows, and which of them a word means.

Things are emoji: names and keywords come from Unicode's CLDR annotations, the grouping from emojibase. A prompt is
always a word (or phrase) with the set of things that it means, so "fruit" means all of them and "pancake" one.
"""
import json
import re
import zlib
from dataclasses import dataclass, field

# Subgroups whose drawings are things one could point at in a picture, and the category words for each.
CATEGORIES = {
    "animal-mammal": ["animal", "mammal"], "animal-bird": ["animal", "bird"], "animal-amphibian": ["animal"],
    "animal-reptile": ["animal", "reptile"], "animal-marine": ["animal", "sea animal"],
    "animal-bug": ["animal", "insect", "bug"], "plant-flower": ["plant", "flower"], "plant-other": ["plant"],
    "food-fruit": ["food", "fruit", "something to eat"], "food-vegetable": ["food", "vegetable", "something to eat"],
    "food-prepared": ["food", "meal", "something to eat"], "food-asian": ["food", "meal", "something to eat"],
    "food-sweet": ["food", "dessert", "something sweet", "something to eat"],
    "drink": ["drink", "beverage", "something to drink"], "dishware": ["dishware", "tableware"],
    "transport-ground": ["vehicle"], "transport-water": ["vehicle", "boat"], "transport-air": ["vehicle", "aircraft"],
    "musical-instrument": ["musical instrument"], "tool": ["tool"],
}

# Drawings that name a whole scene, a sign, or that the two fonts draw with nothing in common.
LEFT_OUT = re.compile(
    r"moon face|sun with face|paw prints|feather|no |sign|stop|traffic|^fuel|barber|carousel|roller|ferris|"
    r"^hut|cityscape|sparkles$|wheel$|bullseye|o.clock|thirty|crescent|moon|fog|wind face|rainbow|droplet|cyclone|"
    r"custard|pouring|dango|oden|fish cake|rice cracker|rice ball|cooked rice|bento|tamale|fondue|falafel|"
    r"stuffed|takeout|mate$|sake$|pea pod|ginger|beans|olive|herb|pine|empty nest|wilted|leaf fluttering|"
    r"chains|hook|clamp|chemistry|balance|crossed|hammer and|satellite|seat|saucer|construction|motorway|"
    r"microbe|worm|coral|cockroach|badger|skunk|sloth|dodo|mammoth|guide dog|chipmunk|two-hump|pig nose|"
    r"canned|baby bottle|clinking|amphora|white cane|wheelchair|police car light|wing$|bison|boar|"
    r"oncoming|departure|arrival|magnet$|medal|goal net|martial|flag in|hundred|heart|mask|slot machine|chart|calendar|label|bookmark|currency|yen|dollar|euro|pound|wings|fire$|"
    r"water wave|comet|dizzy|glowing star|globe|camping|railway|station|umbrella on ground|rail|"
    r"^tear-off|spiral calendar|card index|wastebasket|outbox|inbox|e-mail|ballot|postbox|joystick|nazar|thread|yarn|knot|"
    r"admission|reminder|ticket|mahjong|flower playing|^joker|kimono|sari|bowl with spoon|shortcake|ring$|^sun$|cloud")

COLOURS = {
    "red": (220, 30, 35), "orange": (245, 130, 20), "yellow": (250, 215, 40), "green": (50, 165, 60),
    "blue": (40, 95, 220), "purple": (135, 60, 180), "pink": (250, 130, 185), "brown": (125, 75, 40),
    "white": (245, 245, 245), "black": (45, 45, 50), "grey": (140, 140, 145),
}

CUTLERY = {"fork and knife", "spoon", "fork and knife with plate", "kitchen knife", "chopsticks"}

EXTRA_NAMES = {
    "fork and knife": ["fork", "knife and fork"], "pancakes": ["pancake"], "blueberries": ["blueberry"],
    "hot beverage": ["coffee", "a cup of coffee", "cup"], "teacup without handle": ["tea", "green tea"],
    "glass of milk": ["milk"], "automobile": ["car"], "red apple": ["apple"], "tangerine": ["orange", "mandarin"],
    "cooking": ["fried egg", "frying pan"], "wine glass": ["wine"], "beer mug": ["beer"], "bread": ["toast", "loaf of bread"],
    "cheese wedge": ["cheese"], "hamburger": ["burger"], "french fries": ["fries", "chips"], "soccer ball": ["football"],
    "fork and knife with plate": ["plate", "plate with cutlery"], "locomotive": ["steam train"], "bus": ["coach"],
    "croissant": ["croissants"], "honey pot": ["honey"], "cup with straw": ["soft drink"], "shortcake": ["cake"],
    "strawberry": ["strawberries"], "grapes": ["grape"], "cherries": ["cherry"], "kitchen knife": ["knife"],
}

COLOUR_WORD = re.compile(r"\b(" + "|".join(COLOURS) + r"|gray|golden|gold)\b")


@dataclass
class Thing:
    """One thing: its code points (for the drawings), its names, and all words that mean it."""
    code: str
    name: str
    subgroup: str
    names: list = field(default_factory=list)
    tint: str = ""          # "orange juice" is the glass of milk, its white part dyed
    held_out_style: int = -1  # the drawing that training never shows: 0 Noto, 1 Twemoji, -1 both are known


def _simple_names(name):
    plain = re.sub(r" face$", "", name)
    names = [name] if plain == name else [plain, name]
    if name.endswith("ies"):
        names.append(name[:-3] + "y")
    return names


def load_things(emojibase, cldr, has_drawing):
    """Things from emojibase's data.json and messages.json and CLDR's annotations.json; has_drawing(code) says whether
    both styles draw it. The order, and with it every number, is fixed by the code points."""
    data = json.load(open(f"{emojibase}/data.json", encoding="utf-8"))
    messages = json.load(open(f"{emojibase}/messages.json", encoding="utf-8"))
    subgroups = {}
    for s in messages["subgroups"]:
        subgroups.setdefault(s["order"], s["key"])
    subgroups[46] = "food-sweet"
    notes = json.load(open(f"{cldr}/annotations.json", encoding="utf-8"))["annotations"]["annotations"]
    things, keywords = [], {}
    for e in sorted(data, key=lambda e: e["hexcode"]):
        subgroup = subgroups.get(e.get("subgroup"), "")
        note = notes.get(e["emoji"].replace("\ufe0f", "")) or notes.get(e["emoji"])
        if subgroup not in CATEGORIES or not note or "-200D-" in e["hexcode"] or e.get("skins"):
            continue
        name = note["tts"][0].lower()
        if LEFT_OUT.search(name) or not has_drawing(e["hexcode"]):
            continue
        things.append(Thing(e["hexcode"].replace("-FE0F", ""), name, subgroup,
                            _simple_names(name) + EXTRA_NAMES.get(name, [])))
        keywords[name] = [k.lower() for k in note["default"]]
    milk = next(t for t in things if t.name == "glass of milk")
    things.append(Thing(milk.code, "orange juice", "drink", ["orange juice", "a glass of orange juice", "juice"], "orange"))
    keywords["orange juice"] = ["drink", "beverage", "juice", "breakfast"]
    for i, t in enumerate(things):
        if zlib.crc32(t.name.encode()) % 10 == 0 and t.name not in CUTLERY | {
                "pancakes", "blueberries", "orange juice", "automobile"}:
            t.held_out_style = zlib.crc32(t.name.encode()) // 10 % 2
    return things, keywords


def word_table(things, keywords):
    """word -> sorted list of the numbers of the things that it means."""
    table = {}

    def add(word, number):
        if not COLOUR_WORD.search(word) or word in things[number].names:
            table.setdefault(word, set()).add(number)

    for i, t in enumerate(things):
        for word in t.names + CATEGORIES[t.subgroup]:
            add(word, i)
        if t.name in CUTLERY:
            add("cutlery", i)
            add("silverware", i)
    own = {n: i for i, t in enumerate(things) for n in t.names}
    for i, t in enumerate(things):
        for word in keywords[t.name]:
            # A keyword that is another thing's own name means that thing, not this one.
            if word not in own and len(word) > 2 and len(word.split()) < 3:
                add(word, i)
    return {w: sorted(s) for w, s in sorted(table.items()) if len(s) <= 160}


def colour_pair_held_out(thing_name, colour):
    """Colour and thing that training never shows together (about one pair in eight)."""
    return zlib.crc32(f"{colour} {thing_name}".encode()) % 8 == 0


TEMPLATES = ["{}", "{}", "{}", "a {}", "the {}", "a photo of a {}.", "a photo of the {}.", "an image of a {}.",
             "a photograph of a {}.", "a good photo of a {}.", "a photo of one {}.", "a picture of a {}"]
