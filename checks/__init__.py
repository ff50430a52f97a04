"""The house's own checks, run by `make check`. They know the source tree and nothing of what it does."""
