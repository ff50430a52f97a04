"""Images a second against the rows of a pass, and how far the network is from what the chip can multiply.

FLOPs are counted by torch as a pass runs; the chip's rate is that of a large square matrix product in the same dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from benchmarks.engine.meter import Clock
from benchmarks.engine.report import say
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from darkroom.model.mini import STEPS as MINI_STEPS
from darkroom.model.text_encoder import TEXT_TOKENS
from darkroom.model.transformer import MiniTransformer

ROWS = (1, 2, 4, 8, 16, 32, 64)
MATRIX_CPU, MATRIX_CUDA = 2048, 8192  # side of the matrices whose product stands for the chip
REPEATS = 7
LONG_S = 10.0  # larger passes are not tried after one that took so long
MINI_SIDE = 8  # latent positions of a picture in native size
SDXL_SIDE = 128
SDXL_STEPS = 30
SDXL_WORDS = 77


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A network with random weights: `inputs` makes a pass of so many rows, `steps` is what an image takes, guided."""

    name: str
    network: nn.Module
    inputs: Callable[[int], Mapping[str, object]]
    steps: int
    dtype: torch.dtype


def show(device: torch.device, clock: Clock) -> None:
    subjects = [_mini] if device.type == "cpu" else [_mini, _sdxl]
    for make in subjects:
        subject = make(device)
        rate = _matrix_rate(device, subject.dtype, clock)
        say(
            "",
            f"{subject.name}, random weights, {subject.dtype}: {subject.steps} steps with guidance an image; "
            f"a matrix product reaches {rate / 1e12:.3f} TFLOP/s",
        )
        for rows in ROWS:
            took_s = _pass_s(subject, rows, clock)
            flops = _flops(subject, rows)
            say(
                f"  {rows:3} rows  {1000 * took_s:9.2f} ms a pass {1000 * took_s / rows:9.3f} ms a row  "
                f"{rows / took_s / 2 / subject.steps:9.3f} images/s  {flops / rows / 1e9:9.2f} GFLOP a row  "
                f"{flops / took_s / 1e12:8.3f} TFLOP/s = {flops / took_s / rate:5.1%} of the matrix product"
            )
            if took_s > LONG_S:
                break


def _mini(device: torch.device) -> Subject:
    torch.manual_seed(0)
    network = MiniTransformer().eval().requires_grad_(False).to(device)
    config = network.config

    def inputs(rows: int) -> Mapping[str, object]:
        exemplars = torch.randn(
            rows, config.slots, config.channels, *[config.exemplar_side] * 2, device=device
        )
        return {
            "latents": torch.randn(rows, config.channels, MINI_SIDE, MINI_SIDE, device=device),
            "sigmas": torch.full((rows,), 0.5, device=device),
            "words": torch.randn(rows, TEXT_TOKENS, config.text_dim, device=device),
            "words_bias": torch.zeros(rows, TEXT_TOKENS, device=device),
            "exemplars": exemplars,
            "exemplars_bias": torch.zeros(rows, config.slots, device=device),
        }

    return Subject(
        name=f"mini-1's transformer, latent {MINI_SIDE}x{MINI_SIDE}",
        network=network,
        inputs=inputs,
        steps=MINI_STEPS,
        dtype=torch.float32,
    )


def _sdxl(device: torch.device) -> Subject:
    """The UNet of SDXL (arXiv 2307.01952, table 1) at 1024 px, in bf16."""
    from diffusers import UNet2DConditionModel

    dtype = torch.bfloat16
    with torch.device(device):
        network = UNet2DConditionModel(
            sample_size=SDXL_SIDE,
            block_out_channels=(320, 640, 1280),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2, 10),
            attention_head_dim=(5, 10, 20),
            cross_attention_dim=2048,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
        ).to(dtype)

    def inputs(rows: int) -> Mapping[str, object]:
        def noise(*shape: int) -> Tensor:
            return torch.randn(rows, *shape, device=device, dtype=dtype)

        return {
            "sample": noise(4, SDXL_SIDE, SDXL_SIDE),
            "timestep": torch.full((rows,), 500.0, device=device),
            "encoder_hidden_states": noise(SDXL_WORDS, 2048),
            "added_cond_kwargs": {"text_embeds": noise(1280), "time_ids": noise(6)},
            "return_dict": False,
        }

    return Subject(
        name="a UNet of SDXL's size at 1024 px",
        network=network.eval().requires_grad_(False),
        inputs=inputs,
        steps=SDXL_STEPS,
        dtype=dtype,
    )


@torch.inference_mode()
def _pass_s(subject: Subject, rows: int, clock: Clock) -> float:
    inputs = subject.inputs(rows)
    return _timed(lambda: subject.network(**inputs), clock)


@torch.inference_mode()
def _flops(subject: Subject, rows: int) -> int:
    with FlopCounterMode(display=False) as counter:
        subject.network(**subject.inputs(rows))
    return int(counter.get_total_flops())


def _matrix_rate(device: torch.device, dtype: torch.dtype, clock: Clock) -> float:
    """FLOP/s of the product of two large square matrices."""
    side = MATRIX_CUDA if device.type == "cuda" else MATRIX_CPU
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / _timed(lambda: a @ b, clock)


def _timed(do: Callable[[], object], clock: Clock) -> float:
    """Seconds, the median of some, after one that warms up; fewer where it takes long."""
    took: Sequence[float] = ()
    for repeat in range(REPEATS + 1):
        began = clock.now()
        do()
        clock.settle()
        seconds = clock.now() - began
        took = [*took, seconds] if repeat else took
        if seconds > LONG_S / REPEATS and took:
            break
    return median(took)
