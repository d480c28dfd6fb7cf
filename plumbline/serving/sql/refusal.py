"""What cannot be answered: an error with the SQLSTATE that a client of PostgreSQL expects."""

from __future__ import annotations

from plumbline.errors import PlumblineError
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
    return error_message(sqlstate_of(error), what, detail=error.why, hint=error.todo)
