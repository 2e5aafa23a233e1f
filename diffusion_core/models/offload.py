"""A UNet that is larger than the GPU: its weights lie in the machine's memory and visit layer by layer.

accelerate puts a hook around every layer that has weights: they go to the GPU, the layer computes, they are
dropped there. An IFNetwork drives the layers of its UNet itself and has rebuilt many, and some stand in it
twice, under two names; so every layer is given its own hook, once, after the network was built.
"""

import torch
from torch import Tensor, nn

from diffusion_core.models.deepfloyd.unet import IFNetwork


def offloaded(network: IFNetwork, device: torch.device | str) -> IFNetwork:
    """The network, which was built on the CPU, computing on `device` with its weights left behind.

    Between forwards all weights are on the `meta` device: the hooks keep the one copy of them.
    """
    from accelerate.hooks import AlignDevicesHook, add_hook_to_module

    network.device = torch.device(device)
    for layer in layers_of(network):
        hook = AlignDevicesHook(
            execution_device=network.device, offload=True, offload_buffers=True, weights_map=_own(layer)
        )
        add_hook_to_module(layer, hook)
    return network


def layers_of(network: IFNetwork) -> list[nn.Module]:
    """Every module of a network that holds weights of its own, once."""
    roots = [part for part in vars(network).values() if isinstance(part, nn.Module)]
    modules = {id(module): module for root in roots for module in root.modules()}
    return [module for module in modules.values() if _own(module)]


def _own(layer: nn.Module) -> dict[str, Tensor]:
    """A layer's own weights, those of the layers within it left out."""
    named = [*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False)]
    return {name: tensor.detach() for name, tensor in named}
