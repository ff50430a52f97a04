"""Z-Image and Z-Image-Turbo: rectified flow by one stream of patches and words, its prompts read by Qwen3 (arXiv 2511.22699)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.core.capabilities import ModelCapabilities
from darkroom.core.errors import ModelError
from darkroom.model.denoiser import Conditioning, Encoded
from darkroom.model.families.language import ReadByLanguageModel
from darkroom.model.families.noise import FlowNoise, Noise
from darkroom.model.families.parts import Parts
from darkroom.model.placement import Placement

PATCH = 2  # latent positions a side of a token
BLOCK = 32
"""Patches and words are each filled up to a multiple of it with a learnt token, which the network attends to."""
EMBEDDER = "2-1"  # the name, among the network's layers, of those for patches of 2 x 2 in 1 picture
TURBO_SHIFT = 3.0
"""The shift in Turbo's scheduler_config.json; that of the undistilled weights is larger."""
TURBO_STEPS = 8


class ZImage(ReadByLanguageModel):
    """The Denoiser of ZImageTransformer2DModel.

    `guidance` in the registry counts as in diffusers, from 0: c + g (c - u). Turbo was distilled without a second row
    and has 0; which of the two a folder holds is told by the shift of its schedule.
    """

    STEPS: ClassVar[int] = 28
    GUIDANCE: ClassVar[float] = 4.0

    def __init__(self, parts: Parts, entry: ModelCapabilities, placement: Placement) -> None:
        super().__init__(parts, entry, placement)
        source = entry.source
        shift = parts.scheduler.get("shift")
        if isinstance(shift, (int, float)) and shift <= TURBO_SHIFT:
            self.steps = source.steps if source and source.steps else TURBO_STEPS
            self.guidance = source.guidance if source and source.guidance is not None else 0.0
        self.guidance += 1.0  # from c + g (c - u) to u + (g + 1)(c - u)

    def _settle(self) -> None:
        """Compiles layer by layer, because `forward` calls them and not the network."""
        super()._settle()
        if self.placement.compile:
            network = self.parts.network
            for layer in (*network.noise_refiner, *network.context_refiner, *network.layers):
                layer.compile(dynamic=False)

    def make_noise(self) -> Noise:
        """Its steps are even from 1 to 1 / n before they are shifted."""
        return FlowNoise(self.parts.scheduler, last=lambda steps: 1 / steps)

    def tokens(self, text: str) -> list[int]:
        tokenizer = self.parts.tokenizers["tokenizer"]
        messages = [{"role": "user", "content": text}]
        asked: str = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=True
        )
        ids: list[int] = tokenizer(asked)["input_ids"]
        return ids

    def read(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The states of the last layer but one."""
        encoder = self.parts.encoders["text_encoder"].base_model
        states: Sequence[Tensor] = encoder(ids, attention_mask=mask, output_hidden_states=True).hidden_states
        return states[-2]

    def condition(self, text: Encoded, *, height: int, width: int, guidance: float) -> Conditioning:
        """Refuses what is larger than the network's table of positions."""
        most = min(self.parts.network.axes_lens[1:]) * PATCH * self.factor
        wide, high = width * self.factor, height * self.factor
        if max(wide, high) > most:
            raise ModelError(
                f"{self.name} draws at most {most} pixels a side, and this picture would have {wide} x {high}; "
                "ask for a less elongated one"
            )
        return text

    def forward(self, inputs: Tensor, times: Tensor, rows: Mapping[str, Tensor]) -> Tensor:
        """The layers in their order, over rows of one shape.

        The network's own forward takes lists of texts and picks shapes and mask by the longest in the pass, so that a
        row's bits would depend on its company. Its output is x0 - n, and its time runs from 0 at noise to 1.
        """
        network = self.parts.network
        count, _, height, width = inputs.shape
        present = rows["mask"]  # (R, L)
        places = torch.arange(present.shape[1], device=inputs.device)
        filled = -(-present.sum(1, keepdim=True) // BLOCK) * BLOCK  # (R, 1): words and the pads after them
        seen = places < filled  # (R, L)
        time = network.t_embedder((1000 - times) / 1000 * network.t_scale).to(inputs.dtype)  # (R, T)

        patches = network.all_x_embedder[EMBEDDER](patched(inputs))  # (R, N, D)
        size = patches.shape[1]
        pads = network.x_pad_token.to(patches.dtype).expand(count, -size % BLOCK, -1)
        patches = torch.cat([patches, pads], dim=1)  # (R, N', D)
        patch_angles = self._angles(patch_positions(filled, height, width))
        for layer in network.noise_refiner:
            patches = layer(patches, None, patch_angles, time)

        words = network.cap_embedder(rows["text"].to(inputs.dtype))
        words = torch.where(present[:, :, None], words, network.cap_pad_token.to(words.dtype))  # (R, L, D)
        word_angles = self._angles(word_positions(places, count))
        for layer in network.context_refiner:
            words = layer(words, seen, word_angles)

        stream = torch.cat([patches, words], dim=1)  # (R, N' + L, D)
        angles = torch.cat([patch_angles, word_angles], dim=1)
        mask = torch.cat([seen.new_ones(count, patches.shape[1]), seen], dim=1)
        for layer in network.layers:
            stream = layer(stream, mask, angles, time)
        output = network.all_final_layer[EMBEDDER](stream, c=time)[:, :size]
        return -unpatched(output, height, width)

    def _angles(self, positions: Tensor) -> Tensor:
        """Rotations (R, N, D/2), complex, of tokens at positions (R, N, 3)."""
        angles: Tensor = self.parts.network.rope_embedder(positions.flatten(0, 1))
        return angles.reshape(*positions.shape[:2], -1)


def word_positions(places: Tensor, rows: int) -> Tensor:
    """(L,) -> (R, L, 3): words lie along the first axis, from 1 on."""
    first = places[None, :, None] + 1
    return torch.cat([first, torch.zeros_like(first).expand(-1, -1, 2)], dim=2).expand(rows, -1, -1)


def patch_positions(filled: Tensor, height: int, width: int) -> Tensor:
    """Words that a row has, pads included (R, 1) -> (R, N', 3): patches lie in a plane behind them, pads at the origin."""
    down, right = (torch.arange(side // PATCH, device=filled.device) for side in (height, width))
    plane = torch.cartesian_prod(down, right)  # (N, 2)
    first = (filled + 1).expand(-1, len(plane))[:, :, None]
    positions = torch.cat([first, plane.expand(len(filled), -1, -1)], dim=2)
    return F.pad(positions, (0, 0, 0, -len(plane) % BLOCK))


def patched(latents: Tensor) -> Tensor:
    """(R, C, h, w) -> (R, h/2 * w/2, 4 C): a token holds its patch position by position."""
    count, channels, height, width = latents.shape
    patches = latents.reshape(count, channels, height // PATCH, PATCH, width // PATCH, PATCH)
    return patches.permute(0, 2, 4, 3, 5, 1).reshape(count, -1, PATCH * PATCH * channels)


def unpatched(tokens: Tensor, height: int, width: int) -> Tensor:
    """The way back: (R, h/2 * w/2, 4 C) -> (R, C, h, w)."""
    patches = tokens.reshape(len(tokens), height // PATCH, width // PATCH, PATCH, PATCH, -1)
    return patches.permute(0, 5, 1, 3, 2, 4).reshape(len(tokens), -1, height, width)


ADAPTER = ZImage
