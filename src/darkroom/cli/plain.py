"""Text of strangers as a terminal may print it: nothing in it steers the cursor or turns the line around."""

from __future__ import annotations


def plain(text: str) -> str:
    """The text with everything invisible as an escape like `\\u202e`; spaces stay."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )
