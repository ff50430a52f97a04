"""Darkroom: a self-hosted image studio. Importing this package does nothing and loads nothing."""

__version__ = "0.1.0"
