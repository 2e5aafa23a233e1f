"""Before diffusion: the text encoder learns what words look like, and what they mean.

The UNet hears its captions late: to it they are one more noise until the text tells pictures apart. And it
learns from captions alone, so a word that no caption had would say nothing. So the T5, and the pooling
through which IF adds a caption to the time embedding, are trained before it and then frozen:

    pictures   logits_ij = <text_i, eye(picture_j)> / tau, CE over rows and columns (Radford et al. 2021), and
               the 8 x 8 thumbnail of the picture, drawn from the pooled text, and by queries that attend to
               all token states, padded ones too, as the UNet will
    meaning    1 - cos(W p, m) and 1 - cos(V s, m): m is what a teacher (minilm.py) says of the text, p the
               pooled embedding [256], s the mean of the token states [192]; and similarities in the batch
               (Passalis and Tefas 2018), softmax(cos(m_i, m_j) / .05) ~ softmax(c cos(s_i, s_j)), of p too

The texts are half of the captions and four times as many words of WordNet, bare and in templates, which
are short and cost little: a word that is never shown lands near what it means. Eye and heads are thrown away.

A run can be killed at any time: every draw hangs on (seed, step) alone, and `warm-up.safetensors`
(weights, optimizer and, as its metadata, the step) is swapped in whole; `warm-up.json` is for people.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Protocol

import safetensors.torch
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from emoji_model.cascade import TOKENS, Stage, tokens
from emoji_model.data import DataError

WIDTH = 256  # of the space in which texts and pictures meet
MEANING = 384  # of the teacher's vectors
THUMBNAIL = 8
LENGTH = 32  # tokens of a usual step: captions are short
LONG = 4  # every so many steps the texts are padded to TOKENS, as the UNet reads them, a third as many
STEPS = 1200
STATE = "warm-up.safetensors"
TEMPLATES = ("{}", "{a}", "a picture of {a}", "a small {}")


class Source(Protocol):
    """Pictures and what they are called."""

    def draw(self, step: int, count: int) -> tuple[Tensor, list[str]]:
        """[count,3,32,32] in [-1,1] and a caption each; the same for the same step."""


class Teacher(Protocol):
    def embed(self, texts: Sequence[str]) -> Tensor:
        """[N,384], of unit length."""


def warm_up(
    stage: Stage,
    tokenizer,
    source: Source,
    teacher: Teacher | None,
    words: Mapping[str, int],
    folder: Path,
    *,
    names: Sequence[str] = (),
    steps: int = STEPS,
    batch: int = 256,
    lr: float = 1e-3,
    seed: int = 0,
    save_every: float = 120.0,
    bf16: bool = True,
    report: Callable[[dict], None] = lambda line: print(json.dumps(line), flush=True),
) -> dict:
    """Train stage.text and stage.unet.add_embedding in place; the last line of the report.

    teacher: None for pictures alone. words: word -> how common it is. names: of things, with other words for
    them; half of the words told are of these. folder: for the state; what lies there is taken up, and a run
    that is complete only loads its weights. save_every in seconds. DataError if the state does not fit.
    """
    device = next(stage.text.parameters()).device
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        pair = Pair(stage).to(device)
    optimizer = torch.optim.AdamW(pair.parameters(), lr=lr, weight_decay=0.01, fused=True)
    state = State(Path(folder), pair, optimizer, seed)
    done = state.load()
    told = Told(words, names, seed)
    figures: list[dict] = []
    started = saved = time.perf_counter()
    before = done["seconds"]
    for step in range(done["step"], steps):
        long = step % LONG == LONG - 1
        pictures, captions = source.draw(step, max(2, batch // 3) if long else batch)
        kept = [k for k, caption in enumerate(captions) if caption.strip()]
        x, captions = _jittered(pictures[kept], seed * 1_000_003 + step), [captions[k] for k in kept]
        words_told = told.draw(step, 2 * len(kept)) if teacher is not None else []
        texts = [group for group in (captions, words_told) if group]
        ids = [read(tokenizer, group, TOKENS if long else LENGTH, full=long) for group in texts]
        taught = captions[: len(kept) // 2] + words_told
        meaning = None if teacher is None else teacher.embed(taught).to(device)
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1, (step + 1) / 50) * (1 - step / steps) ** 0.5
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            loss, seen = pair(ids, x.to(device), meaning, captions)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(pair.parameters(), 1.0)
        optimizer.step()
        figures.append({"loss": float(loss.detach()), **seen})
        done["step"], done["seconds"] = step + 1, before + time.perf_counter() - started
        if (step + 1) % 50 == 0 or step + 1 == steps:
            means = {k: round(sum(f[k] for f in figures) / len(figures), 4) for k in figures[0]}
            done["last"] = {"warm_up": step + 1, **means, "seconds": round(done["seconds"], 1)}
            report(done["last"])
            figures = []
        if step + 1 == steps or time.perf_counter() - saved > save_every:
            state.save(done)
            saved = time.perf_counter()
    return done["last"]


class Pair(nn.Module):
    """The text path of a stage, an eye, and what joins them."""

    def __init__(self, stage: Stage):
        super().__init__()
        self.text, self.pool = stage.text, stage.unet.add_embedding
        width, states = stage.unet.config.time_embedding_dim, stage.text.config.d_model
        self.tell, self.eye = nn.Linear(width, WIDTH), _eye()
        self.draw, self.look = nn.Linear(width, 3 * THUMBNAIL**2), Look(states)
        self.of_pooled, self.of_states = nn.Linear(width, MEANING), nn.Linear(states, MEANING)
        self.scale = nn.Parameter(torch.tensor(2.3))  # log 1/tau
        self.near = nn.Parameter(torch.tensor([2.3, 2.3]))  # log c, of pooled and of states

    def forward(
        self, texts: list[tuple[Tensor, Tensor]], x: Tensor, meaning: Tensor | None, captions: Sequence[str]
    ) -> tuple[Tensor, dict]:
        """The loss and figures: `right`, the share of captions that find their picture; cosines of meaning.

        texts: ids and mask of the B captions of x [B,3,32,32], then of W words, shorter; meaning
        [B//2+W,384], of the first half of the captions and of the words.
        """
        texts = [(ids.to(x.device), mask.to(x.device)) for ids, mask in texts]
        states = [self.text(input_ids=ids, attention_mask=mask).last_hidden_state for ids, mask in texts]
        pooled = torch.cat([self.pool(each).float() for each in states])
        mean = torch.cat([masked_mean(each, mask) for each, (_, mask) in zip(states, texts)])
        apart, right = self._apart(pooled[: len(x)], x, captions)
        thumbnails = F.adaptive_avg_pool2d(x, THUMBNAIL).flatten(1)
        drawn = F.mse_loss(self.draw(pooled[: len(x)]).float(), thumbnails)
        looked = F.mse_loss(self.look(states[0]).float(), thumbnails)
        loss = apart + 2 * drawn + 4 * looked
        figures = {"right": float(right), "drawn": float(drawn.detach()), "looked": float(looked.detach())}
        if meaning is not None:
            half = len(x) // 2
            pooled, mean = (torch.cat([part[:half], part[len(x) :]]) for part in (pooled, mean))
            for k, (name, said, head) in enumerate(
                (("pooled", pooled, self.of_pooled), ("states", mean, self.of_states))
            ):
                far = 1 - F.cosine_similarity(head(said).float(), meaning).mean()
                loss = loss + 2 * far + self._near(said, meaning, self.near[k])
                figures[name] = 1 - float(far.detach())
        return loss, figures

    def _apart(self, pooled: Tensor, x: Tensor, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Do the captions find their pictures? Equal captions share theirs."""
        said, seen = F.normalize(self.tell(pooled).float()), F.normalize(self.eye(x).float())
        logits = said @ seen.T * self.scale.clamp(max=4.6).exp()
        first = {caption: k for k, caption in reversed(list(enumerate(captions)))}
        group = torch.tensor([first[caption] for caption in captions], device=x.device)
        same = (group[:, None] == group[None]).float()
        target = same / same.sum(1, keepdim=True)
        apart = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
        return apart, same.gather(1, logits.argmax(1, keepdim=True)).mean().detach()

    def _near(self, said: Tensor, meaning: Tensor, scale: Tensor) -> Tensor:
        """Similarities within the batch, as they are and as a softmax, against the teacher's."""
        taught, ours = meaning @ meaning.T, F.normalize(said) @ F.normalize(said).T
        own = torch.eye(len(said), device=said.device) * -1e4
        wanted = F.softmax(taught / 0.05 + own, 1)
        given = F.log_softmax(ours * scale.clamp(max=4.6).exp() + own, 1)
        return F.kl_div(given, wanted, reduction="batchmean") + 4 * F.mse_loss(ours, taught)


class Look(nn.Module):
    """Token states [B,L,D] -> a thumbnail [B,3*8*8]: a query for each of its pixels attends to the states."""

    def __init__(self, width: int, heads: int = 4):
        super().__init__()
        self.heads = heads
        self.queries = nn.Parameter(torch.randn(THUMBNAIL**2, width) * 0.5)
        self.keys, self.values = nn.Linear(width, width), nn.Linear(width, width)
        self.out = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 3))

    def forward(self, states: Tensor) -> Tensor:
        def split(part: Tensor) -> Tensor:
            return part.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        keys, values = split(self.keys(states)), split(self.values(states))
        queries = split(self.queries.to(keys.dtype).expand(len(states), -1, -1))
        read = F.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2)
        return self.out(read + self.queries.to(read.dtype)).transpose(1, 2).flatten(1)


class Told:
    """Words to be told of, in templates: half by how common they are, half names of things."""

    def __init__(self, words: Mapping[str, int], names: Sequence[str], seed: int):
        self.words, self.names, self.seed = list(words), list(names), seed
        self.weights = list(accumulate(5 + min(count, 20) for count in words.values()))

    def draw(self, step: int, count: int) -> list[str]:
        """`count` texts, the same for the same step."""
        rng = Random(f"told {self.seed} {step}")
        named = count // 2 if self.names else 0
        chosen = [rng.choice(self.names) for _ in range(named if self.words else count if self.names else 0)]
        if self.words:
            chosen += rng.choices(self.words, cum_weights=self.weights, k=count - named)
        return [rng.choice(TEMPLATES).format(word, a=with_article(word)) for word in chosen]


def with_article(word: str) -> str:
    """ "a kitten", "an automobile"; what looks like a plural stays as it is."""
    if word.endswith("s") and not word.endswith(("ss", "us")):
        return word
    return f"{'an' if word[:1] in 'aeiou' else 'a'} {word}"


def read(
    tokenizer, texts: Sequence[str], length: int = TOKENS, *, full: bool = False
) -> tuple[Tensor, Tensor]:
    """Ids and mask [B,L] int64, cut at `length`; padded to it if `full`, else to the longest and one more."""
    ids, mask = tokens(tokenizer, list(texts), length)
    end = length if full else min(length, int(mask.sum(1).max()) + 1)
    return ids[:, :end], mask[:, :end]


def masked_mean(states: Tensor, mask: Tensor) -> Tensor:
    """Token states [B,L,D] and their mask [B,L] -> [B,D] float32."""
    weight = mask[..., None].float()
    return (states.float() * weight).sum(1) / weight.sum(1)


class State:
    """What a run keeps: one file, written beside and swapped in."""

    def __init__(self, folder: Path, pair: Pair, optimizer: torch.optim.Optimizer, seed: int):
        self.path, self.pair, self.optimizer, self.seed = folder / STATE, pair, optimizer, seed

    def load(self) -> dict:
        """{"step", "seconds", "last"}: where the run was, with its weights in place; 0 for a new one."""
        if not self.path.exists():
            return {"step": 0, "seconds": 0.0, "last": {}}
        try:
            with safe_open(self.path, "pt") as file:
                done = json.loads(file.metadata()["done"])
            tensors = safetensors.torch.load_file(self.path)
            if done.pop("seed") != self.seed:
                raise ValueError("it has another seed")
            mine = {k.removeprefix("pair."): v for k, v in tensors.items() if k.startswith("pair.")}
            self.pair.load_state_dict(mine)
            kept: dict[int, dict[str, Tensor]] = {}
            for name, tensor in tensors.items():
                if name.startswith("optimizer."):
                    _, index, key = name.split(".")
                    kept.setdefault(int(index), {})[key] = tensor
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": kept, "param_groups": groups})
        except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
            raise DataError(
                f"{self.path} is damaged or of another training ({str(error)[:200]}): "
                "remove it to begin the warm-up anew."
            ) from None
        return done

    def save(self, done: dict) -> None:
        tensors = {f"pair.{k}": v.detach().cpu().clone() for k, v in self.pair.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": v.detach().cpu().clone() for key, v in state.items()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        safetensors.torch.save_file(tensors, fresh, {"done": json.dumps(done | {"seed": self.seed})})
        os.replace(fresh, self.path)
        shown = self.path.with_suffix(".json.new")
        shown.write_text(json.dumps(done, indent=1) + "\n")
        os.replace(shown, self.path.with_suffix(".json"))


def _eye() -> nn.Sequential:
    """[B,3,32,32] -> [B,256]."""
    layers: list[nn.Module] = []
    for before, after in ((3, 48), (48, 96), (96, 192), (192, 256)):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(8, after), nn.GELU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(256 * 4, WIDTH))


def _jittered(x: Tensor, seed: int) -> Tensor:
    """Moved by up to two pixels and made lighter or darker: the eye is to see things, not pixels."""
    rng = torch.Generator().manual_seed(seed & 0xFFFFFFFF)
    dx, dy = (int(torch.randint(-2, 3, (), generator=rng)) for _ in range(2))
    gain = 1 + 0.1 * torch.randn(len(x), 1, 1, 1, generator=rng).to(x.device)
    return (x.roll((dy, dx), (2, 3)) * gain).clamp(-1, 1)
