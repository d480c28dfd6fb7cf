"""Great Expectations is imported when it is needed, or ahead of that in the background."""

import subprocess
import sys

import pytest


@pytest.fixture
def run(project_root):
    def in_a_process_of_its_own(program):
        subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, cwd=project_root)

    return in_a_process_of_its_own


def test_it_is_not_imported_before_something_is_judged(run):
    run(
        "import sys, plumbline.quality\n"
        "assert not {'great_expectations', 'pandas', 'sqlalchemy'} & set(sys.modules)"
    )


def test_it_is_imported_in_the_background_without_a_warning(run):
    run(
        "import plumbline.quality as quality, sys, threading\n"
        "quality.warm_up()\n"
        "quality.warm_up()\n"
        "assert [thread.name for thread in threading.enumerate()].count('warm-up-quality') == 1\n"
        "from plumbline.quality.warm import judging\n"
        "judging()\n"
        "assert 'great_expectations' in sys.modules"
    )


def test_modules_that_no_rule_needs_are_imported_by_who_uses_them(run):
    run(
        "import sys\n"
        "from plumbline.quality.warm import judging\n"
        "judging()\n"
        "assert not {'altair', 'scipy.stats'} & set(sys.modules)\n"
        "from great_expectations.expectations import core\n"
        "other = core.expect_column_kl_divergence_to_be_less_than\n"
        "assert round(other.stats.entropy([0.5, 0.5]), 3) == 0.693\n"
        "import scipy.stats\n"
        "assert scipy.stats.norm.cdf(0) == 0.5"
    )


def test_what_others_use_meanwhile_is_whole_before_it_begins(run):
    run(
        "import plumbline.quality as quality, sys, threading\n"
        "threading.Thread.start = lambda thread: None\n"
        "quality.warm_up()\n"
        "assert 'sqlalchemy.orm' in sys.modules and 'great_expectations' not in sys.modules"
    )
