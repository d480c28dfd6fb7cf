"""Who the CRM knows: customers, persons, resellers and shops, territories."""

from __future__ import annotations

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from plumbline.demo import names, text
from plumbline.demo.catalogue import TERRITORIES, opening_day
from plumbline.demo.customers import FIRST_CUSTOMER, FIRST_PERSON, FIRST_RESELLER, Customers
from plumbline.demo.people import FIRST_SALES_PERSON, Employee
from plumbline.demo.planting import Correction, Defect, Plan, Tally, untidy
from plumbline.demo.randomness import Ints
from plumbline.demo.text import Rows
from plumbline.demo.timeline import DAY, Timeline
from plumbline.demo.traffic import SHOPS

CUSTOMER_PLAN = Plan(
    340,
    (
        Defect("duplicate"),
        Defect("superseded"),
        Defect("bad-number", "CustomerID", adds=True),
        Defect("padded", "AccountNumber"),
        Defect("blank", "AccountNumber"),
        Defect("full-width", "AccountNumber"),
    ),
)
PERSON_PLAN = Plan(
    380,
    (
        Defect("duplicate"),
        Defect("padded", "LastName"),
        Defect("blank", "FirstName"),
        Defect("full-width", "PersonType"),
    ),
)
STORE_PLAN = Plan(90, (Defect("duplicate"), Defect("full-width", "Name"), Defect("padded", "Name")))


def customers(everybody: Customers, timeline: Timeline, tally: Tally) -> Rows:
    """Give the customers that are entered by the as-of day."""
    index = np.flatnonzero(timeline.known(everybody.created))
    is_store = everybody.seller[index] >= 0
    created = everybody.created[index]
    corrected_at = created + (2 + index % 5) * DAY
    rows: Rows = {
        "CustomerID": text.number(FIRST_CUSTOMER + 1 + index),
        "PersonID": text.number(FIRST_PERSON + index, is_store),
        "StoreID": text.number(FIRST_RESELLER + _reseller_numbers(everybody)[index], ~is_store),
        "TerritoryID": text.number(everybody.territory[index] + 1),
        "AccountNumber": text.numbered("YL", FIRST_CUSTOMER + 1 + index, 10),
        "ModifiedDate": text.moments(created),
    }
    correction = Correction(
        timeline.known(corrected_at) & ~is_store,
        "TerritoryID",
        text.number((everybody.territory[index] + 1) % 10 + 1),
        corrected_at,
    )
    return untidy(
        "crm.customer", rows, CUSTOMER_PLAN.codes(index), CUSTOMER_PLAN, tally, correction=correction
    )[0]


def _reseller_numbers(everybody: Customers) -> Ints:
    return np.asarray(np.cumsum(everybody.seller >= 0) - 1, dtype=np.int64)


def persons(everybody: Customers, staff: list[Employee], timeline: Timeline, tally: Tally) -> Rows:
    """Give the private customers and the employees."""
    shown = timeline.known(everybody.created) & (everybody.seller < 0)
    index = np.flatnonzero(shown)
    place = everybody.territory[index]
    language = np.array([names.LANGUAGE[territory.country] for territory in TERRITORIES])[place]
    mixed = (index * 2_654_435_761) % 2**32
    first_names, first_start = _flat(names.FIRST)
    last_names, last_start = _flat(names.LAST)
    first = first_start[language] + mixed % np.diff(first_start)[language]
    last = last_start[language] + (mixed >> 8) % np.diff(last_start)[language]
    private: Rows = {
        "BusinessEntityID": text.number(FIRST_PERSON + index),
        "PersonType": text.words(["IN"], np.zeros(len(index), dtype=np.int64)),
        "FirstName": text.words(first_names, first),
        "LastName": text.words(last_names, last),
        "ModifiedDate": text.moments(everybody.created[index]),
    }
    hired = [person for person in staff if person.hired <= timeline.last_day]
    employed: Rows = {
        "BusinessEntityID": text.number(np.array([person.id for person in hired], dtype=np.int64)),
        "PersonType": text.words(["SP" if person.id in _SALES_IDS else "EM" for person in hired]),
        "FirstName": text.words([person.first_name for person in hired]),
        "LastName": text.words([person.last_name for person in hired]),
        "ModifiedDate": text.moments(
            np.array([person.hired * DAY + 32_400 for person in hired], dtype=np.int64)
        ),
    }
    codes = np.concatenate([np.zeros(len(hired), dtype=np.int64), PERSON_PLAN.codes(index)])
    return untidy("crm.person", text.concat_rows([employed, private]), codes, PERSON_PLAN, tally)[0]


_SALES_IDS = range(FIRST_SALES_PERSON, FIRST_SALES_PERSON + 16)


def _flat(lists: tuple[tuple[str, ...], ...]) -> tuple[list[str], Ints]:
    """Put lists one after another, and say where each begins."""
    starts = np.concatenate([[0], np.cumsum([len(part) for part in lists])])
    return [name for part in lists for name in part], starts.astype(np.int64)


def stores(everybody: Customers, timeline: Timeline, tally: Tally) -> Rows:
    """Give the own shops and the resellers."""
    index = np.flatnonzero(timeline.known(everybody.created) & (everybody.seller >= 0))
    number = _reseller_numbers(everybody)[index]
    places, place_start = _flat(names.PLACES)
    language = np.array([names.LANGUAGE[territory.country] for territory in TERRITORIES])[
        everybody.territory[index]
    ]
    place = text.words(places, place_start[language] + number * 7 % np.diff(place_start)[language])
    trade = text.words(names.TRADES, number % len(names.TRADES))
    digits = pc.cast(pa.array(number + 1), pa.string())
    resellers: Rows = {
        "BusinessEntityID": text.number(FIRST_RESELLER + number),
        "Name": text.Column(pc.binary_join_element_wise(place.text, trade.text, digits, " ")),
        "SalesPersonID": text.number(FIRST_SALES_PERSON + everybody.seller[index]),
        "ModifiedDate": text.moments(everybody.created[index]),
    }
    own = np.array([number for number, _, _ in SHOPS], dtype=np.int64)
    shops: Rows = {
        "BusinessEntityID": text.number(own),
        "Name": text.words([name for _, name, _ in SHOPS]),
        "SalesPersonID": text.number(own, np.ones(len(own), dtype=np.bool_)),
        "ModifiedDate": text.moments(np.full(len(own), opening_day(timeline) * DAY)),
    }
    codes = np.concatenate([np.zeros(len(own), dtype=np.int64), STORE_PLAN.codes(number)])
    return untidy("crm.store", text.concat_rows([shops, resellers]), codes, STORE_PLAN, tally)[0]


def territories(timeline: Timeline, tally: Tally) -> Rows:
    """Give the sales territories."""
    tally.rows("crm.sales_territory", len(TERRITORIES))
    return {
        "TerritoryID": text.number(np.array([place.id for place in TERRITORIES], dtype=np.int64)),
        "Name": text.words([place.name for place in TERRITORIES]),
        "CountryRegionCode": text.words([place.country for place in TERRITORIES]),
        "Group": text.words([place.group for place in TERRITORIES]),
        "ModifiedDate": text.moments(np.full(len(TERRITORIES), opening_day(timeline) * DAY)),
    }
