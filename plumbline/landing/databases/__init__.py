"""The database connector: SQLite and PostgreSQL over Arrow, every other database over SQLAlchemy."""
