"""Floor 6: the command line. Reads arguments, shows progress on stderr, prints results on stdout.

Only commands that draw import torch, and only when they are run.
"""
