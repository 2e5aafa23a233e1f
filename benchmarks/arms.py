"""diffusers' IFPipeline and ours over one UNet of IF's format, to be timed against each other.

Neither reads prompts: both are handed the same embeddings, made up. Both draw from the same seeds.
"""

import torch
from diffusers import IFPipeline, UNet2DConditionModel
from torch import Tensor

from diffusion_core.estimates import Card
from diffusion_core.loop import Process
from diffusion_core.models.deepfloyd.unet import IFNetwork
from diffusion_core.models.network import Network
from diffusion_core.recipes import Recipe
from diffusion_core.serving.studio import Studio
from tests import tiny_if

GAMMA, SEED = 7.0, 0
PROMPTS = "a photo of a dog", "a lithograph of a skull"
VIEWS = "identity", "vertical_flip"


def texts(width: int) -> dict[str, Tensor]:
    """An embedding [77,width] for every prompt, and for the null prompt."""
    rng = torch.Generator().manual_seed(SEED)
    return {prompt: torch.randn(77, width, generator=rng) for prompt in ("", *PROMPTS)}


class Theirs:
    """diffusers' pipeline, and the loop of visual_anagrams, over one UNet."""

    def __init__(self, unet: UNet2DConditionModel):
        self.unet, self.scheduler = unet, tiny_if.scheduler(1.5)
        nothing = dict.fromkeys(("tokenizer", "text_encoder", "safety_checker", "feature_extractor"))
        self.pipeline = IFPipeline(
            **nothing, unet=unet, scheduler=self.scheduler, watermarker=None, requires_safety_checker=False
        )
        self.pipeline.set_progress_bar_config(disable=True)
        where = {"device": unet.device, "dtype": unet.dtype}
        self.texts = {k: text[None].to(**where) for k, text in texts(unet.config.encoder_hid_dim).items()}

    def picture(self, steps: int, count: int = 1, draws_on: torch.device | str = "cpu") -> Tensor:
        """Guided pictures [count,3,H,W], each from a seed of its own; ours draws its noise on the CPU."""
        return self.pipeline(
            prompt_embeds=self.texts[PROMPTS[0]],
            negative_prompt_embeds=self.texts[""],
            num_images_per_prompt=count,
            num_inference_steps=steps,
            guidance_scale=GAMMA,
            generator=[torch.Generator(draws_on).manual_seed(SEED + k) for k in range(count)],
            output_type="pt",
        ).images

    @torch.no_grad()
    def anagram(self, steps: int) -> Tensor:
        """A picture that is another one upside down: sample_stage_1 of visual_anagrams, in plain words.

        https://github.com/dangeng/visual_anagrams, Geng et al. 2024; its `mean` reduction.
        """
        views = [lambda x: x, lambda x: x.flip(-2)]  # each its own inverse
        null, first, second = (self.texts[prompt] for prompt in ("", *PROMPTS))
        told = torch.cat([null, null, first, second])
        generator = torch.Generator().manual_seed(SEED)
        side = self.unet.config.sample_size
        x = torch.randn((1, 3, side, side), generator=generator)
        self.scheduler.set_timesteps(steps)
        for t in self.scheduler.timesteps:
            seen = torch.cat([view(x) for view in views])
            seen = self.scheduler.scale_model_input(torch.cat([seen] * 2), t)
            out = self.unet(seen, t, encoder_hidden_states=told, return_dict=False)[0]
            null_out, text_out = out.chunk(2)
            null_eps, _ = null_out.split(3, dim=1)
            text_eps, spread = text_out.split(3, dim=1)
            eps = null_eps + GAMMA * (text_eps - null_eps)
            eps = torch.stack([view(each) for view, each in zip(views, eps)]).mean(0, keepdim=True)
            spread = torch.stack([view(each) for view, each in zip(views, spread)]).mean(0, keepdim=True)
            out = torch.cat([eps, spread], dim=1)
            x = self.scheduler.step(out, t, x, generator=generator, return_dict=False)[0]
        return x


class Ours:
    """A studio with one network: the UNet, taken over and in a precision, behind IFNetwork."""

    def __init__(self, unet: UNet2DConditionModel, dtype: torch.dtype, device: torch.device | str = "cpu"):
        side, embeddings = unet.config.sample_size, texts(unet.config.encoder_hid_dim)
        card = Card("bench/I", "eps", (3, side, side), "if-cosine", spread=True, threshold=(0.95, 1.5))
        self.network = IFNetwork(unet, card, embeddings.get, device=device, dtype=dtype)
        self.studio = Studio()
        self.studio.register(card, lambda: self.network)

    def picture(self, steps: int) -> Tensor:
        return self.made("text-sample", prompt=PROMPTS[0], steps=str(steps), gamma=GAMMA)

    def anagram(self, steps: int) -> Tensor:
        wanted = {"prompts": "\n".join(PROMPTS), "views": ", ".join(VIEWS)}
        return self.made("text-anagram", **wanted, steps=str(steps), gamma=GAMMA)

    def made(self, technique: str, **values) -> Tensor:
        *_, result = self.studio.run(Recipe.of(technique, model="bench", seed=SEED, **values))
        return result.pictures

    def alone(self, steps: int, count: int = 1) -> Tensor:
        """The same pictures on this thread, without the engine: what a process itself computes."""
        values = {"prompt": PROMPTS[0], "steps": str(steps), "gamma": GAMMA, "count": count}
        plan = self.studio.plan(Recipe.of("text-sample", model="bench", seed=SEED, **values))
        return walked(plan.process, self.network)


@torch.inference_mode()
def walked(process: Process, network: Network) -> Tensor:
    """Run a process to its end, one forward per step."""
    answers = None
    try:
        while True:
            answers = network.answer(process.send(answers).asks)
    except StopIteration as end:
        return end.value
