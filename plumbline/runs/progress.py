"""Progress that the engine reports and a front end shows; silent until one is installed."""

from __future__ import annotations


class Progress:
    """Receives what goes on; this one shows nothing."""

    def begin(self, stage: str) -> None:
        """A stage starts."""

    def update(self, text: str, fraction: float | None = None) -> None:
        """Work within the stage: what, and how much of it is done (0 to 1) where known."""

    def end(self, stage: str, seconds: float) -> None:
        """A stage ends."""


_SILENT = Progress()
_installed: list[Progress] = []


def install_progress(progress: Progress) -> None:
    """Show the progress of this process with `progress` from now on."""
    _installed[:] = [progress]


def current_progress() -> Progress:
    """Give the installed progress, or a silent one."""
    return _installed[0] if _installed else _SILENT
