"""Who may see which figures: one policy for every way in, orchestration/access/<company>.yml."""

from plumbline.access.persons import person_dimensions, person_entities
from plumbline.access.policy import (
    Account,
    Policy,
    Principal,
    Role,
    SmallGroup,
    load_policy,
    policy_file,
    undefined,
)
from plumbline.access.selection import EVERYTHING, NOTHING, Selection

__all__ = [
    "EVERYTHING",
    "NOTHING",
    "Account",
    "Policy",
    "Principal",
    "Role",
    "Selection",
    "SmallGroup",
    "load_policy",
    "person_dimensions",
    "person_entities",
    "policy_file",
    "undefined",
]
