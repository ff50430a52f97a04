"""How well mini-1 draws what it is asked for: eyes of another make, lists of prompts, figures, and pictures of both.

Nothing here is ever seen by the model: neither these networks nor the scenes that they learn from.
"""
