"""A tiny Qwen-Image-like model with random weights, saved as a folder in diffusers layout, and its network alone."""

from __future__ import annotations

import json
from pathlib import Path

from diffusers import (
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
)
from tests.families.tiny_parts import random_weights
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer

CHANNELS = 4
NATIVE_PX = 64
LARGE_PX = 96
PX = 8  # pixels of a latent position, per side
WIDTH = 32
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CORPUS = (
    "system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, spatial relationships "
    "of the objects and background:\nuser\na red fox on the hill under a blue sky\nassistant\n<think>\n\n</think>\n\n"
)


def qwen_tokenizer() -> Qwen2Tokenizer:
    """Byte-level BPE with merges learnt from the words of the template, so that its prefix is about as long as the real one."""
    learnt = Tokenizer(models.BPE())
    learnt.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        min_frequency=1,
        special_tokens=SPECIAL,
        initial_alphabet=sorted(alphabet),
        show_progress=False,
    )
    learnt.train_from_iterator([CORPUS], trainer)
    merges = [tuple(pair) for pair in json.loads(learnt.to_str())["model"]["merges"]]
    return Qwen2Tokenizer(
        vocab=learnt.get_vocab(), merges=merges, additional_special_tokens=SPECIAL[1:], model_max_length=4096
    )


def text_encoder(tokenizer: Qwen2Tokenizer, *, seed: int) -> Qwen2_5_VLForConditionalGeneration:
    """(B, L) ids -> (B, L, `WIDTH`); its eye is there because the real one's is, and sees nothing."""
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "bos_token_id": tokenizer.eos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "rope_scaling": {"type": "default", "mrope_section": [1, 1, 2], "rope_type": "default"},
        },
        vision_config={
            "depth": 1,
            "hidden_size": 8,
            "intermediate_size": 8,
            "num_heads": 1,
            "out_hidden_size": WIDTH,
            "fullatt_block_indexes": [0],
        },
    )
    return random_weights(Qwen2_5_VLForConditionalGeneration(config), seed)


def network(*, seed: int = 5, layers: int = 2, heads: int = 2) -> QwenImageTransformer2DModel:
    """The denoising network: packed latents of `CHANNELS` x 2 x 2 in, velocity out."""
    transformer = QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=4 * CHANNELS,
        out_channels=CHANNELS,
        num_layers=layers,
        num_attention_heads=heads,
        attention_head_dim=16,
        joint_attention_dim=WIDTH,
        axes_dims_rope=(4, 6, 6),
    )
    return random_weights(transformer, seed)


def autoencoder(*, seed: int) -> AutoencoderKLQwenImage:
    """`PX` pixels a latent position; a mean and a scale for each channel."""
    vae = AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=CHANNELS,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[-0.7, 0.2, 0.5, 0.1],
        latents_std=[1.8, 0.6, 1.2, 2.1],
    )
    return random_weights(vae, seed)


def scheduler() -> FlowMatchEulerDiscreteScheduler:
    """As the real model's: shifted by the length of the sequence, its last level at 0.02."""
    return FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True,
        base_shift=0.5,
        max_shift=0.9,
        base_image_seq_len=256,
        max_image_seq_len=8192,
        shift_terminal=0.02,
        time_shift_type="exponential",
    )


def pipeline(*, seed: int = 5) -> QwenImagePipeline:
    """All parts together, as diffusers drives them."""
    tokenizer = qwen_tokenizer()
    return QwenImagePipeline(
        transformer=network(seed=seed),
        scheduler=scheduler(),
        vae=autoencoder(seed=seed + 1),
        text_encoder=text_encoder(tokenizer, seed=seed + 2),
        tokenizer=tokenizer,
    )


def build(folder: Path, *, seed: int = 5) -> None:
    """Saves the tiny model: model_index.json, a folder for each part, weights as safetensors."""
    pipeline(seed=seed).save_pretrained(folder, safe_serialization=True)
