"""Fetches a model's folder from the hub: safetensors, configs and vocabularies, and no pickle. Knows no registry."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from darkroom.core.errors import ModelError

FETCHED = ("model_index.json", "*/*.safetensors", "*/*.json", "*/*.txt", "*/*.model", "*/*.jinja")
LEFT = ("*.fp16.*", "*.bf16.*", "*non_ema*", "*.msgpack", "*onnx*", "*openvino*")
"""What is there a second time, in another form."""
BROKEN = ("HfHubHTTPError", "HTTPError", "XetDownloadError")
"""What of its errors is no OSError. The second is that of the library which it speaks HTTP with."""
INSTALL = 'pip install "darkroom[diffusers]"'


def fetch(name: str, *, revision: str = "", into: Path | None = None) -> Path:
    """The folder of a model, in the hub's own cache or `into` a folder; what was fetched before is not fetched again.

    ModelError where it can't be had.
    """
    hub, errors = _library("huggingface_hub"), _library("huggingface_hub.errors")
    where = {} if into is None else {"local_dir": into}
    # By name: not every release has all of them.
    broken = [getattr(errors, name) for name in BROKEN if hasattr(errors, name)]
    try:
        found = hub.snapshot_download(
            name,
            revision=revision or None,
            allow_patterns=list(FETCHED),
            ignore_patterns=list(LEFT),
            **where,
        )
    except (OSError, ValueError, *broken) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        reason = reason.partition(". ")[0].removeprefix("Got: ").rstrip(".")
        raise ModelError(f"{name} cannot be fetched from the hub: {reason}") from error
    return Path(found)


def _library(name: str) -> Any:
    """A module of it: the package itself names only some of them."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ModelError(
            f"fetching models needs huggingface_hub, which is not installed: {INSTALL}"
        ) from error
