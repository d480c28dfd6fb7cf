"""What a company has settled about trust: orchestration/trust/<company>.yml, who witnesses its ledger.

A company without such a file has the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from plumbline.project import Project
from plumbline.yaml_lines import FileReader, Place, YamlFile, read_yaml

_TOP_KEYS = ("company", "witness")
# The keys of each kind of witness; those that end with `?` may be left out.
WITNESS_KEYS: Mapping[str, tuple[str, ...]] = {
    "file": ("path",),
    "git": ("repository", "branch?", "file?"),
}


@dataclass(frozen=True)
class WitnessSetting:
    """One witness: its kind and where it is. Nothing is published when a `required` one cannot be told."""

    name: str
    kind: str
    options: Mapping[str, str]
    required: bool = False
    where: str = ""


# Beside the state of the companies, so that who removes one of them does not remove what was witnessed.
DEFAULT_WITNESS = WitnessSetting("second_path", "file", {"path": "{home}/../witness/{company}.jsonl"})


@dataclass(frozen=True)
class Trust:
    """The settings of one company."""

    company: str
    witnesses: tuple[WitnessSetting, ...] = (DEFAULT_WITNESS,)
    file: Path | None = field(default=None, compare=False)


def load_trust(project: Project, company: str) -> Trust:
    """Read and check the company's file; one ConfigurationError names all its mistakes."""
    path = project.trust / f"{company}.yml"
    if not path.is_file():
        return Trust(company)
    return _Reader(read_yaml(path, project.root), company).trust()


class _Reader(FileReader):
    def __init__(self, file: YamlFile, company: str) -> None:
        super().__init__(file)
        self.company = company

    def trust(self) -> Trust:
        top = self._mapping(self.file.content, ())
        self._check_keys(top, _TOP_KEYS, ())
        if top.get("company", self.company) != self.company:
            self._complain(
                ("company",),
                f"the file of company {self.company!r} says company {top['company']!r}",
                todo="The file's name and the company's name are the same.",
            )
        witnesses = (
            tuple(self._witnesses(top["witness"])) if "witness" in top else Trust(self.company).witnesses
        )
        self._raise()
        return Trust(self.company, witnesses, self.file.path)

    def _witnesses(self, value: object) -> list[WitnessSetting]:
        nodes = self._mapping(value, ("witness",))
        found = [self._witness(name, node, ("witness", name)) for name, node in nodes.items()]
        return [witness for witness in found if witness]

    def _witness(self, name: str, value: object, place: Place) -> WitnessSetting | None:
        node = self._mapping(value, place)
        kind = self._optional_choice(node, "type", tuple(WITNESS_KEYS), place)
        if kind is None:
            if not node.get("type"):
                kinds = ", ".join(WITNESS_KEYS)
                self._complain(place, f"witness {name!r} has no type", todo=f"Types are {kinds}.")
            return None
        keys = WITNESS_KEYS[kind]
        self._check_keys(node, ("type", "required", *(key.rstrip("?") for key in keys)), place)
        for key in keys:
            if not key.endswith("?") and not node.get(key):
                self._complain(place, f"witness {name!r} needs `{key}`")
        if not isinstance(node.get("required", False), bool):
            self._complain((*place, "required"), "`required` is true or false")
        options = {key: str(text) for key, text in node.items() if key not in ("type", "required")}
        return WitnessSetting(
            name, kind, options, node.get("required", False) is True, self.file.where(*place)
        )
