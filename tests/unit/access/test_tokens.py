"""API tokens: shown once, kept as a digest, ended at once."""

import json
import os
import stat
from datetime import UTC, datetime, timedelta

import pytest

from plumbline.access.tokens import Tokens, lifetime_of
from plumbline.errors import AccessError, StorageError, UsageError
from plumbline.project import Home

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "shop")


@pytest.fixture
def tokens(home):
    return Tokens(home)


def created(tokens, **asked):
    given = {"scopes": ("query",), "lifetime": timedelta(days=1), "now": NOW, **asked}
    return tokens.create("ann", **given)


def refused(tokens, text, now=NOW):
    with pytest.raises(AccessError) as error:
        tokens.check(text, now)
    return error.value.code


def test_a_token_is_taken_for_the_account_it_was_made_for(tokens):
    token, text = created(tokens, role="boss")
    assert tokens.check(text, NOW) == token
    assert (token.account, token.role, token.scopes) == ("ann", "boss", ("query",))


def test_the_secret_is_kept_nowhere(tokens, home):
    _, text = created(tokens)
    tokens.check(text, NOW)
    secret = text.split("_", 2)[2]
    kept = [path for path in home.root.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if secret[:20] in path.read_text(encoding="utf-8")]


def test_only_the_owner_can_read_the_file(tokens, home):
    _, text = created(tokens)
    tokens.check(text, NOW)
    modes = {path.name: stat.S_IMODE(os.stat(path).st_mode) for path in (home.root / "access").iterdir()}
    assert modes["tokens.json"] == modes["last-used.json"] == 0o600
    assert stat.S_IMODE(os.stat(home.root / "access").st_mode) == 0o700


@pytest.mark.parametrize(
    "forge",
    [
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text.replace("plumb_", "plumb_0", 1),
        lambda text: f"plumb_{'0' * 12}_{text.rpartition('_')[2]}",
        lambda text: text.split("_", 2)[2],
        lambda text: text + "\n",
        lambda text: "",
    ],
)
def test_a_forged_token_is_refused(tokens, forge):
    _, text = created(tokens)
    assert refused(tokens, forge(text)) == "bad-token"


def test_an_expired_token_is_refused(tokens):
    _, text = created(tokens)
    assert tokens.check(text, NOW + timedelta(hours=23))
    assert refused(tokens, text, NOW + timedelta(days=1)) == "expired-token"


def test_a_revoked_token_ends_at_once_for_who_has_read_it_before(tokens, home):
    token, text = created(tokens)
    running = Tokens(home)
    running.check(text, NOW)
    tokens.revoke(token.id, NOW)
    assert refused(running, text) == "revoked-token"


def test_a_token_without_an_end_lasts(tokens):
    _, text = created(tokens, lifetime=None)
    assert tokens.check(text, NOW + timedelta(days=9_999))


def test_a_token_can_be_revoked_by_its_text(tokens):
    token, text = created(tokens)
    assert tokens.revoke(text, NOW).id == token.id


def test_revoking_an_unknown_token_says_so(tokens):
    with pytest.raises(UsageError, match="no token"):
        tokens.revoke("0123456789ab")


def test_last_use_is_noted(tokens):
    token, text = created(tokens)
    assert tokens.last_used() == {}
    tokens.check(text, NOW)
    tokens.check(text, NOW + timedelta(seconds=5))
    assert tokens.last_used() == {token.id: NOW}
    tokens.check(text, NOW + timedelta(minutes=2))
    assert tokens.last_used() == {token.id: NOW + timedelta(minutes=2)}


def test_a_damaged_file_opens_no_door(tokens, home):
    _, text = created(tokens)
    (home.root / "access" / "tokens.json").write_text("{", encoding="utf-8")
    with pytest.raises(StorageError, match="tokens"):
        tokens.check(text, NOW)


def test_two_writers_keep_both_tokens(tokens, home):
    created(tokens)
    created(Tokens(home))
    kept = json.loads((home.root / "access" / "tokens.json").read_text(encoding="utf-8"))
    assert len(kept["tokens"]) == 2


@pytest.mark.parametrize(
    ("text", "span"),
    [("12h", timedelta(hours=12)), ("90d", timedelta(days=90)), ("2w", timedelta(weeks=2)), ("never", None)],
)
def test_lifetimes(text, span):
    assert lifetime_of(text) == span


@pytest.mark.parametrize("text", ["", "0d", "-1d", "90", "1y", "99999d", "1.5d"])
def test_what_is_no_lifetime_is_refused(text):
    with pytest.raises(UsageError, match="no time"):
        lifetime_of(text)
