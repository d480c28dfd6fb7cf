"""The tools: what each is called, what it takes and gives, and what runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from plumbline.serving.mcp import arguments as given
from plumbline.serving.mcp import figure_tools, library_tools, results, trust_tools
from plumbline.serving.mcp.room import Room


@dataclass(frozen=True)
class Tool:
    """One tool. `description` is what an agent chooses it by."""

    name: str
    title: str
    description: str
    arguments: type[given.Arguments]
    result: type[results.Answer]
    run: Callable[[Room, Any], results.Answer]


_TOOLS = (
    Tool(
        "search_metrics",
        "Search metrics",
        "Find governed metrics by words or a whole question, in English or Chinese. Start here: figures come "
        "from governed metrics only.",
        given.SearchMetrics,
        results.MetricList,
        library_tools.search_metrics,
    ),
    Tool(
        "list_metrics",
        "List metrics",
        "List the metrics by domain and name, with unit, verdict, and why some are not available.",
        given.ListMetrics,
        results.MetricList,
        library_tools.list_metrics,
    ),
    Tool(
        "describe_metric",
        "Describe a metric",
        "Tell what a metric means: definition, formula in words, unit, owner, version, periods, dimensions, "
        "targets and quality verdict.",
        given.DescribeMetric,
        results.MetricDefinition,
        library_tools.describe_metric,
    ),
    Tool(
        "list_dimensions",
        "List dimensions",
        "List what all of the given metrics can be split and filtered by.",
        given.ListDimensions,
        results.DimensionList,
        library_tools.list_dimensions,
    ),
    Tool(
        "list_values",
        "List values of a dimension",
        "List the members of a dimension as they are spelt in conditions.",
        given.ListValues,
        results.ValueList,
        library_tools.list_values,
    ),
    Tool(
        "query_metrics",
        "Query metrics",
        "Get governed figures of one or more metrics: for a range of days, by dimensions, by periods, "
        "filtered, ordered, compared. Shares are fractions; null is no value, not zero. Periods with "
        "is_partial true are not over, or cut: do not compare them with whole ones.",
        given.QueryMetrics,
        results.Figures,
        figure_tools.query_metrics,
    ),
    Tool(
        "compare",
        "Compare periods",
        "Put the figures of a period beside those of the one before, or of a year ago, with change and rate.",
        given.Compare,
        results.Comparison,
        figure_tools.compare,
    ),
    Tool(
        "why",
        "Why a figure moved",
        "Split the change of one metric between two periods, so that the parts add up to it exactly: over "
        "the inputs of its formula, and over members of dimensions (for shares and averages into mix and "
        "rate). Says when a figure does not add up.",
        given.WhyMoved,
        results.WhyAnswer,
        figure_tools.why,
    ),
    Tool(
        "quality",
        "Quality of a metric",
        "Tell whether the figures of a metric can be believed: verdict, what is held or waived and why, and "
        "the checks on everything that it rests on.",
        given.Quality,
        results.QualityAnswer,
        trust_tools.quality,
    ),
    Tool(
        "audit",
        "Audit a figure",
        "Take one published figure apart: definition, SQL, lineage, source extracts with checksums, "
        "approvals, and whether it comes out again. For roles with evidence.",
        given.Audit,
        results.AuditAnswer,
        trust_tools.audit,
    ),
    Tool(
        "list_saved_queries",
        "List published tables",
        "List the published wide tables: which metrics they hold, and by what they are split.",
        given.ListSavedQueries,
        results.SavedQueryList,
        library_tools.list_saved_queries,
    ),
)
TOOLS: Mapping[str, Tool] = MappingProxyType({tool.name: tool for tool in _TOOLS})
