"""The ledger of a company with the witnesses that it has settled on."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from plumbline.errors import ConfigurationError
from plumbline.governance.trust import Trust, WitnessSetting, load_trust
from plumbline.landing.secrets import has_literal_password
from plumbline.ledger.chain import Ledger
from plumbline.ledger.witness import FileWitness, GitWitness, Witness
from plumbline.ledger.witnessing import Witnessing
from plumbline.project import Home, Project

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def open_ledger(project: Project, home: Home, company: str) -> Witnessing:
    """Open the ledger of a company and its witnesses; ConfigurationError for wrong settings."""
    return witnessed_ledger(home, load_trust(project, company))


def witnessed_ledger(home: Home, trust: Trust, environment: Mapping[str, str] | None = None) -> Witnessing:
    """Open a ledger with the witnesses of `trust`; paths of theirs may hold {home}, {company} and ${NAME}."""
    known = os.environ if environment is None else environment
    return Witnessing(Ledger(home.ledger), tuple(_witnesses(home, trust, known)))


def _witnesses(home: Home, trust: Trust, environment: Mapping[str, str]) -> Iterator[Witness]:
    for setting in trust.witnesses:
        options = {
            key: _filled(text, home, trust.company, environment, setting)
            for key, text in setting.options.items()
        }
        yield WITNESSES[setting.kind](home, trust.company, setting, options)


Maker = Callable[[Home, str, WitnessSetting, Mapping[str, str]], Witness]


def _file(home: Home, company: str, setting: WitnessSetting, options: Mapping[str, str]) -> Witness:
    path = os.path.normpath(home.root.resolve() / options["path"])
    return FileWitness(setting.name, Path(path), setting.required)


def _git(home: Home, company: str, setting: WitnessSetting, options: Mapping[str, str]) -> Witness:
    return GitWitness(
        setting.name,
        options["repository"],
        options.get("branch", "main"),
        options.get("file", f"{company}.jsonl"),
        home.ledger / f"witness-{setting.name}.git",
        setting.required,
    )


WITNESSES: Mapping[str, Maker] = {"file": _file, "git": _git}


def _filled(
    text: str, home: Home, company: str, environment: Mapping[str, str], setting: WitnessSetting
) -> str:
    if has_literal_password(text):
        raise ConfigurationError(
            "a password stands in this file",
            where=setting.where,
            why="secrets come from the environment only.",
            todo="Write ${SOME_NAME} in its place, and set SOME_NAME in the environment.",
            code="literal-secret",
        )
    for name in _VARIABLE.findall(text):
        if name not in environment:
            raise ConfigurationError(
                f"the environment variable {name} is not set",
                where=setting.where,
                why=f"witness {setting.name!r} takes its place from the environment.",
                todo=f"Set it before the run: export {name}=…",
                code="missing-variable",
            )
    filled = _VARIABLE.sub(lambda match: environment[match.group(1)], text)
    return filled.replace("{home}", str(home.root.resolve())).replace("{company}", company)
