"""Floor 3: batches rows of samples, not requests. Knows no user, no price, no prompt policy. Imports only model and core.

`engine.py` is the story; `scheduler.py` decides who steps and holds no tensor.
"""
