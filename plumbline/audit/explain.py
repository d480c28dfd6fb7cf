"""Explain: one published figure taken apart, from its value back to the files that it was made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from plumbline.audit.book import Book, short_commit
from plumbline.audit.explain_calculation import Calculation, calculate, exact
from plumbline.audit.explain_figure import Asked, Figure, Key, find_key
from plumbline.audit.explain_origin import Origin, OriginReader, read_rows
from plumbline.audit.explain_record import (
    Decided,
    Line,
    Past,
    WitnessWord,
    decisions,
    history,
    lines_about,
    seen_by,
)
from plumbline.compiler.cache import VERSION
from plumbline.definitions import Definitions, load
from plumbline.errors import PlumblineError, StorageError, UsageError, did_you_mean
from plumbline.ledger import Record, Witnessing
from plumbline.lineage import Lineage, read_lineage
from plumbline.project import Home, Project
from plumbline.publication import Publication
from plumbline.publication.digests import file_digest, text_digest
from plumbline.publication.recording import definition_digests, metric_sql
from plumbline.serving.reader import Source, open_generation, open_publication
from plumbline.serving.vocabulary import Vocabulary

# Whatever period is asked about: a metric has one SQL in the ledger.
_RECORDED_FORM = "its SQL by month, which the ledger has of every metric"


@dataclass(frozen=True)
class Definition:
    """What the metric meant when the figure was made: words, owner, formula, place in metrics/, digest."""

    name: str
    label: str
    label_zh: str
    description: str
    formula: str
    version: str
    owner: str
    level: str
    unit: str
    defined_in: str
    code_commit: str
    sha256: str


@dataclass(frozen=True)
class Proven:
    """One thing that makes the figure believable: whether it holds (None: it cannot be told), and how."""

    what: str
    holds: bool | None
    how: str


@dataclass(frozen=True)
class Published:
    """The publication that shows the figure, and the one whose rows it was made of (another one if held)."""

    publication_id: str
    published_at: datetime
    as_of: date
    run_id: str
    code_commit: str
    made_in: str


@dataclass(frozen=True)
class Explanation:
    """Everything that can be said of one published figure; `notes` tell what could not be."""

    company: str
    figure: Figure
    definition: Definition
    published: Published
    calculation: Calculation | None
    origin: Origin
    decisions: tuple[Decided, ...]
    proven: tuple[Proven, ...]
    lines: tuple[Line, ...]
    history: tuple[Past, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_proven(self) -> bool:
        """Tell whether nothing that was checked failed."""
        return all(each.holds is not False for each in self.proven)

    def as_json(self) -> dict[str, Any]:
        """Give it for programs: figures as text with all their digits, days and times in ISO form."""
        record: dict[str, Any] = _plain(asdict(self))
        record["proven"] = {"whole": self.is_proven, "checks": record.pop("proven")}
        record["origin"]["checks_by_verdict"] = self.origin.counts
        if self.calculation:
            record["calculation"]["agrees"] = self.calculation.agrees
        return record


def explain(
    home: Home,
    witnessing: Witnessing,
    company: str,
    asked: Asked,
    *,
    publication: str = "",
    project: Project | None = None,
) -> Explanation:
    """Take one published figure apart; of the current generation, or of `publication`.

    Raises DefinitionError for a metric, period or member that has no published figure, StorageError when
    nothing is published or the generation has gone, UsageError for an unknown publication.
    """
    book = Book.read(witnessing)
    with open_generation(home, sealed=True) as current:
        source = current if not publication else current.beside(_named(home, current, book, publication))
        return _Explainer(home, book, company, current, source, project).explain(asked)


def _named(home: Home, current: Source, book: Book, text: str) -> Source:
    """Open a publication by its name, or by the number of its generation."""
    rows = read_rows(
        current.connection, "SELECT publication_id, generation FROM warehouse.published.publication"
    )
    known = {str(row["publication_id"]): int(row["generation"]) for row in rows}
    wanted = text.removeprefix("gen-").removesuffix(".duckdb")
    for name, generation in known.items():
        if text == name or (wanted.isdigit() and int(wanted) == generation):
            return open_publication(home, name)
    raise UsageError(
        f"there is no publication {text!r}",
        where="--publication",
        todo=did_you_mean(text, list(known))
        or f"The newest is {list(known)[-1]}; `plumb audit log --kind publication` names all.",
        code="unknown-publication",
    )


@dataclass
class _Explainer:
    home: Home
    book: Book
    company: str
    current: Source
    source: Source
    project: Project | None

    def explain(self, asked: Asked) -> Explanation:
        """Put it all together; what belongs to a held figure is that of its last good publication."""
        self.notes: list[str] = []
        key, row = find_key(self.source, Vocabulary(load(self.source.manifest)), asked)
        figure = Figure.of(key, row)
        made = self._made_in(figure)
        definitions = load(made.manifest)
        publication, shown = _facts(made), _facts(self.source)
        record = self.book.publication(publication.publication_id)
        calculation = self._calculation(made, definitions, key, figure)
        reader = OriginReader(made.connection, definitions, key, publication.run_id, self.book.loads())
        origin = reader.read(*self._lineage(made))
        definition = self._definition(made, definitions, key.metric)
        proven = [
            *self._proven(made, record, definition, figure, calculation),
            *_proven_extracts(origin, publication),
            *self._proven_outside(record),
        ]
        return Explanation(
            self.company,
            figure,
            definition,
            Published(
                shown.publication_id,
                shown.published_at,
                shown.as_of,
                shown.run_id,
                shown.code_commit,
                publication.publication_id,
            ),
            calculation,
            origin,
            tuple(decisions(self.source.connection, key)),
            tuple(proven),
            tuple(lines_about(self.book, key.metric, record, publication.run_id)),
            tuple(history(self.home, self.current, self.book, key)),
            tuple(self.notes),
        )

    def _made_in(self, figure: Figure) -> Source:
        """Open the generation whose rows the figure was made of."""
        if not (figure.is_held and figure.last_good):
            return self.source
        if self.source.publication and figure.last_good == self.source.publication.publication_id:
            return self.source
        try:
            return self.current.beside(open_publication(self.home, figure.last_good))
        except StorageError as error:
            self.notes.append(f"{error.what}: the figure cannot be computed again, nor its extracts named.")
            return self.source

    def _calculation(
        self, made: Source, definitions: Definitions, key: Key, figure: Figure
    ) -> Calculation | None:
        if figure.value is None:
            self.notes.append("There is no figure to compute: it has never been good.")
            return None
        if figure.is_held and made is self.source:
            return None
        return calculate(made, definitions, key, figure, self.home.compiled)

    def _lineage(self, made: Source) -> tuple[Lineage | None, str]:
        """Give what figures rest on, by the models of the last run, and why not where it is not known."""
        try:
            lineage = read_lineage(self.project or Project(self.home.root), self.home)
            publication, newest = _facts(made), _facts(self.current)
            if publication.publication_id != newest.publication_id:
                code = short_commit(publication.code_commit) or "a commit that was not recorded"
                self.notes.append(
                    f"The tables are those of the models as they are now; {publication.publication_id} was "
                    f"made by the code of {code}."
                )
            return lineage, ""
        except PlumblineError as error:
            return None, f"{error.what}: {error.why}" if error.why else error.what
        except (LookupError, TypeError, ValueError):
            return None, "what is kept of the models was made by another version; the next run makes it anew"

    def _definition(self, made: Source, definitions: Definitions, metric: str) -> Definition:
        rows = read_rows(
            made.connection, "SELECT * FROM warehouse.published.indicator WHERE name = ?", [metric]
        )
        told: Mapping[str, Any] = rows[0] if rows else {}
        known = definitions.metrics[metric]
        return Definition(
            metric,
            known.label,
            known.governance.label_zh,
            " ".join(known.description.split()),
            told.get("formula") or "",
            known.governance.version,
            str(known.governance.owner),
            known.governance.level,
            known.governance.unit,
            told.get("defined_in") or "",
            _facts(made).code_commit,
            definition_digests(made.manifest).get(metric, ""),
        )

    def _proven(
        self,
        made: Source,
        record: Record | None,
        definition: Definition,
        figure: Figure,
        calculation: Calculation | None,
    ) -> Iterator[Proven]:
        """Hold value, file, definition and SQL to what is published and recorded."""
        if calculation:
            told = "; ".join(calculation.differences) or f"{exact(calculation.value)}, to the digit"
            where = f"from the marts of {calculation.publication_id}"
            yield Proven("computed again", calculation.agrees, f"{where}: {told}")
        if record is None:
            yield Proven("publication recorded", None, "there is no record of it in the ledger")
            return
        yield _same_file(made, record.body)
        yield from _same_definition(made, record.body, definition)

    def _proven_outside(self, record: Record | None) -> Iterator[Proven]:
        """Tell whether the ledger holds, and whether its witnesses saw the record of the publication."""
        count = len(self.book.hashes)
        if self.book.breaks:
            first = self.book.breaks[0]
            yield Proven("ledger", False, f"line {first.line}: {first.what}; `plumb audit verify` names all")
        elif record:
            yield Proven(
                "ledger", True, f"an unbroken chain of {count:,} records, this publication is {record.seq}"
            )
        if record:
            for seen in seen_by(self.book, record):
                yield _witnessed(seen)


def _witnessed(seen: WitnessWord) -> Proven:
    return Proven(f"witness {seen.name}", seen.agrees, f"{seen.what} ({seen.place})")


def _same_file(made: Source, body: Mapping[str, Any]) -> Proven:
    path = _facts(made).path
    found = file_digest(path)
    holds = found == body["file_sha256"]
    told = f"{path.name}, SHA-256 {found[:16]}…"
    return Proven(
        "file as recorded", holds, told if holds else f"{told}, recorded {body['file_sha256'][:16]}…"
    )


def _same_definition(made: Source, body: Mapping[str, Any], definition: Definition) -> Iterator[Proven]:
    recorded = body["metrics"].get(definition.name, {})
    expected = recorded.get("definition_sha256")
    told = f"version {definition.version}, SHA-256 {definition.sha256[:16]}…"
    holds = expected == definition.sha256 and file_digest(made.manifest) == body["definitions_digest"]
    yield Proven("definition as recorded", holds, told)
    if body["compiler"] != VERSION:
        told = f"written by version {body['compiler']} of the compiler, this is {VERSION}"
        yield Proven("SQL as recorded", None, told)
        return
    found = text_digest([metric_sql(made.manifest, definition.name)])
    yield Proven(
        "SQL as recorded", found == recorded.get("sql_sha256"), f"{_RECORDED_FORM}, SHA-256 {found[:16]}…"
    )


def _proven_extracts(origin: Origin, publication: Publication) -> Iterator[Proven]:
    """Tell whether all extracts stand in the ledger as they stand in the generation."""
    if not origin.extracts:
        return
    known = [extract for extract in origin.extracts if extract.recorded]
    holds = len(known) == len(origin.extracts)
    told = f"{len(known)} of {len(origin.extracts)} loads, by their SHA-256"
    yield Proven("extracts as recorded", holds or None, told)


def _facts(source: Source) -> Publication:
    assert source.publication
    return source.publication


def _plain(value: Any) -> Any:
    """Give what JSON can hold: exact figures as text, days and times in ISO form."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return exact(value).replace(",", "")
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value
