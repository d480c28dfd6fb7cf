"""The command `plumb`: one module per command group, imported without the heavy libraries behind it."""
