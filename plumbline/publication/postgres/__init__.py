"""The published tables in a PostgreSQL that the user names: each reader finds what they may see."""

from plumbline.publication.postgres.push import How, Pushed, check, opened, push, sights_of
from plumbline.publication.postgres.roles import RolesChange, role_name
from plumbline.publication.postgres.settings import PostgresSettings, load_postgres
from plumbline.publication.postgres.sights import TableSight

__all__ = [
    "How",
    "PostgresSettings",
    "Pushed",
    "RolesChange",
    "TableSight",
    "check",
    "load_postgres",
    "opened",
    "push",
    "role_name",
    "sights_of",
]
