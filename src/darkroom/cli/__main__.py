"""`python -m darkroom.cli` is the command `darkroom`."""

from darkroom.cli.main import main

main()
