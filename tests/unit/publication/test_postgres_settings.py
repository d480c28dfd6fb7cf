"""`postgres` in orchestration/serving/<company>.yml."""

import pytest

from plumbline.errors import ConfigurationError
from plumbline.project import Project
from plumbline.publication.postgres import load_postgres

ADDRESS = "postgresql://publisher:s3cret-word@db/figures"


@pytest.fixture
def settings(tmp_path):
    def read(text, **environment):
        path = tmp_path / "orchestration" / "serving" / "shop.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return load_postgres(Project(tmp_path), "shop", environment)

    return read


def test_without_a_file_or_an_entry_there_is_none(tmp_path, settings):
    assert load_postgres(Project(tmp_path), "shop", {}) is None
    assert settings("http: {seconds: 5}\n") is None


@pytest.mark.parametrize("written", ["$BI_URL", "'${BI_URL}'"])
def test_the_address_comes_from_the_environment_and_is_not_shown(settings, written):
    found = settings(f"postgres: {{url: {written}, schema: figures}}\n", BI_URL=ADDRESS)
    assert (found.url, found.schema, found.internal) == (ADDRESS, "figures", "figures_internal")
    assert "s3cret" not in repr(found)


def test_a_driver_in_the_address_is_left_out(settings):
    assert settings("postgres: {url: $URL}", URL="postgresql+psycopg2://db/x").url == "postgresql://db/x"


def test_a_variable_that_is_not_set_is_an_error_unless_it_is_optional(settings):
    with pytest.raises(ConfigurationError) as raised:
        settings("postgres: {url: $BI_URL}\n")
    assert raised.value.code == "missing-variable"
    assert settings("postgres: {url: $BI_URL, optional: true}\n") is None
    assert settings("postgres: {url: $BI_URL, optional: true}\n", BI_URL=ADDRESS).url == ADDRESS


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("postgres: {url: 'postgresql://me:s3cret-word@db/figures'}", "literal-secret"),
        ("postgres: $BI_URL", "bad-serving"),
        ("postgres: {url: $BI_URL, shema: x}", "bad-serving"),
        ("postgres: {url: $BI_URL, schema: 'x; drop'}", "bad-serving"),
        ("postgres: {url: $BI_URL, schema: pg_mine}", "bad-serving"),
        ("postgres: {url: $BI_URL, wait_seconds: 0}", "bad-serving"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(settings, text, code):
    with pytest.raises(ConfigurationError, match=r"orchestration/serving/shop\.yml:1") as raised:
        settings(text, BI_URL=ADDRESS)
    assert raised.value.code == code
    assert "s3cret" not in str(raised.value)
