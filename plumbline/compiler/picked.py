"""Values that each pick members of one dimension: sales of the web, of shops, by telephone.

Asking every row for many conditions costs more than adding up by member first: members are few.
"""

from __future__ import annotations

from collections.abc import Sequence

from plumbline.compiler.aggregates import DISTRIBUTIVE
from plumbline.compiler.expressions import picks_members
from plumbline.compiler.graph import Column, Graph
from plumbline.compiler.plan import Condition, Value

MEMBER = "__picked_member"
# With how many filters adding up by member costs less than asking each row.
_MANY = 3


def picked_from(
    values: Sequence[Value], shared: Sequence[Condition], graph: Graph, dialect: str
) -> Column | None:
    """Give the dimension of which many filters name members, where values can be added up by it first."""
    own = {item for value in values for item in value.beyond(shared)}
    columns = {column for item in own for column in item.columns}
    if len(own) < _MANY or len(columns) != 1:
        return None
    (column,) = columns
    if not (_is_dimension(column, graph) and all(value.measure.agg in DISTRIBUTIVE for value in values)):
        return None
    return column if all(picks_members(item.template, dialect) for item in own) else None


def _is_dimension(column: Column, graph: Graph) -> bool:
    """Whether it is no key, no time and no metric: those have too many members."""
    if column.is_time or column.metric:
        return False
    target = column.path[-1].target if column.path else column.model
    return graph.definitions.models[target].dimension(column.name) is not None
