"""The short name of a fingerprint: of whatever facts, told by those who draw and by those who read a picture's file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

SHORT_HASH = 12  # hexadecimal digits


def short_of(facts: Mapping[str, object]) -> str:
    """The first hexadecimal digits of the sha256 over all facts, which are JSON values."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:SHORT_HASH]
