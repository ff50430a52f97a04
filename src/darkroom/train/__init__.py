"""How the built-in model is made: openly licensed sprites, composed scenes with exact captions, and the training recipe.

Nothing here is needed to run Darkroom; nothing here knows of jobs, users or the gateway.
"""
