import errno
import io

from plumbline.cli.progress import TerminalProgress


class FullDisk(io.StringIO):
    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_stage_is_one_line_where_there_is_no_terminal():
    stream = io.StringIO()
    progress = TerminalProgress(stream)
    progress.begin("models")
    progress.update("orders", 0.5)
    progress.end("models", 1.25)
    assert stream.getvalue() == "  models                   1.2 s\n"


def test_progress_that_cannot_be_written_does_not_stop_the_run():
    progress = TerminalProgress(FullDisk())
    progress.begin("models")
    progress.end("models", 1.0)
