"""Why a figure moved: its change between two periods, split so that the parts add up to it.

Over its formula: what each input adds. Over the members of a dimension: what each member adds, where figures
add up; mix and rate, where the figure is one sum over another; where neither holds, that it cannot be split.
"""

from plumbline.serving.why.explain import Ask, Moved, Reply, explain_change, read_versus, whole_month_before
from plumbline.serving.why.parts import DimensionSplit, FormulaSplit, InputPart, MemberPart, Why

__all__ = [
    "Ask",
    "DimensionSplit",
    "FormulaSplit",
    "InputPart",
    "MemberPart",
    "Moved",
    "Reply",
    "Why",
    "explain_change",
    "read_versus",
    "whole_month_before",
]
