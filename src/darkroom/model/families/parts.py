"""What a model of diffusers' layout is made of once it is in memory. Made by `loading`, or by hand from live objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

NETWORKS = ("unet", "transformer")
ALIGNMENT_BYTES = 64  # what torch's own allocator keeps


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The components of a model, under the names that its folder gives them ("text_encoder_2", "tokenizer", ...).

    `scheduler` is the content of scheduler_config.json, `options` that of model_index.json. Networks, tokenizers and
    encoders are objects of diffusers and transformers, which this package does not name in types.
    """

    network: Any
    vae: Any
    encoders: Mapping[str, Any] = field(default_factory=dict)
    tokenizers: Mapping[str, Any] = field(default_factory=dict)
    scheduler: Mapping[str, object] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    weights_hash: str = ""
    adapters: tuple[str, ...] = ()
    """What was laid over the weights: one short text for each adapter, its weight included."""

    @classmethod
    def of(
        cls,
        components: Mapping[str, Any],
        *,
        options: Mapping[str, object] | None = None,
        weights_hash: str = "",
    ) -> Parts:
        """Parts from components by name, such as those that a pipeline of diffusers holds (its `components`)."""
        there = {name: part for name, part in components.items() if part is not None}
        scheduler = there.get("scheduler")
        config = getattr(scheduler, "config", scheduler) or {}
        named = {} if isinstance(scheduler, Mapping) else {"_class_name": type(scheduler).__name__}
        return cls(
            network=next(there[name] for name in NETWORKS if name in there),
            vae=there.get("vae"),
            encoders={name: part for name, part in there.items() if name.startswith("text_encoder")},
            tokenizers={name: part for name, part in there.items() if name.startswith("tokenizer")},
            scheduler={**config, **named},
            options=dict(options or {}),
            weights_hash=weights_hash,
        )

    @property
    def reads_pictures(self) -> bool:
        """Whether the VAE has an encoder, and not the decoder alone."""
        encoder = getattr(self.vae, "encoder", None)
        return encoder is not None and any(True for _ in encoder.parameters())

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """All networks by name, the denoising one as "network"."""
        named = {"network": self.network, "vae": self.vae, **self.encoders}
        return {name: part for name, part in named.items() if isinstance(part, nn.Module)}


def align(module: nn.Module) -> None:
    """Copies weights that start at odd addresses, as those mapped from a file do: CPU kernels round by alignment."""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.device.type == "cpu" and tensor.data_ptr() % ALIGNMENT_BYTES:
            tensor.data = tensor.data.clone()
