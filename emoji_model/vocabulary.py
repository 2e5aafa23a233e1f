"""The words: which things there are, what people call them, and grounds and styles by name."""

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

PENS = {
    "black": (0.10, 0.10, 0.12),
    "blue": (0.12, 0.25, 0.70),
    "red": (0.80, 0.14, 0.14),
    "green": (0.10, 0.50, 0.22),
    "purple": (0.45, 0.18, 0.62),
    "brown": (0.42, 0.26, 0.16),
}
PAPERS = {
    "white": (1.0, 1.0, 1.0),
    "cream": (0.98, 0.95, 0.86),
    "yellow": (0.99, 0.93, 0.62),
    "pink": (0.99, 0.87, 0.90),
    "blue": (0.84, 0.92, 0.99),
    "grey": (0.88, 0.88, 0.88),
    "brown": (0.80, 0.68, 0.52),
}
CHALKS = ((0.97, 0.97, 0.94), (0.99, 0.93, 0.60), (0.98, 0.75, 0.80), (0.70, 0.88, 0.99))
BOARDS = ((0.13, 0.22, 0.18), (0.12, 0.13, 0.14), (0.12, 0.17, 0.28))
"""RGB in [0,1] of what doodles are drawn with and on; the first ones are the usual ones."""

GROUNDS = ("plain", "gradient", "night", "meadow", "snow", "table", "board")
"""`table` is a textured one with a soft shadow: what "a photo of" stands on; `board` is for chalk."""

STYLE_SETS = {
    "cartoon": ("noto", "blob", "emojitwo"),
    "sticker": ("twemoji", "fluent-flat", "fxemoji"),
    "3d render": ("fluent-3d", "fluent-color"),
    "comic": ("streamline",),
    "line drawing": ("fluent-hc", "emojitwo-bw"),
    "pixel art": ("serenity", "crawl"),
    "clip art": ("openclipart",),
    "photo": ("photo",),
}
"""Style -> the artists who draw in it. fluent-color and fluent-3d are nearly the same drawings."""

WITH_FILTERS = ("oil painting", "pencil drawing", "lithograph", "mosaic", "photo")
"""Styles made of the coloured ones by styles.py; of what there are photographs, "photo" is one of these."""

OF_DOODLES = ("doodle", "chalk drawing", "ink drawing")

STYLES = (*STYLE_SETS, *WITH_FILTERS[:-1], *OF_DOODLES)

PHRASES = {
    "cartoon": ("a cartoon of",),
    "sticker": ("a sticker of", "a flat sticker of"),
    "3d render": ("a 3D render of",),
    "comic": ("a comic of",),
    "line drawing": ("a line drawing of", "a black and white drawing of"),
    "pixel art": ("pixel art of",),
    "clip art": ("clip art of",),
    "photo": ("a photo of", "a high quality photo of", "a photograph of"),
    "oil painting": ("an oil painting of",),
    "pencil drawing": ("a pencil drawing of",),
    "lithograph": ("a lithograph of",),
    "mosaic": ("a mosaic of",),
    "doodle": ("a doodle of",),
    "chalk drawing": ("a chalk drawing of",),
    "ink drawing": ("a drawing in {} ink of",),
}
"""What stands before the thing in a caption; {} is the colour of the pen."""

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
"""The most pictured things: they appear more often than others."""


def article(name: str) -> str:
    """ "a dog", "an ant", "a ewe"; names that look like a plural or a phrase stay as they are."""
    plural = name.split()[-1].endswith("s") and not name.endswith(("ss", "us"))
    if plural or name.startswith("the "):
        return name
    vowel = name[0] in "aeiou" and not name.startswith(("uni", "ewe", "euro", "one"))
    return f"{'an' if vowel or name.startswith('hour') else 'a'} {name}"


def plural(name: str) -> str:
    """ "dogs", "boxes", "cherries", well enough for a caption."""
    if name in IRREGULAR:
        return IRREGULAR[name]
    if name.endswith("s") and not name.endswith("ss"):
        return name
    if name.endswith(("ss", "x", "ch", "sh")):
        return f"{name}es"
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}s"


IRREGULAR = {
    "mouse": "mice",
    "man": "men",
    "woman": "women",
    "old man": "old men",
    "old woman": "old women",
    "child": "children",
    "person": "people",
    "fish": "fish",
    "sheep": "sheep",
    "deer": "deer",
    "foot": "feet",
    "tooth": "teeth",
    "leaf": "leaves",
    "knife": "knives",
    "wolf": "wolves",
    "goose": "geese",
    "potato": "potatoes",
    "tomato": "tomatoes",
    "mosquito": "mosquitoes",
    "volcano": "volcanoes",
}
