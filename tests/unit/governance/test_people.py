"""Who acts, who may, whose own it is, and whether it is signed."""

import subprocess
from dataclasses import replace

import pytest

from plumbline.definitions import Definitions, Measure, MeasureInput, Metric, MetricInput, SemanticModel
from plumbline.definitions.model import Entity, Governance, Location
from plumbline.errors import ConfigurationError, UsageError
from plumbline.governance.authors import Authors
from plumbline.governance.passage import Passage
from plumbline.governance.passages import Passages
from plumbline.governance.people import Involved, acting, claimed, is_signed_by, operator, refuse_own, sign
from plumbline.governance.trust import Person, Trust, load_trust
from plumbline.project import Project

PEOPLE = """
people:
  li: {name: Li Na, email: li.na@example.com, also: [li@home.example], may: [waive, approve]}
  wang: {name: Wang Fang, email: wang@example.com, may: [waive]}
"""

TRUST = "orchestration/trust/shop.yml"
# Names of authors are believed.
CLAIMS = Trust("shop")


def authors(root, passages, trust, since=""):
    return Authors(root, trust).of(passages, since)


def involved_in_metrics(root, definitions, metrics, trust, since=""):
    return Authors(root, trust).of_metrics(definitions, metrics, since)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def write(project, text=PEOPLE):
    project.trust.mkdir(parents=True, exist_ok=True)
    (project.trust / "shop.yml").write_text(text, encoding="utf-8")
    return load_trust(project, "shop")


def git(project, *arguments, who="wang@example.com"):
    settings = ["-c", f"user.email={who}", "-c", "user.name=x", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(project.root), *settings, *arguments], check=True, capture_output=True)


def commit(project, path, text, who):
    file = project.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    git(project, "add", path, who=who)
    git(project, "commit", "-m", "x", who=who)


@pytest.mark.parametrize("known_as", ["li", "li.na@example.com", "LI.NA@example.com", "li@home.example"])
def test_a_person_is_known_by_login_and_by_every_address(project, known_as):
    person = acting(write(project), project, "approve", {"PLUMBLINE_USER": known_as})
    assert str(person) == "Li Na <li.na@example.com>"


def test_who_is_not_listed_may_not_act(project):
    with pytest.raises(UsageError, match=r"'eve@example\.com' is nobody who may act here") as raised:
        acting(write(project), project, "waive", {"PLUMBLINE_USER": "eve@example.com"})
    assert "Li Na <li.na@example.com>, Wang Fang <wang@example.com>" in raised.value.why


def test_who_may_waive_may_not_therefore_approve(project):
    with pytest.raises(UsageError) as raised:
        acting(write(project), project, "approve", {"PLUMBLINE_USER": "wang"})
    assert raised.value.code == "not-allowed"


def test_without_a_name_git_says_who_acts(project):
    git(project, "init", "-q")
    git(project, "config", "user.email", "wang@example.com")
    assert claimed(project.root, {}) == "wang@example.com"


def test_who_starts_a_run_is_named_or_is_the_user_of_the_machine(project, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_USER", "nightly run")
    assert operator(project.root) == "nightly run"
    monkeypatch.delenv("PLUMBLINE_USER")
    assert operator(project.root)


def test_nobody_passes_what_is_their_own(project):
    person = write(project).person("li")
    refuse_own(person, [Involved("wang@example.com", "last changed x")], "waive it")
    with pytest.raises(UsageError, match="cannot waive it") as raised:
        refuse_own(person, [Involved("LI@home.example", "last changed models/a.sql")], "waive it")
    assert raised.value.why == "They last changed models/a.sql: nobody passes what is their own."


def test_the_author_of_a_passage_is_who_changed_one_of_its_lines_last(project):
    git(project, "init", "-q")
    commit(
        project, "expectations/marts.py", 'a = mart(\n    "orders",\n    1,\n)\nb = mart("stock", 2)\n', "li"
    )
    commit(project, "models/marts/orders.sql", "select 1", "li")
    commit(
        project, "expectations/marts.py", 'a = mart(\n    "orders",\n    1,\n)\nb = mart("stock", 3)\n', "eve"
    )
    found = authors(project.root, Passages(project.root).of_check("marts", "marts.orders"), CLAIMS)
    assert found == [
        Involved("li", "last changed expectations/marts.py:1"),
        Involved("li", "last changed models/marts/orders.sql"),
    ]
    (stock,) = authors(project.root, Passages(project.root).of_check("marts", "marts.stock"), CLAIMS)
    assert stock.who == "eve"


def test_every_suite_of_a_table_has_an_author(project):
    git(project, "init", "-q")
    first = 'SUITES = (mart("orders", 1),)\n'
    commit(project, "expectations/marts.py", first, "li")
    commit(project, "expectations/marts.py", f'{first}SUITES += (suite("marts.orders", 2),)\n', "eve")
    commit(project, "expectations/targets.py", 'MORE = suite("marts.orders", 3)\n', "adam")
    commit(project, "expectations/staging.py", 'OTHER = suite("orders", 3)\n', "nobody")
    found = authors(project.root, Passages(project.root).of_check("marts", "marts.orders"), CLAIMS)
    assert [(each.who, each.how) for each in found] == [
        ("li", "last changed expectations/marts.py:1"),
        ("eve", "last changed expectations/marts.py:2"),
        ("adam", "last changed expectations/targets.py:1"),
    ]


MODEL = """semantic_models:
  - name: order_lines
    defaults: {{agg_time_dimension: {time}}}
    measures:
      - name: net_amount
        agg: sum
        expr: {net}
      - {{name: lines, agg: count, expr: {lines}}}
"""


def counting(*measures):
    """Definitions of two metrics over a semantic model, and of one over both of them."""
    place = Location("metrics/semantic_models/order_lines.yml", 2)
    written = tuple(Measure(name, "sum", name, "order_date") for name in measures)
    model = SemanticModel("order_lines", '"marts"."order_lines"', "", place, measures=written)

    def metric(name, **given):
        return Metric(name, name, "", "simple", Governance(), Location("metrics/sales.yml", 0), **given)

    metrics = [metric(name, measures=(MeasureInput(name),)) for name in measures]
    metrics.append(metric("both", inputs=tuple(MetricInput(name) for name in measures)))
    return Definitions({each.name: each for each in metrics}, {"order_lines": model}, {}, (), "")


def test_who_changed_a_measure_has_changed_the_metrics_that_count_it(project):
    git(project, "init", "-q")
    definitions = counting("net_amount", "lines")
    path = definitions.models["order_lines"].location.file

    def change(who, **given):
        commit(project, path, MODEL.format(**{"time": "order_date", "net": 1, "lines": 1} | given), who)

    def who_changed(metric):
        return {each.who for each in involved_in_metrics(project.root, definitions, [metric], CLAIMS)}

    change("adam")
    change("li", net=2)
    assert who_changed("net_amount") == {"adam", "li"}
    assert who_changed("lines") == {"adam"}
    assert who_changed("both") == {"adam", "li"}
    change("eve", net=2, time="ship_date")
    assert who_changed("lines") == {"eve", "adam"}
    assert who_changed("net_amount") == {"eve", "li"}


def test_a_measure_that_is_not_found_in_its_semantic_model_is_changed_with_all_of_it(project):
    git(project, "init", "-q")
    definitions = counting("elsewhere")
    path = definitions.models["order_lines"].location.file
    commit(project, path, MODEL.format(time="order_date", net=1, lines=1), "adam")
    commit(project, path, MODEL.format(time="order_date", net=1, lines=2), "li")
    found = involved_in_metrics(project.root, definitions, ["elsewhere"], CLAIMS)
    assert {each.who for each in found} == {"adam", "li"}


def test_a_measure_is_passed_only_where_its_change_is_signed(project, signing, keys):
    definitions = counting("net_amount", "lines")
    path = definitions.models["order_lines"].location.file
    (project.root / path).parent.mkdir(parents=True)
    sign_commit(project, TRUST, (project.root / TRUST).read_text(encoding="utf-8"), "li@shop", keys["li"])
    sign_commit(project, path, MODEL.format(time="order_date", net=1, lines=1), "li@shop", keys["li"])
    sign_commit(project, path, MODEL.format(time="order_date", net=2, lines=1), "eve@shop", keys["eve"])
    refuse_own(
        signing.person("wang"),
        involved_in_metrics(project.root, definitions, ["lines"], signing),
        "approve it",
    )
    with pytest.raises(UsageError) as raised:
        refuse_own(
            signing.person("wang"),
            involved_in_metrics(project.root, definitions, ["net_amount"], signing),
            "approve it",
        )
    assert raised.value.code == "unsigned-change"


def test_nobody_grants_themselves_the_right_to_pass_a_figure(project, signing, keys):
    definitions, trust = counting("net_amount"), (project.root / TRUST).read_text(encoding="utf-8")
    sign_commit(project, TRUST, trust, "li@shop", keys["li"])
    since = git_says(project, "rev-parse", "HEAD")

    def passes(login, since):
        involved = involved_in_metrics(project.root, definitions, ["net_amount"], signing, since)
        refuse_own(signing.person(login), involved, "approve it")

    passes("wang", since)
    (project.root / TRUST).write_text(
        trust.replace("may: [waive],", "may: [waive, approve],"), encoding="utf-8"
    )
    with pytest.raises(UsageError, match="it is not committed"):
        passes("wang", since)
    sign_commit(project, TRUST, trust.replace("may: [waive],", "may: [approve],"), "wang@shop", keys["wang"])
    with pytest.raises(UsageError, match="trust/shop"):
        passes("wang", since)
    passes("li", since)
    passes("wang", git_says(project, "rev-parse", "HEAD"))


@pytest.mark.parametrize("where", [".", "company"])
def test_who_takes_lines_out_of_a_passage_has_changed_it(project, where):
    git(project, "init", "-q")
    project = Project(project.root / where)
    project.root.mkdir(exist_ok=True)
    lines = ["- name: one\n", "  filter: x\n", "  label: One\n", "\n", "- name: two\n"]
    commit(project, "sales.yml", "".join(lines), "li")
    commit(project, "sales.yml", "".join([lines[0], *lines[2:]]), "eve")
    commit(project, "sales.yml", "".join(["# sales\n", lines[0], *lines[2:], "  label: Two\n"]), "adam")
    (found,) = authors(project.root, [Passage("sales.yml", 2, 3)], CLAIMS)
    assert found.who == "eve"


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("# sales\n- name: one\n  filter: x\n- name: two\n  label: Two\n", "li"),
        ("# sales\n- name: one\n- name: two\n", "here"),
        ("- name: zero\n  a: 1\n- name: one\n  filter: y\n- name: two\n", "here"),
        ("- name: one\n  filter: x\n- name: 2\n  label: Two\n", "li"),
    ],
)
def test_a_passage_that_moves_while_nothing_is_committed_keeps_its_author(project, text, who):
    git(project, "init", "-q")
    git(project, "config", "user.email", "here")
    commit(project, "sales.yml", "- name: zero\n- name: one\n  filter: x\n- name: two\n", "li")
    commit(project, "sales.yml", "- name: zero\n- name: one\n  filter: x\n- name: 2\n", "eve")
    (project.root / "sales.yml").write_text(text, encoding="utf-8")
    lines = text.splitlines()
    first = lines.index("- name: one") + 1
    last = first + ("filter" in text)
    (found,) = authors(project.root, [Passage("sales.yml", first, last)], CLAIMS)
    assert found.who == who


def test_a_change_that_is_not_committed_is_that_of_who_works_here(project):
    git(project, "init", "-q")
    git(project, "config", "user.email", "here@example.com")
    commit(project, "models/orders.sql", "select 1\n", "li")
    (project.root / "models/orders.sql").write_text("select 2\n", encoding="utf-8")
    for passage in (Passage("models/orders.sql"), Passage("models/orders.sql", 1, 1)):
        assert [each.who for each in authors(project.root, [passage], CLAIMS)] == ["here@example.com"]


def test_outside_of_git_no_author_is_known(project):
    (project.root / "a.sql").write_text("select 1", encoding="utf-8")
    assert authors(project.root, [Passage("a.sql"), Passage("a.sql", 1, 1)], CLAIMS) == []


@pytest.fixture
def key(tmp_path):
    """A key pair: the path of the private key, and the public one."""
    path = tmp_path / "keys" / "id"
    path.parent.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path, path.with_suffix(".pub").read_text(encoding="utf-8").strip()


def test_a_signature_holds_for_its_content_and_its_key_only(project, key, monkeypatch):
    path, public = key
    monkeypatch.setenv("PLUMBLINE_SIGNING_KEY", str(path))
    person = Person("li", "Li Na", "li@example.com", ("waive",), key=public)
    signature = sign(person, b"one waiver", project)
    assert is_signed_by(person, b"one waiver", signature)
    assert not is_signed_by(person, b"another waiver", signature)
    assert not is_signed_by(Person("wang", "Wang", "w@example.com"), b"one waiver", signature)
    assert not is_signed_by(person, b"one waiver", "")


def test_another_key_than_the_one_that_is_known_does_not_sign(project, key, monkeypatch, tmp_path):
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    monkeypatch.setenv("PLUMBLINE_SIGNING_KEY", str(other))
    person = Person("li", "Li Na", "li@example.com", ("waive",), key=key[1])
    with pytest.raises(UsageError, match="has not signed") as raised:
        sign(person, b"one waiver", project)
    assert "is not the key that stands beside their name" in raised.value.why


def test_who_names_no_key_has_not_signed(project, monkeypatch):
    monkeypatch.delenv("PLUMBLINE_SIGNING_KEY", raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    with pytest.raises(UsageError, match="has not signed"):
        sign(Person("li", "Li Na", "li@example.com", key="ssh-ed25519 AAAA"), b"x", project)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("people:\n  li: {name: Li}\n", "'li' needs `email`"),
        ("people:\n  li: {name: Li, email: l, may: [aprove]}\n", "'aprove' is no right"),
        ("people:\n  li: {name: Li, email: l, may: waive}\n", "`may` is a list: [waive]"),
        ("people:\n  a: {name: A, email: x}\n  b: {name: B, email: X}\n", "'X' is A already"),
        (
            "signed: true\npeople:\n  a: {name: A, email: x, may: [waive]}\n",
            "A cannot sign: there is no `key`",
        ),
        ("waivers: {longest_days: 0}\n", "`longest_days` is a whole number from 1 on"),
        ("restatements: {strategic: approve}\n", "nobody may approve"),
        ("restatements: {tolerance: much}\n", "`tolerance` cannot be 'much'"),
    ],
)
def test_a_mistake_about_people_is_told(project, text, told):
    with pytest.raises(ConfigurationError) as caught:
        write(project, text)
    assert told in str(caught.value)


@pytest.fixture
def keys(tmp_path):
    """Private keys of Li Na and Wang Fang, and of somebody whom the company does not know."""
    found = {name: tmp_path / name for name in ("li", "wang", "eve")}
    for path in found.values():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return found


@pytest.fixture
def signing(project, keys):
    """A project whose company wants commits signed."""
    git(project, "init", "-q")
    public = {
        name: path.with_suffix(".pub").read_text(encoding="utf-8").strip() for name, path in keys.items()
    }
    return write(
        project,
        f"""
signed_commits: true
people:
  li: {{name: Li Na, email: li@shop, also: [li@home], may: [waive, approve], key: {public["li"]}}}
  wang: {{name: Wang Fang, email: wang@shop, may: [waive], key: {public["wang"]}}}
""",
    )


def sign_commit(project, path, text, who, key):
    (project.root / path).write_text(text, encoding="utf-8")
    git(project, "add", path, who=who)
    signed = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={key}"]
    git(project, *signed, "commit", "-qm", "x", "-S", who=who)


@pytest.mark.parametrize("passage", [Passage("a.sql"), Passage("a.sql", 1, 1)])
def test_who_signed_a_commit_has_made_the_change_whoever_it_names(project, signing, keys, passage):
    sign_commit(project, "a.sql", "select 1\n", "li@home", keys["li"])
    assert authors(project.root, [passage], signing) == [Involved("li@shop", f"last changed {passage}")]
    sign_commit(project, "a.sql", "select 2\n", "li@shop", keys["wang"])
    found = authors(project.root, [passage], signing)
    assert [(each.who, each.unproven) for each in found] == [("wang@shop", ""), ("li@shop", "")]
    for login in ("li", "wang"):
        with pytest.raises(UsageError) as raised:
            refuse_own(signing.person(login), found, "waive it")
        assert raised.value.code == "self-approval"


def test_what_nobody_of_the_company_signed_is_passed_by_nobody(project, signing, keys):
    commit(project, "unsigned.sql", "select 1\n", "wang@shop")
    sign_commit(project, "unknown.sql", "select 1\n", "wang@shop", keys["eve"])
    sign_commit(project, "edited.sql", "select 1\n", "wang@shop", keys["wang"])
    (project.root / "edited.sql").write_text("select 2\n", encoding="utf-8")
    told = {}
    for name in ("unsigned", "unknown", "edited"):
        found = authors(project.root, [Passage(f"{name}.sql")], signing)
        with pytest.raises(UsageError) as raised:
            refuse_own(signing.person("li"), found, "waive it")
        assert raised.value.code == "unsigned-change"
        told[name] = raised.value.why
    assert "is signed by no key of the company" in told["unsigned"]
    assert "is signed by no key of the company" in told["unknown"]
    assert told["edited"] == "Nobody knows who last changed edited.sql: it is not committed."


def test_what_a_repository_says_of_signatures_is_not_believed(project, signing, keys, tmp_path):
    commit(project, "a.sql", "select 1\n", "wang@shop")
    sign_commit(project, "b.sql", "select 1\n", "li@shop", keys["wang"])
    signed = git_says(project, "rev-parse", "HEAD")
    allowed = tmp_path / "allowed"
    allowed.write_text(f"li {keys['eve'].with_suffix('.pub').read_text()}", encoding="utf-8")
    git(project, "config", "gpg.ssh.allowedSignersFile", str(allowed))
    sign_commit(project, "c.sql", "select 1\n", "wang@shop", keys["eve"])
    git(project, "replace", "HEAD", signed)
    for name, expected in (("a", None), ("b", "wang@shop"), ("c", None)):
        (found,) = authors(project.root, [Passage(f"{name}.sql")], signing)[:1]
        assert (None if found.unproven else found.who) == expected


def git_says(project, *arguments):
    done = subprocess.run(
        ["git", "-C", str(project.root), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_outside_of_git_nothing_is_passed_where_commits_are_signed(tmp_path, signing):
    (tmp_path / "elsewhere").mkdir()
    (found,) = authors(tmp_path / "elsewhere", [Passage("a.sql")], signing)
    assert found.unproven == "it is not committed"


def test_what_was_made_before_commits_were_signed_is_believed(project, signing, keys):
    commit(project, "old.sql", "select 1\n", "wang@shop")
    since = git_says(project, "rev-parse", "HEAD")
    commit(project, "new.sql", "select 1\n", "wang@shop")
    git(project, "checkout", "-q", "-b", "aside", since)
    commit(project, "aside.sql", "select 1\n", "wang@shop")
    git(project, "merge", "-q", "--no-edit", "-")
    trust = replace(signing, signed_since=since)
    found = {
        name: authors(project.root, [Passage(f"{name}.sql")], trust)[0] for name in ("old", "new", "aside")
    }
    assert {name: bool(each.unproven) for name, each in found.items()} == {
        "old": False,
        "new": True,
        "aside": True,
    }
    assert found["old"].who == "wang@shop"


@pytest.mark.parametrize("text", ["HEAD", "main", "abc1234"])
def test_commits_are_signed_from_a_whole_commit_on(project, text):
    with pytest.raises(ConfigurationError, match="`signed_commits` names no commit"):
        write(project, f"signed_commits: {text}\n")


def test_who_changed_something_since_it_was_last_good_is_known_whoever_touched_it_later(project):
    git(project, "init", "-q")
    commit(project, "sales.yml", "- name: one\n  filter: x\n- name: two\n", "adam")
    since = git_says(project, "rev-parse", "HEAD")
    commit(project, "sales.yml", "- name: one\n  filter: y\n- name: two\n", "li")
    commit(project, "sales.yml", "- name: one\n  filter: y \n- name: two\n", "eve")
    commit(project, "sales.yml", "- name: one\n  filter: y \n- name: 2\n", "wang")
    own = [Passage("sales.yml", 1, 2)]
    assert [each.who for each in authors(project.root, own, CLAIMS)] == ["eve"]
    found = authors(project.root, own, CLAIMS, since)
    assert [(each.who, each.how) for each in found] == [
        ("eve", "last changed sales.yml:1"),
        ("li", "changed sales.yml:1 since it was last good"),
    ]
    whole = authors(project.root, [Passage("sales.yml")], CLAIMS, since)
    assert [each.who for each in whole] == ["wang", "eve", "li"]
    (project.root / "sales.yml").write_text("- name: one\n  filter: z\n- name: 2\n", encoding="utf-8")
    git(project, "config", "user.email", "here")
    assert {each.who for each in authors(project.root, own, CLAIMS, since)} >= {"here", "eve", "li"}
    # A commit that the repository does not have says nothing.
    assert [each.who for each in authors(project.root, own, CLAIMS, "0" * 40)] == ["here"]


def test_what_is_not_committed_is_proved_by_no_commit(project, signing, keys, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    sign_commit(project, "a.sql", "select 1\n", "wang@shop", keys["wang"])
    (project.root / "a.sql").write_text("select 2\n", encoding="utf-8")
    (project.root / "new.sql").write_text("select 2\n", encoding="utf-8")
    for passage in (Passage("a.sql"), Passage("a.sql", 1, 1), Passage("new.sql"), Passage("new.sql", 1, 1)):
        assert authors(project.root, [passage], signing)[0].unproven == "it is not committed"


def test_who_changed_a_model_further_up_since_it_was_last_good_is_known(project):
    git(project, "init", "-q")
    commit(project, "models/marts/order_lines.sql", "select 1 from {{ ref('shop', 'lines') }}", "adam")
    commit(project, "models/staging/lines.sql", 'select 1 from {{ ref( "base", v=1) }}', "adam")
    commit(project, "models/staging/base.sql", "select 1 from {{ source('erp', 'line') }}", "old")
    since = git_says(project, "rev-parse", "HEAD")
    definitions = counting("net_amount")
    asked = project.root, definitions, ["net_amount"], CLAIMS
    assert {each.who for each in involved_in_metrics(*asked, since)} == {"adam"}
    commit(project, "models/staging/base.sql", "select 2 from {{ source('erp', 'line') }}", "li")
    commit(project, "models/staging/other.sql", "select 2", "eve")
    assert {each.who for each in involved_in_metrics(*asked, since)} == {"adam", "li"}
    assert {each.who for each in involved_in_metrics(*asked)} == {"adam"}
    (project.root / "models/staging/base.sql").write_text("select 3", encoding="utf-8")
    git(project, "config", "user.email", "here")
    assert "here" in {each.who for each in involved_in_metrics(*asked, since)}
    checked = authors(
        project.root, Passages(project.root).of_check("marts", "marts.order_lines"), CLAIMS, since
    )
    assert {each.who for each in checked} == {"adam", "li", "here"}


MADE = {
    "dbt_project.yml": "vars: {hours: 1}\n",
    "orchestration/sources/shop.yml": "sources: []\n",
    "orchestration/trust/shop.yml": "people: {}\n",
    "orchestration/trust/other.yml": "people: {}\n",
    "models/marts/order_lines.sql": "select {{ net('a') }} from {{ ref('lines') }} join {{ ref('rates') }}",
    "models/marts/order_lines.yml": "models:\n  - name: order_lines\n    columns: []\n  - name: other\n",
    "models/staging/lines.sql": "{{ staged_rows('erp', 'line') }}",
    "models/staging/_erp__sources.yml": "sources:\n  - name: erp\n    tables:\n      - name: line\n"
    "        columns: []\n      - name: tax\n",
    "seeds/rates.csv": "currency,rate\n",
    "seeds/other.csv": "a\n",
    "seeds/_seeds.yml": "seeds:\n  - {name: rates}\n  - {name: other}\n",
    "macros/net.sql": "{% macro net(x) -%}\n{{ adapter.dispatch('less')(x) }}\n{%- endmacro %}\n"
    "{% macro other(x) %}\n{{ x }}\n{% endmacro %}\n",
    "macros/less.sql": "{%- macro duckdb__less(x) %}\n{{ x }}\n{% endmacro %}\n",
    "macros/staged.sql": "{% macro staged_rows(system, table) %}\n1\n{% endmacro %}\n",
    "macros/by_key.sql": "{% materialization by_key, adapter='duckdb' %}\n1\n{% endmaterialization %}\n",
    "orchestration/defs/gate.py": "STAGES = 4\n",
    "plumbline/spreadsheets.py": "ROWS = 1\n",
    "plumbline/compiler/dialects/duckdb.py": "DIGITS = 2\n",
    "plumbline/compiler/words.txt": "one\n",
    "plumbline/serving/page.py": "WIDTH = 3\n",
}


@pytest.mark.parametrize(
    ("path", "old", "new", "counts"),
    [
        ("dbt_project.yml", "hours: 1", "hours: 2", True),
        ("orchestration/sources/shop.yml", "[]", "[{}]", True),
        ("orchestration/trust/shop.yml", "{}", "{eve: {may: [approve]}}", True),
        ("orchestration/trust/other.yml", "{}", "{eve: {may: [approve]}}", False),
        ("models/marts/order_lines.yml", "columns: []", "columns: [{name: x}]", True),
        ("models/marts/order_lines.yml", "name: other", "name: another", False),
        ("models/staging/_erp__sources.yml", "columns: []", "columns: [{name: x}]", True),
        ("models/staging/_erp__sources.yml", "name: tax", "name: toll", False),
        ("seeds/rates.csv", "rate\n", "rate\nEUR,2\n", True),
        ("seeds/other.csv", "a\n", "a\n1\n", False),
        ("seeds/_seeds.yml", "{name: rates}", "{name: rates, config: {}}", True),
        ("seeds/_seeds.yml", "{name: other}", "{name: other, config: {}}", False),
        ("macros/net.sql", "(x) }}\n{%- end", "(x) + 1 }}\n{%- end", True),
        ("macros/net.sql", "{{ x }}", "{{ y }}", False),
        ("macros/less.sql", "{{ x }}", "{{ y }}", True),
        ("macros/staged.sql", "1", "2", True),
        ("macros/by_key.sql", "1", "2", True),
        ("orchestration/defs/gate.py", "4", "3", True),
        ("plumbline/spreadsheets.py", "1", "2", True),
        ("plumbline/compiler/dialects/duckdb.py", "2", "3", True),
        ("plumbline/compiler/words.txt", "one", "two", False),
        ("plumbline/serving/page.py", "3", "4", False),
    ],
)
def test_who_changed_what_models_are_made_with_since_figures_were_good_is_known(
    project, path, old, new, counts
):
    git(project, "init", "-q")
    for name, text in MADE.items():
        commit(project, name, text, "adam")
    since = git_says(project, "rev-parse", "HEAD")
    asked = project.root, counting("net_amount"), ["net_amount"], CLAIMS
    assert {each.who for each in involved_in_metrics(*asked, since)} == {"adam"}
    commit(project, path, MADE[path].replace(old, new), "li")
    assert {each.who for each in involved_in_metrics(*asked, since)} == (
        {"adam", "li"} if counts else {"adam"}
    )
    assert {each.who for each in involved_in_metrics(*asked)} == {"adam"}
    (project.root / path).write_text(MADE[path].replace(old, f"{new} "), encoding="utf-8")
    git(project, "config", "user.email", "here")
    assert ("here" in {each.who for each in involved_in_metrics(*asked, since)}) == counts


def test_who_took_code_of_the_engine_away_has_changed_the_figures(project):
    git(project, "init", "-q")
    for name, text in MADE.items():
        commit(project, name, text, "adam")
    commit(project, "plumbline/compiler/rounding.py", "DIGITS = 2\n", "adam")
    since = git_says(project, "rev-parse", "HEAD")
    git(project, "rm", "-q", "plumbline/compiler/rounding.py")
    git(project, "commit", "-m", "x", who="li")
    asked = project.root, counting("net_amount"), ["net_amount"], CLAIMS, since
    told = {each.who: each.how for each in involved_in_metrics(*asked)}
    assert told["li"] == "changed plumbline/compiler/*.py since it was last good"


def test_what_is_below_a_repository_is_looked_at_there(tmp_path):
    outer = Project(tmp_path)
    git(outer, "init", "-q")
    for name, text in MADE.items():
        commit(outer, f"warehouse/{name}", text, "adam")
    since = git_says(outer, "rev-parse", "HEAD")
    commit(outer, "warehouse/seeds/rates.csv", "1\n", "li")
    asked = tmp_path / "warehouse", counting("net_amount"), ["net_amount"], CLAIMS, since
    assert {each.who for each in involved_in_metrics(*asked)} == {"adam", "li"}
    (tmp_path / "warehouse/macros/less.sql").write_text(MADE["macros/less.sql"] * 2, encoding="utf-8")
    git(outer, "config", "user.email", "here")
    assert {each.who for each in involved_in_metrics(*asked)} == {"adam", "li", "here"}


REGIONS = """semantic_models:
  - name: customers
    dimensions:
      - {name: region}
    measures:
      - name: customers
"""


@pytest.mark.parametrize(
    ("path", "new", "counts"),
    [
        ("models/marts/customers.sql", "select 2", True),
        ("models/marts/regions.sql", "select 2", True),
        ("models/marts/others.sql", "select 2", False),
        ("metrics/customers.yml", REGIONS.replace("{name: region}", "{name: region, expr: x}"), True),
        (
            "metrics/customers.yml",
            REGIONS.replace("- name: customers\n    dim", "- name: clients\n    dim"),
            True,
        ),
        ("metrics/customers.yml", REGIONS + "        expr: 1\n", False),
    ],
)
def test_who_changed_what_figures_are_split_by_since_they_were_good_is_known(project, path, new, counts):
    definitions = counting("net_amount")
    foreign, primary, other = (Entity(name, kind, name) for name, kind in KEYS)
    lines = replace(definitions.models["order_lines"], entities=(foreign,))
    place, nowhere = Location("metrics/customers.yml", 2), Location("metrics/none.yml", 2)
    models = {
        "order_lines": lines,
        "customers": SemanticModel("customers", '"marts"."customers"', "", place, (primary, other)),
        "regions": SemanticModel(
            "regions", '"marts"."regions"', "", nowhere, (Entity("region", "primary", "id"),)
        ),
        "others": SemanticModel(
            "others", '"marts"."others"', "", nowhere, (Entity("other", "primary", "id"),)
        ),
    }
    definitions = replace(definitions, models=models)
    git(project, "init", "-q")
    for name in ("order_lines", "customers", "regions", "others"):
        commit(project, f"models/marts/{name}.sql", "select 1", "adam")
    commit(project, "metrics/customers.yml", REGIONS, "old")
    since = git_says(project, "rev-parse", "HEAD")
    commit(project, path, new, "li")
    asked = project.root, definitions, ["net_amount"], CLAIMS
    assert {each.who for each in involved_in_metrics(*asked, since)} == (
        {"adam", "li"} if counts else {"adam"}
    )


KEYS = (("customer", "foreign"), ("customer", "primary"), ("region", "foreign"))
