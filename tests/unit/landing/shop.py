"""A tiny company in a temporary directory: a contract with three tables, one folder of files, one landing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from plumbline.landing import (
    Manifest,
    SystemResult,
    TableOutcome,
    land_system,
    load_sources,
    register,
    visible_loads,
)
from plumbline.project import Home, Project
from plumbline.warehouse import connect

CONTRACT = """
version: 2
sources:
  - name: erp
    schema: landing_erp
    tables:
      - name: order_line
        config: {meta: {label: Order lines, label_zh: 订单明细, key: [LineID], version: ModifiedDate}}
        columns:
          - {name: LineID, config: {meta: {type: integer, required: true}}}
          - {name: Product, config: {meta: {type: text}}}
          - {name: Amount, config: {meta: {type: decimal, required: true, control_total: true}}}
          - {name: OrderDate, config: {meta: {type: date}}}
          - {name: ModifiedDate, config: {meta: {type: timestamp}}}
      - name: shop
        columns:
          - {name: ShopID, config: {meta: {type: integer, required: true}}}
          - {name: Group, config: {meta: {type: text}}}
      - name: visit
        columns:
          - {name: VisitID, config: {meta: {type: integer, required: true}}}
"""
HEADER = "LineID,Product,Amount,OrderDate,ModifiedDate"
AS_OF = date(2026, 1, 31)


class Shop:
    """One company `shop` with the system `erp`; by default its order lines are files named lines*."""

    def __init__(self, root: Path, fresh: bool = True) -> None:
        self.project = Project(root / "project")
        self.home = Home(root / "state" / "shop")
        self.data = root / "data"
        self.waited: list[float] = []
        if fresh:
            self._set_up()

    def _set_up(self) -> None:
        self.data.mkdir(parents=True)
        self._write(self.project.root / "dbt_project.yml", "name: shop\n")
        self._write(self.project.root / "models" / "staging" / "erp" / "_erp__sources.yml", CONTRACT)
        self.tables('order_line: {files: "lines*"}')

    def tables(self, *lines: str, system: str = 'connector: files, path: "{data}"', extra: str = "") -> None:
        """Write the sources file: the tables of system erp, and how to reach it."""
        tables = "\n".join(f"      {line}" for line in lines)
        options = "\n".join(f"    {part.strip()}" for part in system.split(", ") if part)
        self.sources_text(f"company: shop\nsystems:\n  erp:\n{options}\n{extra}    tables:\n{tables}\n")

    def sources_text(self, text: str) -> None:
        self._write(self.project.sources / "shop.yml", text)

    def file(self, name: str, content: str | bytes) -> Path:
        """Drop a file into the data folder."""
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def land(self, environment: Mapping[str, str] | None = None) -> SystemResult:
        """Land the system erp."""
        sources = load_sources(self.project, "shop")
        return land_system(
            self.project,
            self.home,
            sources,
            "erp",
            data=self.data,
            as_of=AS_OF,
            environment=environment or {},
            wait=self.waited.append,
        )

    def land_lines(self, environment: Mapping[str, str] | None = None) -> TableOutcome:
        return self.land(environment)["order_line"]

    def loads(self) -> list[Manifest]:
        return visible_loads(self.home)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the registered views."""
        with connect() as connection:
            sources = load_sources(self.project, "shop")
            register(connection, self.home, self.project, sources, AS_OF, "run-1")
            return connection.execute(sql).fetchall()

    def lines(self, columns: str = "LineID, Product, Amount, OrderDate") -> list[tuple[Any, ...]]:
        """The landed order lines, in the order of loads and rows."""
        return self.query(f"select {columns} from landing_erp.order_line order by _load, _row_number")

    def quarantined(self) -> list[Path]:
        return sorted(path for path in (self.home.quarantine / "files").rglob("*") if path.is_file())

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def csv(*lines: str, header: str = HEADER, end: str = "\n") -> str:
    """Put lines under the header of the order lines."""
    return end.join([header, *lines]) + end
