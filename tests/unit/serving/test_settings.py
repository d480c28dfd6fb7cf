"""orchestration/serving/<company>.yml: limits, names, the identity provider, and how mistakes are told."""

import pytest

from plumbline.errors import ConfigurationError
from plumbline.project import Project
from plumbline.serving.settings import HttpLimits, load_settings

JWT = """
jwt:
  issuer: https://login.example.com
  audience: [plumbline]
  jwks_url: https://login.example.com/keys
"""


@pytest.fixture
def settings(tmp_path):
    def read(text):
        path = tmp_path / "orchestration" / "serving" / "shop.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return load_settings(Project(tmp_path), "shop")

    return read


def test_without_a_file_there_are_defaults(tmp_path):
    found = load_settings(Project(tmp_path), "shop")
    assert (found.limits, found.hosts, found.jwt) == (HttpLimits(), (), None)


def test_limits_and_names(settings):
    found = settings("http: {seconds: 5, rows: 10, hosts: [figures.example.com]}")
    assert (found.limits.seconds, found.limits.rows, found.hosts) == (5, 10, ("figures.example.com",))


def test_an_identity_provider(settings, tmp_path):
    found = settings(JWT + "  accounts: {ann@example.com: ann}\n  account_claim: email\n").jwt
    assert (found.issuer, found.audience) == ("https://login.example.com", ("plumbline",))
    assert found.accounts == {"ann@example.com": "ann"}
    assert settings(
        JWT.replace("jwks_url: https://login.example.com/keys", "key_file: key.pem")
    ).jwt.key_file == (tmp_path / "key.pem")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("htpp: {}", "unknown key 'htpp'"),
        ("http: {second: 5}", "Did you mean 'seconds'"),
        ("http: {seconds: 0}", "whole number from 1"),
        ("http: {hosts: a}", "is a list"),
        ("company: other", "says company 'other'"),
        (JWT.replace("[plumbline]", ""), "needs `audience`"),
        (JWT.replace("https://login.example.com\n", "\n", 1), "needs `issuer`"),
        (JWT + "  key_file: a.pem\n", "come from one place"),
        (JWT.replace("jwks_url: https", "jwks_url: http"), "over https alone"),
        (JWT.replace("jwks_url: https", "jwks_url: file"), "no way to fetch keys"),
        (JWT + "  algorithms: [HS256]\n", "'HS256' is not taken"),
        (JWT + "  algorithms: [none]\n", "'none' is not taken"),
    ],
)
def test_mistakes_are_told(settings, text, told):
    with pytest.raises(ConfigurationError) as error:
        settings(text)
    assert told in str(error.value)
