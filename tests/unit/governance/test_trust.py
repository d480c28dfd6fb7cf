"""orchestration/trust/<company>.yml: what a company settles about trust, and how mistakes in it are told."""

import pytest

from plumbline.errors import ConfigurationError
from plumbline.governance.trust import DEFAULT_WITNESS, WITNESS_KEYS, load_trust
from plumbline.ledger import WITNESSES, witnessed_ledger
from plumbline.project import Home, Project


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def write(project, text):
    project.trust.mkdir(parents=True)
    (project.trust / "shop.yml").write_text(text, encoding="utf-8")


def test_a_company_without_a_file_has_a_witness_beside_its_state(project, tmp_path):
    trust = load_trust(project, "shop")
    assert trust.witnesses == (DEFAULT_WITNESS,)
    (witness,) = witnessed_ledger(Home(tmp_path / "homes" / "shop"), trust).witnesses
    assert witness.path == tmp_path / "homes" / "witness" / "shop.jsonl"


def test_witnesses_are_read_with_their_settings(project, tmp_path):
    write(
        project,
        """
company: shop
witness:
  share: {type: file, path: "${SHARE}/{company}.jsonl"}
  remote: {type: git, repository: "https://${TOKEN}@git.example/witness", required: true}
""",
    )
    trust = load_trust(project, "shop")
    environment = {"SHARE": "/mnt/audit", "TOKEN": "abcdef"}
    share, remote = witnessed_ledger(Home(tmp_path / "shop"), trust, environment).witnesses
    assert str(share.path) == "/mnt/audit/shop.jsonl"
    assert (remote.repository, remote.branch, remote.file, remote.required) == (
        "https://abcdef@git.example/witness",
        "main",
        "shop.jsonl",
        True,
    )


def test_no_witness_may_be_asked_for(project):
    write(project, "witness: {}\n")
    assert load_trust(project, "shop").witnesses == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "witnes: {}\n",
            "shop.yml:1: unknown key 'witnes' [unknown-key]\n  Did you mean 'witness' or 'waivers'?",
        ),
        ("company: other\n", "shop.yml:1: the file of company 'shop' says company 'other'"),
        (
            "witness:\n  a: {type: gti}\n",
            "shop.yml:2: `type` cannot be 'gti' [configuration]\n  Did you mean 'git'?",
        ),
        ("witness:\n  a: {path: x}\n", "shop.yml:2: witness 'a' has no type"),
        ("witness:\n  a:\n    type: file\n    pfad: x\n", "shop.yml:4: unknown key 'pfad'"),
        ("witness:\n  a: {type: git}\n", "shop.yml:2: witness 'a' needs `repository`"),
        ("witness:\n  a: {type: file, path: x, required: 1}\n", "shop.yml:2: `required` is true or false"),
        ("witness: here\n", "shop.yml:1: a mapping (`key: value`) is expected here"),
    ],
)
def test_a_mistake_is_told_with_its_line(project, text, told):
    write(project, text)
    with pytest.raises(ConfigurationError) as caught:
        load_trust(project, "shop")
    assert f"orchestration/trust/{told}" in str(caught.value)


@pytest.mark.parametrize(
    ("address", "told"),
    [("https://me:secret@git.example/x", "a password stands"), ("${NOT_SET}/x", "NOT_SET is not set")],
)
def test_secrets_come_from_the_environment(project, tmp_path, address, told):
    write(project, f'witness:\n  a: {{type: git, repository: "{address}"}}\n')
    with pytest.raises(ConfigurationError, match=told):
        witnessed_ledger(Home(tmp_path / "shop"), load_trust(project, "shop"), {})


def test_every_kind_of_witness_can_be_opened():
    assert WITNESS_KEYS.keys() == WITNESSES.keys()
