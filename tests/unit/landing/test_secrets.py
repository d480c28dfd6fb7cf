"""Secrets come from the environment and are shown nowhere."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from plumbline.errors import ConfigurationError, SourceError
from plumbline.landing.land import _failure
from plumbline.landing.secrets import Secrets, redact


def secrets(**environment):
    return Secrets(environment, Path("/data"))


def test_placeholders_are_filled():
    assert secrets(HOST="db").fill("postgresql://${HOST}/{data}") == "postgresql://db//data"


def test_a_variable_that_is_not_set_is_named():
    with pytest.raises(ConfigurationError, match="ERP_URL is not set") as caught:
        secrets().fill("${ERP_URL}", "sources.yml:3")
    assert "export ERP_URL=" in str(caught.value)
    assert caught.value.where == "sources.yml:3"


@pytest.mark.parametrize("text", ["s3cr3t\n", "s3c\r\nr3t", "s3cr3t\0", "\x7fs3cr3t"])
def test_a_variable_with_a_line_end_is_refused_without_its_value(text):
    with pytest.raises(ConfigurationError, match="variable TOKEN has a line end") as caught:
        secrets(TOKEN=text).fill("${TOKEN}", "sources.yml:3")
    assert caught.value.code == "bad-variable"
    assert "s3c" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "cannot reach postgresql://me:hunter2@host/db",
        "Authorization: Bearer hunter2hunter2",
        "connection string host=db password=hunter2 user=me",
        "https://api/token?client_secret=hunter2&scope=x",
    ],
)
def test_texts_are_redacted(text):
    assert "hunter2" not in redact(text)
    assert "***" in redact(text)


def test_values_from_the_environment_are_redacted_wherever_they_stand():
    known = secrets(TOKEN="s3cr3t-value", URL="postgresql://me:pa/ss@host/db")
    known.fill("${TOKEN} ${URL}")
    text = known.redact("server said: s3cr3t-value is not valid for pa/ss at host")
    assert text == "server said: *** is not valid for *** at host"


@pytest.mark.parametrize("kind", [SourceError, OSError])
def test_what_went_wrong_with_a_source_is_told_without_its_secrets(kind):
    known = secrets(TOKEN="s3cr3t-value")
    known.fill("${TOKEN}")
    error = kind("the server said: s3cr3t-value is not valid")
    outcome = _failure(SimpleNamespace(secrets=known), "crm.visits of s3cr3t-value", error)
    assert "*** is not valid" in outcome.reason
    assert "s3cr3t" not in outcome.source + outcome.reason + outcome.todo
