"""Numbers of things, as people write them."""


def counted(number: int, name: str) -> str:
    """Write a count and what is counted: `1 load`, `2,405 rows`."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"
