"""Which things the model is to know, and why: hours on a processor are scarce, so not every emoji is one.

A concept of the emoji standard is taken where at least LEAST of the twelve artists drew it (fewer where there
are doodles of it, or where it is named below), unless it is

- a sign, a letter, a flag, an arrow, a clock face: signs are read, not recognised;
- one of many near-copies: families, professions of either sex, gestures, phases of the moon, mail boxes;
- one of the faces that differ by an eyebrow: FACES are those that can be told apart at 32 pixels.

All 345 things of Quick, Draw! are taken as doodles. Where both draw the same thing, DOODLE_OF says so.
"""

LEAST = 10
LEAST_OF_DOODLES = 7  # where there are doodles of the thing, too, it takes fewer artists

LEFT_OUT = {
    "Flags": "flags",
    "Symbols": "signs",
    "family": "near-copies",
    "person-gesture": "near-copies",
    "person-sport": "near-copies",
    "person-activity": "near-copies",
    "person-resting": "near-copies",
    "person-symbol": "near-copies",
    "time": "clock faces",
    "money": "signs",
    "mail": "near-copies",
    "sound": "signs",
    "place-map": "near-copies",
    "hand-single-finger": "near-copies",
    "hand-fingers-open": "near-copies",
    "hand-fingers-closed": "near-copies",
    "hand-fingers-partial": "near-copies",
    "award-medal": "near-copies",
    "emotion": "signs",
    "lock": "near-copies",
    "monkey-face": "near-copies",
    "cat-face": "near-copies",
    "person": "near-copies",
    "person-role": "near-copies",
    "person-fantasy": "near-copies",
    "sky & weather": "near-copies",
}
"""Categories and subcategories that are left out, and why; KEPT are the exceptions."""

FACES = """
    grinning face, smiling face with sunglasses, smiling face with heart-eyes, crying face, angry
    face, sleeping face, thinking face, cowboy hat face, slightly smiling face, face with tears of
    joy, winking face, neutral face, frowning face, face with medical mask, nerd face, partying
    face, nauseated face, star-struck, exploding head, face screaming in fear, smiling face with
    halo, smiling face with horns, zipper-mouth face, cold face, hot face
"""

KEPT = """
    people hugging, footprints, alarm clock, hourglass done, watch, stopwatch, mantelpiece clock,
    coin, money bag, credit card, envelope, package, postbox, closed mailbox with raised flag, bell,
    megaphone, loudspeaker, compass, world map, raised hand, waving hand, thumbs up, thumbs down,
    raised fist, victory hand, ok hand, trophy, collision, hole, key, old key, locked, grinning cat,
    see-no-evil monkey, man, woman, boy, girl, baby, child, old man, old woman, person, person:
    beard, princess, prince, ninja, superhero, mage, fairy, vampire, mermaid, elf, zombie, santa
    claus, astronaut, cook, farmer, artist, singer, guard, police officer, firefighter, pilot,
    student, teacher, genie, baby angel, person walking, person running, woman dancing, person
    biking, person surfing, person swimming, person in lotus position, closed umbrella, cloud, cloud
    with lightning, cloud with rain, cloud with snow, comet, crescent moon, cyclone, droplet, fire,
    full moon, glowing star, high voltage, new moon face, rainbow, ringed planet, shooting star,
    snowflake, snowman, star, sun, sun behind cloud, sun with face, tornado, umbrella, water wave,
    wind face, red circle, blue circle, red square, check mark, cross mark, peace symbol, yin yang,
    plus, red question mark, warning, radioactive, stop sign, no entry, recycling symbol, wheelchair
    symbol, right arrow
"""

DROPPED = """
    flower playing cards, mahjong red dragon, joker, club suit, spade suit, diamond suit, heart
    suit, reminder ribbon, admission tickets, tanabata tree, pine decoration, moon viewing ceremony,
    japanese dolls, wind chime, carp streamer, red envelope, rosette, sheaf of rice, herb,
    front-facing baby chick, ox, water buffalo, two-hump camel, guide dog, service dog, poodle,
    black cat, black bird, wing, paw prints, pig nose, ram, microbe, spiral shell, blue book, orange
    book, green book, bookmark tabs, label, ledger, notebook with decorative cover, page facing up,
    page with curl, rolled-up newspaper, running shirt, briefs, one-piece swimsuit, sari, safety
    vest, hair pick, ballet shoes, flat shoe, clutch bag, woman’s clothes, woman’s boot, woman’s
    sandal, man’s shoe, prayer beads, optical disk, dvd, computer disk, low battery, trackball,
    elevator, safety pin, camera with flash, film frames, magnifying glass tilted right, video
    camera, diya lamp, card index, card file box, card index dividers, file cabinet, chart
    decreasing, chart increasing, bar chart, open file folder, tear-off calendar, spiral notepad,
    linked paperclips, round pushpin, triangular ruler, identification card, placard, hamsa, funeral
    urn, headstone, mobile phone with arrow, telephone receiver, level slider, control knobs,
    musical notes, musical score, studio microphone, hammer and pick, hammer and wrench, link, black
    nib, ear with hearing aid, mechanical arm, mechanical leg, biting lip, hand with fingers
    splayed, nail polish, writing hand, selfie, love hotel, japanese post office, derelict house,
    house with garden, department store, convenience store, office building, building construction,
    brick, wood, wedding, cityscape at dusk, foggy, hot springs, sunrise over mountains, hindu
    temple, kaaba, synagogue, shinto shrine, seat, airplane arrival, airplane departure, small
    airplane, aerial tramway, suspension railway, mountain cableway, articulated lorry, bus stop,
    construction, high-speed train, horizontal traffic light, light rail, metro, minibus, monorail,
    mountain railway, motorway, oncoming automobile, oncoming bus, oncoming police car, oncoming
    taxi, manual wheelchair, motorized wheelchair, railway car, railway track, station, tram car,
    trolleybus, sport utility vehicle, motor boat, passenger ship, ferry, ring buoy, bagel,
    flatbread, bowl with spoon, fish cake with swirl, fried shrimp, oden, rice cracker, roasted
    sweet potato, moon cake, bento box, dango, stuffed flatbread, tamale, falafel, shallow pan of
    food, pot of food, food, mate, pouring liquid, sake, teacup without handle, tropical drink,
    clinking glasses, clinking beer mugs, tumbler glass, beverage box, beans, ginger root, brown
    mushroom, leafy green, white flower, wilted flower, hyacinth, lotus, empty nest, shamrock, leaf
    fluttering in wind, soft ice cream, shaved ice, custard, heart with ribbon, heart decoration,
    growing heart, beating heart, revolving hearts, love letter, mending heart, heart exclamation,
    brown heart, grey heart, light blue heart, sparkling heart, curling stone, cricket game, field
    hockey, lacrosse, softball, martial arts uniform, goal net, skis, ping pong, rugby football,
    petri dish, alembic, pager, crutch, x-ray, drop of blood, bubbles, lotion bottle, razor, sponge,
    mouse trap
"""
"""Near-copies of what is there, or hard to tell at 32 pixels."""

DOODLE_OF = {
    "angel": "baby angel",
    "apple": "red apple",
    "bandage": "adhesive bandage",
    "bee": "honeybee",
    "beach": "beach with umbrella",
    "bridge": "bridge at night",
    "book": "closed book",
    "campfire": "fire",
    "car": "automobile",
    "cell phone": "mobile phone",
    "clock": "mantelpiece clock",
    "coffee cup": "hot beverage",
    "computer": "desktop computer",
    "couch": "couch and lamp",
    "diamond": "gem stone",
    "donut": "doughnut",
    "drums": "drum",
    "eyeglasses": "glasses",
    "firetruck": "fire engine",
    "flip flops": "thong sandal",
    "flower": "blossom",
    "fork": "fork and knife",
    "hand": "raised hand",
    "hat": "top hat",
    "headphones": "headphone",
    "helmet": "rescue worker’s helmet",
    "hourglass": "hourglass done",
    "house plant": "potted plant",
    "jacket": "coat",
    "knife": "kitchen knife",
    "lantern": "red paper lantern",
    "leaf": "fallen leaf",
    "lightning": "high voltage",
    "mailbox": "closed mailbox with raised flag",
    "map": "world map",
    "moon": "crescent moon",
    "motorbike": "motorcycle",
    "ocean": "water wave",
    "pants": "jeans",
    "paper clip": "paperclip",
    "peanut": "peanuts",
    "peas": "pea pod",
    "piano": "musical keyboard",
    "picture frame": "framed picture",
    "rain": "cloud with rain",
    "rollerskates": "roller skate",
    "saw": "carpentry saw",
    "sea turtle": "turtle",
    "sheep": "ewe",
    "shoe": "running shoe",
    "smiley face": "slightly smiling face",
    "sock": "socks",
    "squirrel": "chipmunk",
    "steak": "cut of meat",
    "suitcase": "luggage",
    "teddy-bear": "teddy bear",
    "tennis racquet": "tennis",
    "traffic light": "vertical traffic light",
    "tree": "deciduous tree",
    "truck": "delivery truck",
    "vase": "amphora",
    "wine bottle": "bottle with popping cork",
    "wristwatch": "watch",
    "yoga": "person in lotus position",
    "The Eiffel Tower": "the eiffel tower",
    "The Great Wall of China": "the great wall of china",
    "The Mona Lisa": "the mona lisa",
}
"""Names of Quick, Draw! that the emoji standard has under another name (or that want lower case)."""

PHOTO_OF = {
    "apple": "red apple",
    "carrots": "carrot",
    "satsumas": "tangerine",
    "aubergine": "eggplant",
    "kiwi": "kiwi fruit",
    "pepper": "bell pepper",
    "pants": "jeans",
    "shoes": "running shoe",
    "hat": "billed cap",
    "outwear": "coat",
    "car": "racing car",
    "red beet": "beetroot",
    "longsleeve": "long-sleeved shirt",
}
"""Labels of the photographs that are called otherwise here; the rest keep their names."""


def listed(text: str) -> frozenset[str]:
    return frozenset(" ".join(text.split()).split(", "))


_FACES, _KEPT, _DROPPED = listed(FACES), listed(KEPT), listed(DROPPED)
_DOODLED = frozenset(DOODLE_OF.values())


def reason_left_out(name: str, category: str, subcategory: str, artists: int) -> str:
    """Why a concept (in lower case) is not among the things to know, "" if it is one."""
    least = LEAST_OF_DOODLES if name in _DOODLED or name in _KEPT or name in _FACES else LEAST
    if name in _KEPT or name in _FACES:
        return "" if artists >= least else "too few artists"
    if name in _DROPPED:
        return "near-copy"
    if subcategory.startswith("face-") and subcategory != "face-costume" and "skull" not in name:
        return "faces that differ by an eyebrow"
    for group in (subcategory, category):
        if group in LEFT_OUT:
            return LEFT_OUT[group]
    return "" if artists >= least else "too few artists"
