"""How the command line is read; what is wrong on it is told like every other error."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from plumbline.errors import UsageError, did_you_mean

_ALSO_CALLED = {
    **dict.fromkeys(("--group-by", "--groupby", "--split", "--dimension"), "--by"),
    **dict.fromkeys(("--sort", "--sort-by", "--order-by"), "--order"),
    **dict.fromkeys(("--start", "--since", "--after"), "--from"),
    **dict.fromkeys(("--end", "--until", "--before"), "--to"),
    **dict.fromkeys(("--filter", "--if"), "--where"),
    **dict.fromkeys(("--date", "--day"), "--as-of"),
    **dict.fromkeys(("--output", "--json", "--csv"), "--format"),
    **dict.fromkeys(("--top", "--head", "--rows"), "--limit"),
}


class Parser(argparse.ArgumentParser):
    """Reads the arguments of `plumb`, or of one of its commands."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse what the command does not know itself, so that the error can name what it does know."""
        words = sys.argv[1:] if args is None else list(args)
        found, unknown = super().parse_known_args(self._joined(words), namespace)
        if unknown:
            self._refuse(unknown)
        return found, unknown

    def _joined(self, words: list[str]) -> list[str]:
        """Read `--order -net_sales` as `--order=-net_sales`: argparse takes the minus for an option."""
        joined: list[str] = []
        for word in words:
            descending = word.startswith("-") and not word.startswith("--")
            if descending and joined[-1:] == ["--order"] and word not in self._option_string_actions:
                joined[-1] = f"--order={word}"
            else:
                joined.append(word)
        return joined

    def error(self, message: str) -> NoReturn:
        """End with exit code 2 and say how the command is called."""
        self._end(message, _hint_of(message))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        what = f"{value!r} is no {_noun(action)}"
        self._end(what, did_you_mean(str(value), known) or f"Known: {', '.join(known)}.")

    def _refuse(self, unknown: list[str]) -> NoReturn:
        option = next((text for text in unknown if text.startswith("-")), "")
        if option:
            self._end(f"unknown option {option!r}", self._option_like(option.partition("=")[0]))
        company = "--company" in self._option_string_actions
        hint = f"For a company write --company {unknown[0]}." if company and self._takes_no_words() else ""
        self._end(f"{unknown[0]!r} is too much", hint)

    def _option_like(self, option: str) -> str:
        meant = _ALSO_CALLED.get(option, "")
        if meant in self._option_string_actions:
            return f"Did you mean {meant!r}?"
        return did_you_mean(option, [text for text in self._option_string_actions if text.startswith("--")])

    def _takes_no_words(self) -> bool:
        return all(action.option_strings for action in self._actions)

    def _end(self, what: str, hint: str) -> NoReturn:
        more = f"`{self.prog} --help` tells how it is called."
        error = UsageError(what, where=self.prog, todo=f"{hint} {more}".strip())
        self.exit(error.exit_code, f"error: {error}\n")


def _noun(action: argparse.Action) -> str:
    """Name what an argument is: `command`, `kind`, `--format`."""
    name = action.option_strings[-1] if action.option_strings else str(action.metavar or action.dest).lower()
    return f"value of {name}" if action.option_strings else name


def _hint_of(message: str) -> str:
    """Say what helps against what argparse complains of."""
    if "--order" in message and "expected one argument" in message:
        return "Name a column, as in --order net_sales; -net_sales is descending."
    return ""


def whole_number(text: str) -> int:
    """Read a whole number, for `type=`."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None


def counting_number(text: str) -> int:
    """Read a whole number of 1 or more, for `type=`."""
    number = whole_number(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is less than 1")
    return number


def options_among(words: Iterable[str]) -> list[str]:
    """Give the words that are options of `plumb query` without their dashes."""
    known = {"by", "where", "from", "to", "grain", "order", "limit", "compare", "format", "company"}
    return [word for word in words if word.lower() in known]
