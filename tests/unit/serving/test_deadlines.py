"""Deadlines: what is due is done in order, what was called off is not, and one thread does for all."""

import threading

from plumbline.serving.deadlines import Deadlines


def test_what_is_due_is_done_the_earliest_first():
    deadlines, done, last = Deadlines(), [], threading.Event()
    deadlines.after(0.2, lambda: (done.append("later"), last.set()))
    deadlines.after(0.01, lambda: done.append("soon"))
    assert last.wait(10)
    assert done == ["soon", "later"]


def test_what_was_called_off_is_not_done():
    deadlines, done, last = Deadlines(), [], threading.Event()
    deadlines.after(0.01, lambda: done.append("off")).cancel()
    deadlines.after(0.05, last.set)
    assert last.wait(10)
    assert done == []


def test_one_thread_does_for_all():
    deadlines, before = Deadlines(), threading.active_count()
    for deadline in [deadlines.after(60, lambda: None) for _ in range(100)]:
        deadline.cancel()
    assert threading.active_count() == before + 1
