"""Small files of LoRA weights for the tests: in diffusers' form and in kohya's, over a network and text encoders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file
from torch import Tensor

ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
CLIP_ATTENTION = ["q_proj", "v_proj", "out_proj"]
RANK = 4
ALPHA = 2.0
_KOHYA = {"unet": "lora_unet", "text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}


def lora_weights(pipe: Any, *, seed: int, encoders: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Random weights for a pipeline that is of no more use afterwards: component.layer.lora_A.weight -> tensor."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name, layers in {"unet": ATTENTION, **dict.fromkeys(encoders, CLIP_ATTENTION)}.items():
        module = getattr(pipe, name)
        module.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=layers), "new")
        for key, tensor in get_peft_model_state_dict(module, adapter_name="new").items():
            found[f"{name}.{key}"] = torch.randn(tensor.shape, generator=generator) * 0.2
    return found


def as_kohya(weights: Mapping[str, Tensor], *, single: bool = False) -> dict[str, Tensor]:
    """The names that kohya's trainer gives, with an alpha for each layer; `single` for a model of one encoder."""
    renamed: dict[str, Tensor] = {}
    for key, tensor in weights.items():
        component, _, rest = key.partition(".")
        layer, _, matrix = rest.rpartition(".lora_")
        prefix = "lora_te" if single and component == "text_encoder" else _KOHYA[component]
        if component != "unet":
            layer = f"text_model.{layer.removeprefix('text_model.')}"
        base = f"{prefix}_{layer.replace('.', '_')}"
        renamed[f"{base}.lora_{'down' if matrix.startswith('A') else 'up'}.weight"] = tensor
        renamed[f"{base}.alpha"] = torch.tensor(ALPHA)
    return renamed


def save(weights: Mapping[str, Tensor], path: Path) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, path)
    return path
