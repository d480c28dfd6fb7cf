"""orchestration/access/<company>.yml: roles, accounts, and how mistakes in it are told."""

import pytest

from plumbline.access import EVERYTHING, Selection, load_policy, policy_file, undefined
from plumbline.errors import ConfigurationError, UsageError
from plumbline.project import Project

SHOP = """
company: shop
roles:
  boss: {label: Boss, label_zh: 老板, metrics: all, persons: true, evidence: true}
  north:
    metrics: {domains: [sales], levels: [strategic], names: [headcount], except: [discounts]}
    rows: {store__region: [North, null]}
    company_wide: {names: [headcount]}
small_groups:
  - {metrics: {domains: [people]}, count: headcount, at_least: 5}
accounts:
  ann: {roles: [boss, north]}
  bob: {roles: [north]}
"""


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def write(project, text):
    path = policy_file(project, "shop")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return load_policy(project, "shop")


def test_without_a_file_nobody_sees(project):
    policy = load_policy(project, "shop")
    assert (policy.roles, policy.accounts) == ({}, {})


def test_a_policy_is_read(project):
    policy = write(project, SHOP)
    boss, north = policy.roles["boss"], policy.roles["north"]
    assert (boss.metrics, boss.persons, boss.evidence, boss.label_zh) == (EVERYTHING, True, True, "老板")
    assert north.metrics == Selection(("sales",), ("strategic",), ("headcount",), ("discounts",))
    assert (north.rows, north.persons, north.evidence) == ({"store__region": ("North", None)}, False, False)
    (group,) = policy.small_groups
    assert (group.count, group.at_least) == ("headcount", 5)


def test_an_account_acts_in_its_first_role_unless_it_asks_for_another(project):
    policy = write(project, SHOP)
    assert policy.principal("ann").role == "boss"
    assert policy.principal("ann", "north").role == "north"


def test_an_account_does_not_act_in_a_role_of_others(project):
    policy = write(project, SHOP)
    with pytest.raises(UsageError, match="does not act as 'boss'"):
        policy.principal("bob", "boss")
    with pytest.raises(UsageError, match="'eve' is no account"):
        policy.principal("eve")


def test_another_policy_has_another_digest(project):
    before = write(project, SHOP).digest
    assert write(project, SHOP.replace("at_least: 5", "at_least: 6")).digest != before


def test_names_that_nothing_has_are_found(project):
    policy = write(project, SHOP)
    found = list(undefined(policy, ["headcount", "discount"], ["store__region"], ["sales", "people"]))
    assert found == [
        (
            "role north names metric 'discounts', which is not defined",
            "Did you mean 'discount' or 'headcount'?",
        )
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("roles: {a: {}}", "role 'a' does not say which `metrics` it sees"),
        ("roles: {a: {metrics: some}}", "metrics cannot be 'some'"),
        ("roles: {a: {metrics: all, row: {}}}", "unknown key 'row'"),
        ("roles: {a: {metrics: all, rows: {b__c: North}}}", "`b__c` is a list of members"),
        ("roles: {a: {metrics: all, rows: {b__c: []}}}", "`b__c` is a list of members"),
        ("roles: {a: {metrics: all, persons: maybe}}", "`persons` is true or false"),
        ("roles: {a: {metrics: all, company_wide: {names: [x]}}}", "role 'a' has no `rows`"),
        ("accounts: {ann: {}}", "account 'ann' has no role"),
        ("roles: {boss: {metrics: all}}\naccounts: {ann: {roles: [bos]}}", "'bos' is no role"),
        ("small_groups: [{metrics: all, count: x, at_least: 1}]", "`at_least` is a whole number from 2 on"),
        ("small_groups: [{metrics: all}]", "a small group needs `count`"),
        ("company: other", "the file of company 'shop' says company 'other'"),
    ],
)
def test_a_mistake_is_told_with_its_line(project, text, told):
    with pytest.raises(ConfigurationError) as error:
        write(project, text)
    assert told in str(error.value)
    assert "shop.yml:" in error.value.where
