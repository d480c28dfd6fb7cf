"""`python -m plumbline` is the same as `plumb`."""

from plumbline.cli.main import console

console()
