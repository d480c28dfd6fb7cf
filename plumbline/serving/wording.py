"""What the compiler refuses, said in the words of the question."""

from __future__ import annotations

from dataclasses import dataclass

from plumbline.compiler.templates import read_template
from plumbline.definitions import GRAINS, METRIC_TIME, TIMES, GroupBy, Metric
from plumbline.errors import DefinitionError
from plumbline.serving.resolve import Question, Resolved
from plumbline.serving.vocabulary import Vocabulary, is_chinese


def in_their_words(
    error: DefinitionError, vocabulary: Vocabulary, question: Question, resolved: Resolved
) -> DefinitionError:
    """Say what the compiler refuses in the words of the question; what has no other words stays."""
    told = _Told(vocabulary, question, resolved)
    match error.code:
        case "needs-time":
            return told.needs_time()
        case "unreachable-dimension":
            return told.unreachable() or error
        case "grain-too-fine":
            return told.too_fine() or error
        case "mixed-condition" | "bad-condition":
            return told.condition(error)
    return error


@dataclass(frozen=True)
class _Told:
    vocabulary: Vocabulary
    question: Question
    resolved: Resolved

    def needs_time(self) -> DefinitionError:
        metrics = [self.vocabulary.definitions.metrics[name] for name in self.resolved.metrics]
        offered = [grain for metric in metrics for grain in metric.governance.grains if grain in GRAINS]
        names = [metric.name for metric in metrics if self._compares(metric)]
        told = ", ".join(map(self.resolved.called, names or self.resolved.metrics))
        return DefinitionError(
            f"{told} compare{'' if len(names) > 1 else 's'} periods, and none is asked for",
            todo=f"Add --grain {offered[0] if offered else 'month'}.",
            code="needs-time",
        )

    def _compares(self, metric: Metric) -> bool:
        """Tell whether a metric rests on another period."""
        known = self.vocabulary.definitions.metrics
        return any(
            item.offset_window or item.offset_to_grain or self._compares(known[item.name])
            for item in metric.inputs
        )

    def unreachable(self) -> DefinitionError | None:
        """Say which metric cannot be split, or limited, by which dimension."""
        for metric in self.resolved.metrics:
            possible = self.vocabulary.dimensions([metric])
            for item in self.resolved.group_by:
                if self._is_away(item, possible):
                    return self._away(metric, item, "split by", possible)
            for item in self._compared():
                if self._is_away(item, possible):
                    return self._away(metric, item, "limited by", possible)
        return self._apart() if len(self.resolved.metrics) > 1 else None

    def _apart(self) -> DefinitionError:
        """Say that each metric can be split so, but not the same way as the others."""
        items = [item for item in (*self.resolved.group_by, *self._compared()) if item.name != METRIC_TIME]
        names = dict.fromkeys(self.resolved.called(item.name) for item in items)
        return DefinitionError(
            f"{self._metrics()} cannot be split together by {', '.join(names)}",
            why="They get there by different keys, so the members do not mean the same.",
            todo="Ask for them one by one.",
            code="different-keys",
        )

    def too_fine(self) -> DefinitionError | None:
        """Say which metric has no such short periods."""
        for item in (*self.resolved.group_by, *self._compared()):
            for name in self.resolved.metrics if item.name == METRIC_TIME else ():
                base = self.vocabulary.base_grain(name)
                if item.grain in TIMES and TIMES.index(item.grain) < TIMES.index(base):
                    return DefinitionError(
                        f"metric {self.resolved.called(name)} says nothing by {item.grain}",
                        why=f"Its data are by {base}.",
                        todo=f"Ask by {' or '.join(TIMES[TIMES.index(base) :])}.",
                        code="grain-too-fine",
                    )
        return None

    def _compared(self) -> list[GroupBy]:
        """Give what the conditions compare."""
        return [
            reference.item for text in self.resolved.where for reference in read_template(text).references
        ]

    def condition(self, error: DefinitionError) -> DefinitionError:
        """Put the condition as it was written in the place of the template made of it."""
        written = dict(zip(self.resolved.where, self.question.where, strict=True))
        what = error.what
        for template, text in written.items():
            what = what.replace(repr(template), repr(text))
        where = written.get(error.where, error.where)
        mixed = error.code == "mixed-condition"
        todo = "Give each its own --where; both must hold, OR cannot join them." if mixed else error.todo
        return DefinitionError(what, where=where, why=error.why, todo=todo, code=error.code)

    def _metrics(self) -> str:
        return ", ".join(self.resolved.called(name) for name in self.resolved.metrics)

    def _is_away(self, item: GroupBy, possible: list[str]) -> bool:
        return item.name in self.vocabulary.definitions.dimensions and item.name not in possible

    def _away(self, metric: str, item: GroupBy, verb: str, possible: list[str]) -> DefinitionError:
        return DefinitionError(
            f"metric {self.resolved.called(metric)} cannot be {verb} {self.resolved.called(item.name)}",
            why="No key leads from its rows to that dimension.",
            todo=f"Possible: {', '.join(map(self._shown, possible)) or METRIC_TIME}.",
            code="unreachable-dimension",
        )

    def _shown(self, name: str) -> str:
        """Name a dimension; in Chinese where the question is."""
        label = self.vocabulary.definitions.dimensions[name].label_zh
        chinese = is_chinese((*self.question.metrics, *self.question.by))
        return f"{label} ({name})" if chinese and label else name
