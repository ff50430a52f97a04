"""A tiny Z-Image-like model with random weights, saved as a folder in diffusers layout, and its network alone."""

from __future__ import annotations

from pathlib import Path

from diffusers import FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel
from tests.families import tiny_parts
from tests.families.builders_qwen_image import qwen_tokenizer
from tests.families.tiny_parts import random_weights
from transformers import Qwen2Tokenizer, Qwen3Config, Qwen3Model

CHANNELS = 4
NATIVE_PX = 64
LARGE_PX = 96
WIDTH = 32
TURBO_SHIFT = 3.0
BASE_SHIFT = 6.0
CHAT = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}"
    "{%- endif %}"
)


def text_encoder(tokenizer: Qwen2Tokenizer, *, seed: int) -> Qwen3Model:
    """(B, L) ids -> (B, L, `WIDTH`)."""
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
    )
    return random_weights(Qwen3Model(config), seed)


def network(*, seed: int = 7, layers: int = 2, heads: int = 2) -> ZImageTransformer2DModel:
    """The denoising network: lists of latents and of texts in, the velocity with its sign turned out."""
    transformer = ZImageTransformer2DModel(
        in_channels=CHANNELS,
        dim=16 * heads,
        n_layers=layers,
        n_refiner_layers=1,
        n_heads=heads,
        n_kv_heads=heads,
        cap_feat_dim=WIDTH,
        axes_dims=[4, 6, 6],
        axes_lens=[640, 64, 64],
    )
    return random_weights(transformer, seed)


def pipeline(*, shift: float = BASE_SHIFT, seed: int = 7) -> ZImagePipeline:
    """All parts together, as diffusers drives them."""
    tokenizer = qwen_tokenizer()
    tokenizer.chat_template = CHAT
    return ZImagePipeline(
        transformer=network(seed=seed),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=shift),
        vae=tiny_parts.autoencoder(channels=CHANNELS, seed=seed + 1, scale=0.3611, shift=0.1159),
        text_encoder=text_encoder(tokenizer, seed=seed + 2),
        tokenizer=tokenizer,
    )


def build(folder: Path, *, shift: float = BASE_SHIFT, seed: int = 7) -> None:
    """Saves the tiny model: model_index.json, a folder for each part, weights as safetensors."""
    pipeline(shift=shift, seed=seed).save_pretrained(folder, safe_serialization=True)
