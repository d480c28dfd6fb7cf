"""Who gives up waiting ends the statement that runs, and a call has one time for all its questions."""

import threading

import anyio

from plumbline.serving.mcp.room import Room
from plumbline.serving.mcp.server import _in_thread


class Visit:
    """Stands for a visit of which the statement runs until it is interrupted."""

    def __init__(self):
        self.interrupted = threading.Event()

    def cancel(self):
        self.interrupted.set()


def test_a_call_that_is_given_up_is_interrupted():
    visit, begun = Visit(), threading.Event()

    def work(visits):
        visits.append(visit)
        begun.set()
        assert visit.interrupted.wait(10)

    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(_in_thread, work)
            await anyio.to_thread.run_sync(begun.wait)
            group.cancel_scope.cancel()

    anyio.run(main)
    assert visit.interrupted.wait(10)


def test_later_questions_of_a_call_have_the_time_that_is_left():
    room = Room(Visit(), seconds=30, begun=0.0)
    assert room.limits(5).seconds == 0.1
    assert 3000 < Room(Visit(), seconds=3600).limits(5).seconds <= 3600
