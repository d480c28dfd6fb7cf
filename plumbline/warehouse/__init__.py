"""Engines: how to connect to them, and what their paths and names look like in SQL."""

from plumbline.warehouse.duck import connect, glob_free, is_damaged, quoted, set_aside

__all__ = ["connect", "glob_free", "is_damaged", "quoted", "set_aside"]
