"""The words: which things there are to know first, what people call them, and grounds and styles by name."""

from emoji_model.data import Emoji

COLOURS = {
    "red": (0.86, 0.20, 0.18),
    "orange": (0.96, 0.58, 0.16),
    "yellow": (0.98, 0.85, 0.30),
    "green": (0.36, 0.70, 0.33),
    "blue": (0.24, 0.47, 0.85),
    "purple": (0.55, 0.34, 0.75),
    "pink": (0.97, 0.62, 0.74),
    "brown": (0.50, 0.34, 0.24),
    "grey": (0.60, 0.60, 0.62),
    "black": (0.07, 0.07, 0.09),
}
"""RGB in [0,1] of the grounds that a caption calls by colour."""

GROUNDS = ("plain", "gradient", "night", "meadow", "snow", "table")
"""`table` is a textured one with a soft shadow: what "a photo of" stands on."""

STYLES = ("none", "oil painting", "pencil drawing", "lithograph", "mosaic", "photo")

HATS = [
    "top hat",
    "crown",
    "graduation cap",
    "billed cap",
    "woman’s hat",
    "rescue worker’s helmet",
    "military helmet",
]
HEADS = [
    "man",
    "woman",
    "boy",
    "girl",
    "child",
    "person",
    "old man",
    "old woman",
    "older person",
    "baby",
    "cat face",
    "dog face",
    "bear",
    "panda",
    "koala",
    "frog",
    "monkey face",
    "tiger face",
    "robot",
    "alien",
    "ghost",
    "skull",
    "snowman",
]

PEOPLE = ["man", "woman", "boy", "girl", "child", "person", "old man", "old woman"]
CENTRES = ["fire", "birthday cake", "evergreen tree", "snowman", "fountain", "wrapped gift"]
"""Who stands around what in "people around a campfire"."""

MOUNTAINS = ["mountain", "snow-capped mountain"]
HOMES = ["house", "houses", "hut"]
"""What a "snowy mountain village" is made of."""

MORE_NAMES = {
    "rocket": ("rocket ship", "spaceship"),
    "man": ("man’s face",),
    "old man": ("grandfather",),
    "old woman": ("grandmother",),
    "snow-capped mountain": ("snowy mountain",),
    "houses": ("village", "small village"),
    "camping": ("campsite", "tent and a tree"),
    "fire": ("campfire", "flame"),
    "people hugging": ("people",),
    "skull": ("skull", "human skull"),
    "water wave": ("wave", "sea"),
    "top hat": ("hat", "black hat"),
    "red heart": ("heart",),
    "automobile": ("car", "red car"),
    "hot beverage": ("cup of coffee", "coffee"),
    "red apple": ("apple",),
    "jack-o-lantern": ("pumpkin", "halloween pumpkin"),
    "evergreen tree": ("fir tree", "tree"),
    "deciduous tree": ("tree", "leafy tree"),
    "house": ("home", "small house"),
    "airplane": ("plane",),
    "cat face": ("face of a cat",),
    "dog face": ("face of a dog",),
    "dragon face": ("face of a dragon",),
    "beaming face with smiling eyes": ("smile", "smiley"),
}
"""What people say, where CLDR has no word for it."""

SIGNS = [
    "button",
    "keycap",
    "arrow",
    "input",
    "o’clock",
    "-thirty",
    "facing",
    "family:",
    "couple",
    "kiss:",
    "symbol",
    "square",
    "circle",
    "mark",
    "medium",
    "vs",
    "japanese",
    "speech",
    "suit",
    "banknote",
    "mailbox",
    "medal",
    "map",
]
"""Parts of names of what is a sign, or one of many near-copies: drawn seldom."""

ZODIAC = "aries taurus gemini cancer leo virgo libra scorpio sagittarius capricorn aquarius pisces ophiuchus"

CORE = """
    dog, cat, horse, cow, pig, goat, rabbit, tiger, leopard, lion, elephant, giraffe, zebra, camel,
    bear, panda, koala, fox, wolf, deer, moose, gorilla, monkey, mouse, hamster, hedgehog, bat, sloth,
    otter, beaver, unicorn, dragon, t-rex, crocodile, turtle, snake, lizard, frog, fish, tropical fish,
    blowfish, shark, whale, octopus, crab, shrimp, squid, jellyfish, penguin, owl, eagle, duck, swan,
    dove, chicken, rooster, baby chick, turkey, bird, butterfly, bug, ant, honeybee, lady beetle,
    spider, worm, spiral shell, cat face, dog face, tiger face, monkey face, mouse face, rabbit face,
    dragon face, polar bear, rose, tulip, sunflower, hibiscus, blossom, cherry blossom, bouquet, cactus,
    seedling, palm tree, evergreen tree, deciduous tree, potted plant, four leaf clover, maple leaf,
    fallen leaf, mushroom, feather, red apple, green apple, pear, peach, cherries, strawberry, lemon,
    banana, grapes, watermelon, tangerine, coconut, tomato, carrot, broccoli, eggplant, potato, onion,
    bread, croissant, pretzel, pizza, hamburger, hot dog, taco, sandwich, french fries, popcorn,
    doughnut, cookie, birthday cake, shortcake, ice cream, candy, lollipop, chocolate bar, egg, bacon,
    cheese wedge, sushi, hot beverage, beer mug, wine glass, honey pot, sun, sun with face, crescent
    moon, full moon, star, glowing star, cloud, rainbow, snowflake, snowman, fire, water wave, droplet,
    volcano, mountain, snow-capped mountain, mount fuji, desert island, sunrise, sunset, night with
    stars, comet, ringed planet, tornado, high voltage, man, woman, boy, girl, baby, child, old man, old
    woman, person, person: beard, people hugging, princess, prince, ninja, superhero, mage, fairy,
    vampire, mermaid, elf, zombie, santa claus, astronaut, cook, farmer, artist, singer, guard, ghost,
    alien, robot, skull, clown face, jack-o-lantern, eye, eyes, ear, nose, mouth, tooth, bone, brain,
    footprints, thumbs up, waving hand, red heart, blue heart, green heart, yellow heart, purple heart,
    two hearts, broken heart, grinning face, smiling face with sunglasses, smiling face with heart-eyes,
    crying face, angry face, sleeping face, thinking face, cowboy hat face, grinning cat, top hat,
    crown, graduation cap, billed cap, woman’s hat, rescue worker’s helmet, military helmet, glasses,
    sunglasses, necktie, t-shirt, jeans, dress, kimono, scarf, gloves, socks, backpack, handbag, purse,
    high-heeled shoe, running shoe, ring, gem stone, umbrella, ribbon, wrapped gift, balloon, teddy
    bear, kite, guitar, violin, drum, saxophone, harp, microphone, musical note, bell, camera,
    television, radio, laptop, mobile phone, telephone, light bulb, candle, flashlight, alarm clock,
    watch, compass, telescope, microscope, key, hammer, axe, wrench, screwdriver, scissors, shield, bow
    and arrow, crossed swords, bomb, magnet, ladder, bucket, broom, basket, toothbrush, soap, pencil,
    pen, paintbrush, crayon, artist palette, open book, books, scroll, envelope, newspaper, trophy, game
    die, soccer ball, basketball, baseball, tennis, puzzle piece, crystal ball, magic wand, hourglass
    done, coffin, coin, door, chair, bed, couch and lamp, toilet, bathtub, window, mirror, house,
    houses, hut, castle, church, hospital, school, factory, tent, camping, stadium, tokyo tower, statue
    of liberty, fountain, ferris wheel, moai, rocket, airplane, flying saucer, sailboat, ship,
    speedboat, bus, automobile, taxi, police car, fire engine, ambulance, racing car, delivery truck,
    locomotive, train, tram, bicycle, motorcycle, skateboard, parachute, satellite, wheel
"""
CORE = frozenset(" ".join(CORE.split()).split(", "))
"""The most pictured things: what a model trained for hours, not minutes on a big card, learns first."""


def is_sign(emoji: Emoji) -> bool:
    """Is it a sign, a letter, or one of a family of near-copies, rather than a pictured thing?"""
    return any(part in emoji.name for part in SIGNS) or emoji.name in ZODIAC


def is_core(emoji: Emoji) -> bool:
    """Is it one of the most pictured things (core.py)?"""
    return not emoji.held_out and emoji.name in CORE


def article(name: str) -> str:
    """ "a dog", "an ant"; names that look like a plural or a phrase stay as they are."""
    if name.split()[-1].endswith("s") and not name.endswith(("ss", "us")):
        return name
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def plural(name: str) -> str:
    """ "dogs", "boxes", "cherries", well enough for a caption."""
    if name.endswith("s") and not name.endswith("ss"):
        return name
    if name.endswith(("ss", "x", "ch", "sh")):
        return f"{name}es"
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}s"
