"""Plumbline (准绳): run a company by its indicators, with governed definitions and proof."""

__version__ = "0.1.0"
