"""Where and how a model runs: device, precision, offload, attention, compilation. Settings only; knows no model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from darkroom.core.errors import ModelError

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
OFFLOADS = ("none", "encoders", "model")
ATTENTIONS = ("auto", "sdpa", "flash", "sage")


@dataclass(frozen=True, kw_only=True)
class Placement:
    """The settings of a model in memory; "auto" is what suits the device found.

    `offload`: "encoders" keeps the text encoders in main memory and brings them to the device for their work; "model"
    does so with the decoder too. The denoising network always stays, because every step needs it. `compile` and
    `cuda_graphs` are for the network; CUDA graphs are left out on other devices.
    """

    device: str = "auto"
    precision: str = "auto"
    offload: str = "none"
    attention: str = "auto"
    compile: bool = False
    cuda_graphs: bool = False

    def __post_init__(self) -> None:
        for name, value, known in (
            ("precision", self.precision, ("auto", *PRECISIONS)),
            ("offload", self.offload, OFFLOADS),
            ("attention", self.attention, ATTENTIONS),
        ):
            if value not in known:
                raise ModelError(f"a model's {name} must be one of {', '.join(known)}, not {value!r}")

    @property
    def torch_device(self) -> torch.device:
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
        except RuntimeError as error:
            raise ModelError(f"no device {self.device!r}; write cpu, cuda or cuda:1") from error
        if device.type == "cuda" and not torch.cuda.is_available():
            raise ModelError(f"the device {self.device!r} was asked for, and torch finds no CUDA device here")
        return device

    @property
    def dtype(self) -> torch.dtype:
        """What the network computes in: bf16 where a CUDA device has it, fp16 on older ones, fp32 on the CPU."""
        if self.precision != "auto":
            return PRECISIONS[self.precision]
        if self.torch_device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16

    def home(self, part: str) -> torch.device:
        """Where a part stays while it has nothing to do."""
        encoder = part.startswith("text_encoder")
        away = (self.offload != "none" and encoder) or (self.offload == "model" and part == "vae")
        return torch.device("cpu") if away else self.torch_device

    @contextmanager
    def at_work(self, parts: Sequence[tuple[str, nn.Module]]) -> Iterator[None]:
        """The parts are on the device inside the block, and back at home after it."""
        away = [module for name, module in parts if self.home(name) != self.torch_device]
        for module in away:
            module.to(self.torch_device)
        try:
            yield
        finally:
            for module in away:
                module.to("cpu")
