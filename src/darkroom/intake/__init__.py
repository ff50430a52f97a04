"""Hostile pictures become safe ones: fetched from public addresses only, decoded within limits, written anew."""
