"""Fetches a model's folder from the hub: safetensors, configs and vocabularies, and no pickle. Knows no registry."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from darkroom.core.errors import ModelError

FETCHED = ("model_index.json", "*/*.safetensors", "*/*.json", "*/*.txt", "*/*.model", "*/*.jinja")
LEFT = ("*.fp16.*", "*.bf16.*", "*non_ema*", "*.msgpack", "*onnx*", "*openvino*")
"""What is there a second time, in another form."""
INSTALL = 'pip install "darkroom[diffusers]"'


def fetch(name: str, *, revision: str = "", into: Path | None = None) -> Path:
    """The folder of a model, in the hub's own cache or `into` a folder; what was fetched before is not fetched again.

    ModelError where it can't be had.
    """
    hub = _library()
    where = {} if into is None else {"local_dir": into}
    broken = (hub.errors.HfHubHTTPError, hub.errors.HTTPError, hub.errors.XetDownloadError)
    try:
        found = hub.snapshot_download(
            name,
            revision=revision or None,
            allow_patterns=list(FETCHED),
            ignore_patterns=list(LEFT),
            **where,
        )
    except (OSError, ValueError, *broken) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ModelError(f"{name} cannot be fetched from the hub: {reason}") from error
    return Path(found)


def _library() -> Any:
    try:
        return importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise ModelError(
            f"fetching models needs huggingface_hub, which is not installed: {INSTALL}"
        ) from error
