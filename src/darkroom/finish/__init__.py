"""Floor 3: finished pixels become files: grid, encoding, provenance, atomic writing.

Knows no model, no engine and no prompt syntax; pictures are Pillow images, provenance is JSON.
"""
