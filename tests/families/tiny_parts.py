"""Parts that several families' tiny folders are made of: tokenizers built in memory, text encoders, an autoencoder.

Weights are random, large enough that every input shows in the output, and the same at every call with one seed.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from diffusers import AutoencoderKL
from tokenizers.pre_tokenizers import ByteLevel
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

CLIP_TOKENS = 16
"""What the tiny CLIP encoders read of a text; the real ones read 77."""
T5_TOKENS = 24
"""What the tiny T5 encoder reads of a text; the real ones read 256, 300 or 512."""
CLIP_WIDTH = 16
T5_WIDTH = 32
BIAS = 0.1  # standard deviation of the vectors, which most networks start at 0 or 1

MERGES = [
    ("c", "a"),
    ("ca", "t</w>"),
    ("r", "e"),
    ("re", "d</w>"),
    ("t", "h"),
    ("th", "e</w>"),
    ("o", "n</w>"),
]
PIECES = ["▁", "▁a", "▁the", "▁red", "▁cat", "▁fox", "▁blue", "▁on", "▁hill", "▁sea", "ing", "ed"]
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?'-"

Module = TypeVar("Module", bound=nn.Module)


def random_weights(module: Module, seed: int) -> Module:
    """The module, ready to run, with weights of the scale 1 / sqrt(fan in) and vectors off their first values."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() > 1:
                parameter.copy_(noise * parameter[0].numel() ** -0.5)
            else:  # biases start at random values that no seed of ours decides
                parameter.copy_(noise * BIAS + (0.0 if name.endswith("bias") else 1.0))
    return module.eval()


def clip_tokenizer(tokens: int = CLIP_TOKENS) -> CLIPTokenizer:
    """Byte-level BPE over all bytes and a few merges; the end of text has the highest id, as in the real one."""
    letters = sorted(ByteLevel.alphabet())
    entries = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in MERGES)]
    entries += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {entry: i for i, entry in enumerate(entries)}
    return CLIPTokenizer(vocab=vocabulary, merges=MERGES, model_max_length=tokens)


def t5_tokenizer(tokens: int = T5_TOKENS) -> T5TokenizerFast:
    """Unigram over letters and a few words; what it has no piece for becomes the unknown piece."""
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0)]
    vocabulary += [(piece, -2.0) for piece in PIECES] + [(letter, -5.0) for letter in LETTERS]
    return T5TokenizerFast(vocab=vocabulary, extra_ids=0, model_max_length=tokens)


def clip_encoder(
    tokenizer: CLIPTokenizer, *, seed: int, projection: bool, act: str = "quick_gelu"
) -> nn.Module:
    """(B, L) ids -> states of `CLIP_WIDTH`, and one vector of the same width."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=CLIP_WIDTH,
        intermediate_size=2 * CLIP_WIDTH,
        projection_dim=CLIP_WIDTH,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=tokenizer.model_max_length,
        hidden_act=act,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return random_weights((CLIPTextModelWithProjection if projection else CLIPTextModel)(config), seed)


def t5_encoder(tokenizer: T5TokenizerFast, *, seed: int) -> T5EncoderModel:
    """(B, L) ids -> (B, L, `T5_WIDTH`)."""
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=T5_WIDTH,
        d_kv=8,
        d_ff=2 * T5_WIDTH,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        is_encoder_decoder=False,
        tie_word_embeddings=False,
    )
    return random_weights(T5EncoderModel(config), seed)


def autoencoder(
    *, channels: int, seed: int, scale: float, shift: float | None = None, quant: bool = False
) -> AutoencoderKL:
    """Eight pixels a latent position, as all families here have."""
    vae = AutoencoderKL(
        latent_channels=channels,
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=4,
        scaling_factor=scale,
        shift_factor=shift,
        use_quant_conv=quant,
        use_post_quant_conv=quant,
    )
    return random_weights(vae, seed)
