"""A choice of metrics: by domain, level and name."""

from __future__ import annotations

from dataclasses import dataclass

from plumbline.definitions import Definitions, Metric


@dataclass(frozen=True)
class Selection:
    """The metrics of any of the domains, or levels, or names given, without those `but`; or `everything`."""

    domains: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    everything: bool = False

    def metrics(self, definitions: Definitions) -> frozenset[str]:
        """Name the metrics chosen."""
        return frozenset(name for name, metric in definitions.metrics.items() if self.has(metric))

    def has(self, metric: Metric) -> bool:
        """Tell whether a metric is chosen."""
        if metric.name in self.but:
            return False
        told = metric.governance
        return (
            self.everything
            or metric.name in self.names
            or bool(told.domain and told.domain in self.domains)
            or bool(told.level and told.level in self.levels)
        )

    def __str__(self) -> str:
        """Say it in words: `domains sales, retail; except discount_rate`."""
        parts = ["all metrics"] if self.everything else []
        parts += [f"domains {', '.join(self.domains)}"] if self.domains else []
        parts += [f"levels {', '.join(self.levels)}"] if self.levels else []
        parts += [", ".join(self.names)] if self.names else []
        parts = parts or ["no metrics"]
        return "; ".join([*parts, *([f"except {', '.join(self.but)}"] if self.but else [])])


EVERYTHING = Selection(everything=True)
NOTHING = Selection()
