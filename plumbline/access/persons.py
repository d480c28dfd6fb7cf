"""What tells one person from another: dimensions with `person: true`, and the keys of what they describe."""

from __future__ import annotations

from plumbline.definitions import Definitions


def person_dimensions(definitions: Definitions) -> frozenset[str]:
    """Name the dimensions whose members are persons: `employee__name`."""
    return frozenset(name for name, dimension in definitions.dimensions.items() if dimension.person)


def person_entities(definitions: Definitions) -> frozenset[str]:
    """Name the entities of which a dimension tells the person: `employee`."""
    return frozenset(
        model.primary_entity
        for model in definitions.models.values()
        if model.primary_entity and any(dimension.person for dimension in model.dimensions)
    )


def tells_persons(definitions: Definitions, name: str) -> bool:
    """Tell whether a column of this name has a row per person, reached by whatever way."""
    *_, last = name.split("__")
    if last in person_entities(definitions):
        return True
    return any(name == known or name.endswith(f"__{known}") for known in person_dimensions(definitions))
