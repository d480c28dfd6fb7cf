"""What an agent can read without a tool: the glossary, definitions, and prompts to begin with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import unquote

from plumbline.errors import DefinitionError, UsageError, did_you_mean
from plumbline.serving.mcp.arguments import DescribeMetric
from plumbline.serving.mcp.library_tools import describe_metric
from plumbline.serving.mcp.room import Room
from plumbline.serving.mcp.texts import in_words

GLOSSARY = "plumbline://glossary"
PUBLICATION = "plumbline://publication"
METRIC = "plumbline://metrics/{name}"
_METRIC = METRIC.partition("{")[0]

INSTRUCTIONS = """\
Governed figures of one company. Every figure comes from a metric with one definition; none may be made up,
and none calculated from others where a metric exists.
1. search_metrics finds metrics by words or a question, in English or Chinese; describe_metric tells what one
means.
2. query_metrics, compare and why give figures. Dates are days, weeks (2026-W05), months (2026-01), quarters
(2026-Q1) or years, both ends included. list_dimensions and list_values name what to split and filter by.
3. Say with every figure its period, its definition version, its quality verdict and the publication, and pass
on the notes: periods that are not over, figures that are held.
Errors say what would be right: repair the call and try again.
"""


def read_document(room: Room, uri: str) -> str:
    """Give a resource as Markdown; DefinitionError for a metric, UsageError for a place that there is not."""
    if uri == GLOSSARY:
        return "\n".join(_glossary(room))
    if uri == PUBLICATION:
        return "\n".join(_publication(room))
    if uri.startswith(_METRIC):
        name = room.metric(unquote(uri.removeprefix(_METRIC))).name
        return in_words(describe_metric(room, DescribeMetric(metric=name)))
    raise UsageError(
        f"there is no resource {uri!r}",
        todo=did_you_mean(uri, [GLOSSARY, PUBLICATION, METRIC]) or f"There are {GLOSSARY} and {METRIC}.",
        code="unknown-resource",
    )


def _glossary(room: Room) -> Iterator[str]:
    """List every metric with what it is called and means, by domain."""
    known = room.visit.words.known
    domain = None
    for entry in room.visit.metrics():
        metric = known[entry["name"]]
        if entry["domain"] != domain:
            domain = entry["domain"]
            yield from (f"## {domain or 'without a domain'}", "")
        names = ", ".join((*metric.governance.synonyms, *metric.governance.synonyms_zh))
        also = f" Also called {names}." if names else ""
        yield (
            f"- **{metric.name}** {metric.label} · {metric.governance.label_zh} ({metric.governance.unit}): "
            f"{' '.join(metric.description.split())}{also}"
        )


def _publication(room: Room) -> Iterator[str]:
    published = room.visit.publication
    yield f"publication {published.publication_id} of {published.company}"
    yield f"as of {published.as_of}, published {published.published_at:%Y-%m-%d %H:%M} UTC"
    yield f"verdict {published.verdict}"


@dataclass(frozen=True)
class Wanted:
    """An argument of a prompt."""

    name: str
    description: str
    instead: str = ""

    @property
    def required(self) -> bool:
        """Whether nothing can stand in its place."""
        return not self.instead


@dataclass(frozen=True)
class Prompt:
    """A prompt to begin with; `text` has its arguments in braces."""

    name: str
    title: str
    description: str
    text: str
    arguments: tuple[Wanted, ...]

    def written(self, given: Mapping[str, str]) -> str:
        """Write the prompt; UsageError where an argument is missing or unknown."""
        names = [wanted.name for wanted in self.arguments]
        missing = [
            each.name for each in self.arguments if each.required and not given.get(each.name, "").strip()
        ]
        unknown = [name for name in given if name not in names]
        if missing or unknown:
            raise UsageError(
                f"prompt {self.name!r} needs {', '.join(missing)}"
                if missing
                else f"prompt {self.name!r} has no argument {unknown[0]!r}",
                todo=f"It takes {', '.join(names)}.",
                code="bad-arguments",
            )
        return self.text.format(
            **{each.name: given.get(each.name, "").strip() or each.instead for each in self.arguments}
        )


_PROMPTS = (
    Prompt(
        "why_did_it_move",
        "Why did a figure move?",
        "Explain the change of one metric, with parts that add up, and say how far it can be believed.",
        """\
Explain why the metric {metric} moved in this period: {period}.
1. Find it with search_metrics and read its definition with describe_metric.
2. Call why for that period against the one before, and once more with versus year-ago.
3. Follow the largest part: call why of the input, or with `where` on the member, until the cause is plain.
4. Check quality before you conclude; pass on every note.
Answer in the language of the question. Give before, after, change and the parts, which add up; then what it
means, and what you cannot tell from the figures. Cite definition version, verdict and publication.
""",
        (
            Wanted("metric", "Name, label or synonym of the metric."),
            Wanted("period", "The period, as 2026-10 or 2026-Q3.", "the last whole month"),
        ),
    ),
    Prompt(
        "review_domain",
        "Review a domain",
        "Go through the strategic metrics of a domain: level, change, target, what needs attention.",
        """\
Review the domain {domain} for this period: {period}.
1. list_metrics of the domain, level strategic first, then process; leave out those that are not available.
2. compare them with the period before and with a year ago; describe_metric tells targets and lights.
3. Call why for those that moved most in the wrong direction.
Answer in the language of the question: a table (metric, figure, change, target, verdict), then three findings
and what should be looked into. Cite the publication; say what is held or partial.
""",
        (
            Wanted("domain", "The domain, such as sales or production."),
            Wanted("period", "The period, as 2026-10.", "the last whole month"),
        ),
    ),
)
PROMPTS: Mapping[str, Prompt] = MappingProxyType({prompt.name: prompt for prompt in _PROMPTS})


def find_prompt(name: str) -> Prompt:
    """Find a prompt by its name."""
    if name not in PROMPTS:
        raise DefinitionError(
            f"there is no prompt {name!r}", todo=f"There are {', '.join(PROMPTS)}.", code="unknown-prompt"
        )
    return PROMPTS[name]
