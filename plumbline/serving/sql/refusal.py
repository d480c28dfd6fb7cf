"""What cannot be answered: an error with the SQLSTATE that a client of PostgreSQL expects."""

from __future__ import annotations

import re

from plumbline.errors import PlumblineError
from plumbline.serving.reworded import Words, reworded
from plumbline.serving.sql.wire import error_message

UNSUPPORTED, UNKNOWN_METRIC, UNKNOWN_COLUMN = "0A000", "42883", "42703"
GROUPING, BAD_REFERENCE, AMBIGUOUS = "42803", "42P10", "42702"
BAD_DATE, BAD_VALUE, CANCELLED, TOO_MUCH = "22007", "22P02", "57014", "54000"
_STATES = {
    "unknown-metric": UNKNOWN_METRIC,
    "unknown-dimension": UNKNOWN_COLUMN,
    "unknown-name": UNKNOWN_COLUMN,
    "unknown-grain": UNKNOWN_COLUMN,
    "ambiguous-metric": AMBIGUOUS,
    "ambiguous-dimension": AMBIGUOUS,
    "unreachable-dimension": BAD_REFERENCE,
    "no-such-period": BAD_REFERENCE,
    "bad-condition": "42804",
    "bad-date": BAD_DATE,
    "bad-range": BAD_DATE,
    "not-available": "55000",
    "held": "55000",
    "query-timeout": CANCELLED,
    "query-cancelled": CANCELLED,
    "too-many-rows": TOO_MUCH,
    "nothing-published": "57P03",
    "unknown-account": "28000",
    "not-its-role": "28000",
    "unknown-role": "28000",
}
_COLUMNS = "`SELECT * FROM metrics LIMIT 0` names"
# What hints for the command line are in SQL.
_IN_SQL: Words = (
    (re.compile(r"Add --grain (\w+)"), r"GROUP BY date_trunc('\1', metric_time)"),
    (re.compile(r"with --by (\w+)"), r"with GROUP BY \1"),
    (re.compile(r"`plumb list values (\w+)` names"), r"`SELECT DISTINCT \1 FROM metrics` lists"),
    (re.compile(r"`plumb query (?:[^`]+ )?(\w+)`"), r"MEASURE(\1)"),
    (re.compile(r"`plumb list dimensions` and `plumb list metrics` name"), _COLUMNS),
    (re.compile(r"`plumb list (?:dimensions|metrics)` names"), _COLUMNS),
)


class SqlRefusal(PlumblineError):
    """A statement over metrics that cannot be answered exactly as it is written."""

    exit_code = 2
    default_code = "sql"

    def __init__(self, what: str, *, sqlstate: str = UNSUPPORTED, why: str = "", todo: str = "") -> None:
        super().__init__(what, why=why, todo=todo)
        self.sqlstate = sqlstate


def sqlstate_of(error: PlumblineError) -> str:
    """Give the SQLSTATE of an error."""
    if isinstance(error, SqlRefusal):
        return error.sqlstate
    return _STATES.get(error.code, UNSUPPORTED)


def refused(error: PlumblineError) -> bytes:
    """Write an error as an ErrorResponse: what, why as its detail, what to do as its hint."""
    what = f"{error.where}: {error.what}" if error.where else error.what
    return error_message(sqlstate_of(error), what, detail=error.why, hint=reworded(error.todo, _IN_SQL))
