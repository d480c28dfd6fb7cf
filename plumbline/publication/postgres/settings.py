"""Where published tables also go: `postgres` in orchestration/serving/<company>.yml."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plumbline.errors import ConfigurationError, did_you_mean
from plumbline.landing.secrets import Secrets, has_literal_password, variables
from plumbline.project import Project
from plumbline.yaml_lines import YamlFile, read_yaml

_KEYS = ("url", "schema", "optional", "wait_seconds")
_PLAIN_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_SCHEMA = re.compile(r"[a-z][a-z0-9_]{0,39}")
_DRIVER = re.compile(r"^postgres(?:ql)?(?:\+\w+)?://")
INTERNAL = "_internal"


@dataclass(frozen=True)
class PostgresSettings:
    """A PostgreSQL that published tables go to; `url` may hold a password and is never shown.

    `wait_seconds`: how long to wait for other writers, and for readers where a table changes its columns.
    """

    url: str = field(repr=False)
    schema: str = "published"
    wait_seconds: int = 60
    where: str = ""
    secrets: Secrets = field(default_factory=lambda: Secrets({}, Path()), repr=False, compare=False)

    @property
    def internal(self) -> str:
        """Name the schema of what people do not read."""
        return self.schema + INTERNAL


def load_postgres(
    project: Project, company: str, environment: Mapping[str, str] | None = None
) -> PostgresSettings | None:
    """Read where the company's tables go; None when it names no PostgreSQL.

    With `optional: true` it names none either as long as the variables of its URL are not set. Raises
    ConfigurationError for anything else that cannot be, and for a password that stands in the file.
    """
    path = project.root / "orchestration" / "serving" / f"{company}.yml"
    if not path.is_file():
        return None
    file = read_yaml(path, project.root)
    node = file.content.get("postgres") if isinstance(file.content, dict) else None
    return None if node is None else _settings(file, node, os.environ if environment is None else environment)


def _settings(file: YamlFile, node: Any, environment: Mapping[str, str]) -> PostgresSettings | None:
    where = file.where("postgres")
    if not isinstance(node, dict) or not isinstance(node.get("url"), str):
        raise _unfit(
            where,
            "`postgres` needs a `url`",
            "Write `postgres: {url: $PLUMBLINE_POSTGRES_URL}`.",
            code="bad-serving",
        )
    for key in node:
        if key not in _KEYS:
            raise _unfit(
                file.where("postgres", key),
                f"unknown key {key!r}",
                did_you_mean(key, list(_KEYS)),
                code="bad-serving",
            )
    template = _PLAIN_VARIABLE.sub(r"${\1}", node["url"])
    if has_literal_password(template):
        todo = "Take the whole address from the environment: url: $PLUMBLINE_POSTGRES_URL."
        raise _unfit(where, "the password stands in the file", todo, code="literal-secret")
    if node.get("optional") is True and not all(environment.get(name) for name in variables(template)):
        return None
    secrets = Secrets(environment, Path())
    url = _DRIVER.sub("postgresql://", secrets.fill(template, where))
    return PostgresSettings(url, _schema(file, node), _wait(file, node), where, secrets)


def _schema(file: YamlFile, node: Mapping[str, Any]) -> str:
    schema = node.get("schema", "published")
    if not isinstance(schema, str) or not _SCHEMA.fullmatch(schema) or schema.startswith("pg_"):
        todo = "Use small letters, digits and underscores, 40 at most, and begin with a letter."
        raise _unfit(
            file.where("postgres", "schema"), f"{schema!r} cannot be the schema", todo, code="bad-serving"
        )
    return schema


def _wait(file: YamlFile, node: Mapping[str, Any]) -> int:
    seconds = node.get("wait_seconds", 60)
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 1:
        where = file.where("postgres", "wait_seconds")
        raise _unfit(
            where, "`wait_seconds` is a whole number from 1 on", "60 is the default.", code="bad-serving"
        )
    return seconds


def _unfit(where: str, what: str, todo: str, code: str) -> ConfigurationError:
    return ConfigurationError(what, where=where, todo=todo, code=code)
