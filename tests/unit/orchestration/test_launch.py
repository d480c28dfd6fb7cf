"""What `plumb run` makes of the errors of its steps."""

import dagster as dg
import pytest

from orchestration.launch import _root_error, _Run
from plumbline.errors import GateError
from plumbline.project import Home, Project
from plumbline.runs.state import RunState


def failing_with(error):
    @dg.op
    def step():
        raise error

    @dg.job
    def run():
        step()

    with dg.instance_for_test() as instance, pytest.raises(type(error)) as caught:
        run.execute_in_process(instance=instance, raise_on_error=True)
    return caught.value


def test_the_error_of_a_step_is_told_as_it_was_raised():
    error = GateError("1 critical expectation failed")
    assert _root_error(failing_with(error)) is error


def test_the_cause_is_found_below_what_wraps_it():
    cause = GateError("1 critical expectation failed")
    wrapped = RuntimeError("while checking")
    wrapped.__cause__ = cause
    assert _root_error(failing_with(wrapped)) is cause


def test_an_error_that_nobody_expected_stays_itself():
    error = ZeroDivisionError("division by zero")
    assert isinstance(_root_error(failing_with(error)), ZeroDivisionError)


@pytest.mark.parametrize("growing", [True, False])
@pytest.mark.parametrize(
    ("before", "is_another"), [("2026-06-29", True), ("2026-07-01", True), ("2026-06-30", False), ("", None)]
)
def test_on_another_day_than_that_of_the_run_before_models_are_known_to_be_built(
    tmp_path, before, is_another, growing
):
    home = Home(tmp_path)
    home.runs.mkdir(parents=True)
    RunState().write(home.runs / "state.json", as_of=before)
    run = _Run(Project.find(), home, "demo", {"as_of": "2026-06-30"})
    # A first run waits with dbt while its extracts are made: that needs the processor.
    expected = not growing if is_another is None else is_another
    assert run._is_of_another_day(growing) is expected
