"""The recipe of the picture embedder that Describe reads pictures with: composed scenes in, one small file of weights out.

Shares the scenes of mini-1's recipe, and no weight with it.
"""
