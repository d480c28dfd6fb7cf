"""Engines: how to connect to them, and what their paths and names look like in SQL."""

from plumbline.warehouse.duck import connect, glob_free, quoted

__all__ = ["connect", "glob_free", "quoted"]
