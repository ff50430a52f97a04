"""Floor 1: the frozen nouns, the tree of errors and the events that every room shares.

Standard library only; imports no other room.
"""
