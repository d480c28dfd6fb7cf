"""The files connector: inspect a file first, then read it as text."""
