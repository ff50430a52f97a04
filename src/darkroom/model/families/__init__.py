"""The families of models that people own, each a small adapter over diffusers' networks. Importing one loads no library."""

from __future__ import annotations

from collections.abc import Mapping

FAMILIES: Mapping[str, str] = {
    "sd": "darkroom.model.families.sd",
    "sdxl": "darkroom.model.families.sdxl",
    "sd3": "darkroom.model.families.sd3",
    "flux": "darkroom.model.families.flux",
    "pixart": "darkroom.model.families.pixart",
    "qwen-image": "darkroom.model.families.qwen_image",
    "z-image": "darkroom.model.families.z_image",
}
"""The module of each family; it holds its adapter, a subclass of `family.Family`, under the name ADAPTER."""
