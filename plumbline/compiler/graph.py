"""The graph of semantic models: which element a name means, and by which joins it is reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from plumbline.definitions import (
    METRIC_TIME,
    TIMES,
    Definitions,
    Dimension,
    Entity,
    GroupBy,
    SemanticModel,
    places_of,
)
from plumbline.errors import DefinitionError, closest, did_you_mean, suggested

_KEYS = ("primary", "unique", "natural")
# A name may leave out the start of its way; longer ways are not searched for what was left out.
_LEFT_OUT = 3
# How many names a message lists.
_NAMED = 12


@dataclass(frozen=True)
class Hop:
    """One join, from a row to the one row of another model that its key names."""

    entity: str
    source: str
    source_key: str
    target: str
    target_key: str
    # The row must be valid at the time of the fact: the target holds several rows per key.
    by_validity: bool = False


@dataclass(frozen=True)
class Column:
    """An element of a semantic model, as it is reached from the model of a measure."""

    model: str
    name: str
    expr: str
    path: tuple[Hop, ...] = ()
    # Of a time: the grain of the data, the grain asked for, and what is taken out of the date.
    base: str = ""
    grain: str = ""
    part: str = ""
    # The time by which the measure is aggregated.
    is_metric_time: bool = False
    # A metric per member of this entity, instead of a column of the model.
    metric: str = ""
    by: tuple[GroupBy, ...] = ()

    @property
    def is_time(self) -> bool:
        return bool(self.base)


@dataclass(frozen=True)
class Found:
    """An element with the entities on the way to it: `customer__territory__name`."""

    links: tuple[str, ...]
    column: Column

    @property
    def name(self) -> str:
        return "__".join((*self.links, self.column.name))


@dataclass
class Graph:
    """Finds elements; what was found is kept for the next question."""

    definitions: Definitions
    _hops: dict[str, tuple[Hop, ...]] = field(default_factory=dict)
    _found: dict[tuple[str, str], tuple[Found, ...]] = field(default_factory=dict)

    def resolve(self, models: Sequence[str], item: GroupBy, asked: str) -> Mapping[str, Column]:
        """Find what a name means for each model: the same way from all of them; raises DefinitionError."""
        return self.found(models, item, asked)[1]

    def found(self, models: Sequence[str], item: GroupBy, asked: str) -> tuple[GroupBy, Mapping[str, Column]]:
        """Find what a name means as `resolve` does, with the name that tells the whole way there."""
        item = self.with_calendar(item)
        nearest = self._nearest(models, item.name)
        if not nearest:
            raise self._unknown(models, item, asked)
        if len(nearest) > 1:
            raise _ambiguous(item, [found[0].name for found in nearest], asked)
        if alone := self._alone(models, item.name, nearest[0]):
            without = [model for model in models if not self._has(model, item.name, alone.name)]
            why = f"No way leads from {' and '.join(without)} to {alone.name!r}."
            todo = f"Write {nearest[0][0].name!r}, or ask for the metrics apart."
            raise _ambiguous(item, [alone.name, nearest[0][0].name], asked, why, todo)
        columns = {
            model: self._at_grain(found.column, item, asked)
            for model, found in zip(models, nearest[0], strict=True)
        }
        return replace(item, name=nearest[0][0].name), columns

    def leads(self, models: Sequence[str], name: str) -> bool:
        """Tell whether a name means one thing for all models; `resolve` tells why it does not."""
        nearest = self._nearest(models, name)
        return len(nearest) == 1 and not self._alone(models, name, nearest[0])

    def member_of(self, model: str, item: GroupBy, metric: str) -> Column:
        """Find the key by which rows have a metric of its members: where the metric names a way, its end."""
        end = item.name.rpartition("__")[2]
        if end in self.definitions.entities and self.leads([model], end):
            item = replace(item, name=end)
        return self.resolve([model], item, f"Metric({metric!r})")[model]

    def with_calendar(self, item: GroupBy) -> GroupBy:
        """Read a grain of the company's own calendar at the end of a name."""
        return item.with_calendar(self.definitions.calendar)

    def _nearest(self, models: Sequence[str], name: str) -> list[tuple[Found, ...]]:
        """Give what a name may mean for all models by the shortest of their ways."""
        shared = self._shared(models, name)
        shortest = min((len(found[0].links) for found in shared), default=0)
        return [found for found in shared if len(found[0].links) == shortest]

    def _alone(self, models: Sequence[str], name: str, shared: Sequence[Found]) -> Found | None:
        """Give what a name means for one of the models alone, where it is something nearer."""
        if shared[0].name == name:
            return None
        found = (self.search(model, name)[0] for model in models)
        return next(
            (
                item
                for item, common in zip(found, shared, strict=True)
                if len(item.links) < len(common.links) and item.column != common.column
            ),
            None,
        )

    def _has(self, model: str, name: str, full: str) -> bool:
        return any(found.name == full for found in self.search(model, name))

    def _shared(self, models: Sequence[str], name: str) -> list[tuple[Found, ...]]:
        """Give what the name may mean, by the way to it, where all models have that way."""
        ways = [{found.name: found for found in self.search(model, name)} for model in models]
        return [tuple(way[full] for way in ways) for full in ways[0] if all(full in way for way in ways)]

    def search(self, model: str, name: str) -> tuple[Found, ...]:
        """Find every element that a name may mean, up to some joins beyond those that it names."""
        if (model, name) not in self._found:
            *links, element = name.split("__")
            found = self._walk(self.definitions.models[model], (), tuple(links), element)
            self._found[model, name] = tuple(_nearest_each(found))
        return self._found[model, name]

    def _walk(
        self, model: SemanticModel, path: tuple[Hop, ...], links: tuple[str, ...], element: str
    ) -> Iterator[Found]:
        """Give elements reached by ways that end with `links`, breadth first by the caller's sorting."""
        walked = tuple(hop.entity for hop in path)
        for start in self._starts(path):
            yield from (
                Found(start + found.links, found.column)
                for found in _elements(model, path, walked, element)
                if _ends_with(start + found.links, links)
            )
        if len(path) < len(links) + _LEFT_OUT:
            seen = {model.name, *(hop.source for hop in path)}
            for hop in self.hops(model.name):
                if hop.target not in seen:
                    target = self.definitions.models[hop.target]
                    yield from self._walk(target, (*path, hop), links, element)

    def _starts(self, path: tuple[Hop, ...]) -> list[tuple[str, ...]]:
        """A way may begin with the key of its own model, under which others know it, or without."""
        return [(), *_own_links(self.definitions.models[path[0].source])] if path else [()]

    def hops(self, model: str) -> tuple[Hop, ...]:
        """Give the joins that lead from a model to one row of another."""
        if model not in self._hops:
            source = self.definitions.models[model]
            self._hops[model] = tuple(
                Hop(entity.name, model, entity.expr, target.name, key.expr, _needs_time(target, key))
                for entity in source.entities
                for target in self.definitions.models.values()
                if target.name != model
                and (key := target.entity(entity.name))
                and key.type in _KEYS
                and not (entity.type == "natural" and key.type == "natural")
            )
        return self._hops[model]

    def _at_grain(self, column: Column, item: GroupBy, asked: str) -> Column:
        if not (item.grain or item.part or column.is_time):
            return column
        if not column.is_time:
            todo = f"Ask for {item.name!r} without a grain or a part of a date."
            raise DefinitionError(f"{item.name!r} is no time", where=asked, todo=todo, code="not-a-time")
        grain = item.grain or column.base
        if grain in TIMES and TIMES.index(grain) < TIMES.index(column.base):
            raise DefinitionError(
                f"{item.name!r} cannot be seen by {grain}",
                where=asked,
                why=f"Its data are by {column.base}.",
                todo=f"Ask by {column.base}, or by a longer period.",
                code="grain-too-fine",
            )
        self.check_grain(grain, asked)
        return replace(column, grain=grain, part=item.part)

    def check_grain(self, grain: str, asked: str) -> None:
        """Refuse a grain that is neither a length of time nor a period of the company's own calendar."""
        known = (*TIMES, *self.definitions.calendar)
        if grain not in known:
            hint = did_you_mean(grain, list(known)) or f"Known: {', '.join(known)}."
            raise DefinitionError(f"unknown grain {grain!r}", where=asked, todo=hint, code="unknown-grain")

    def _unknown(self, models: Sequence[str], item: GroupBy, asked: str) -> DefinitionError:
        """Tell a name that nothing has from one that no join without repeated rows leads to."""
        possible = self.names(models)
        known = {*self.definitions.dimensions, *self.definitions.entities}
        if not any(name == item.name or name.endswith(f"__{item.name}") for name in known):
            if item.name in self.definitions.metrics:
                return DefinitionError(
                    f"{item.name!r} is a metric, not a dimension",
                    where=asked,
                    todo="Ask for it under `metrics`; a condition compares metrics that are asked for.",
                    code="unknown-dimension",
                )
            last = "__".join(item.name.split("__")[-2:])
            if last not in known:
                return DefinitionError(
                    f"unknown dimension {item.name!r}",
                    where=asked,
                    todo=(self._suggested(item.name, possible) if asked else "")
                    or self._suggested(item.name, sorted(known))
                    or "`plumb list dimensions` names them all.",
                    code="unknown-dimension",
                )
        away = [model for model in models if not self.search(model, item.name)] or list(models)
        return DefinitionError(
            f"cannot group or filter by {item.name!r}",
            where=asked,
            why=f"No join leads from {' and '.join(away)} to {item.name!r} without repeating rows.",
            todo=f"Possible: {', '.join(possible[:_NAMED])}{', …' if len(possible) > _NAMED else ''}.",
            code="unreachable-dimension",
        )

    def _suggested(self, name: str, known: Sequence[str]) -> str:
        """Suggest names that are spelt nearly so, or have the word in them, and where these are defined."""
        found = closest(name, list(known)) or [text for text in known if name in text][:3]
        return suggested(found, places_of(self.definitions, "dimensions", found))

    def names(self, models: Sequence[str]) -> list[str]:
        """Name what all the models can be grouped by, over up to two joins."""
        every = [dict.fromkeys(self._names(self.definitions.models[model], ())) for model in models]
        return [METRIC_TIME, *(name for name in every[0] if all(name in names for names in every))]

    def _names(self, model: SemanticModel, path: tuple[Hop, ...]) -> Iterator[str]:
        walked = tuple(hop.entity for hop in path)
        for element in [*(item.name for item in model.dimensions), *(item.name for item in model.entities)]:
            yield from (found.name for found in _elements(model, path, walked, element))
        if len(path) < 2:
            for hop in self.hops(model.name):
                if hop.target not in {model.name, *(step.source for step in path)}:
                    yield from self._names(self.definitions.models[hop.target], (*path, hop))


def _needs_time(target: SemanticModel, key: Entity) -> bool:
    return key.type == "natural" and target.validity is not None


def _elements(
    model: SemanticModel, path: tuple[Hop, ...], walked: tuple[str, ...], name: str
) -> Iterator[Found]:
    """Give the dimension or the entity of this name: under the keys of the model itself, or after a join."""
    dimension, entity = model.dimension(name), model.entity(name)
    for links in _own_links(model) if not walked else (walked,):
        if dimension:
            yield Found(links, _dimension_column(model, path, dimension))
        elif entity and links[-1] != name:
            yield Found(links, Column(model.name, name, entity.expr, path))
    if entity and not walked:
        yield Found((), Column(model.name, name, entity.expr, path))


def _own_links(model: SemanticModel) -> list[tuple[str, ...]]:
    names = dict.fromkeys(
        (model.primary_entity, *(item.name for item in model.entities if item.type in _KEYS))
    )
    return [(name,) for name in names if name]


def _dimension_column(model: SemanticModel, path: tuple[Hop, ...], dimension: Dimension) -> Column:
    base = (dimension.grain or "day") if dimension.type == "time" else ""
    return Column(model.name, dimension.name, dimension.expr, path, base=base)


def _nearest_each(found: Iterator[Found]) -> list[Found]:
    """Keep, per name, the nearest element: that of the model itself goes before joined ones."""
    best: dict[str, Found] = {}
    for item in found:
        if item.name not in best or len(item.column.path) < len(best[item.name].column.path):
            best[item.name] = item
    return sorted(best.values(), key=lambda item: len(item.links))


def _ends_with(links: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    return not wanted or links[-len(wanted) :] == wanted


def _ambiguous(
    item: GroupBy,
    names: list[str],
    asked: str,
    why: str = "Both are as near.",
    todo: str = "Write the one that you mean in full.",
) -> DefinitionError:
    return DefinitionError(
        f"{item.name!r} may mean {' or '.join(sorted(names))}",
        where=asked,
        why=why,
        todo=todo,
        code="ambiguous-dimension",
    )
