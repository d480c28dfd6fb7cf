"""dlt's REST client, set up from the sources file."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from plumbline.errors import ConfigurationError, SourceUnavailable
from plumbline.landing.files.json_lines import ONE_VALUE, repeated_key
from plumbline.landing.http.patience import TRY_AGAIN, PatientSession
from plumbline.landing.outcomes import Refused
from plumbline.landing.session import Session
from plumbline.landing.sources import TableSource

if TYPE_CHECKING:
    import requests

_BEGINNING = 60


class Pages:
    """The pages of the endpoints of one API."""

    def __init__(self, session: Session) -> None:
        system = session.system
        self._secrets = session.secrets
        self._where = system.where
        self._base = self._address(system.location)
        self._auth_options = {key: self._fill(value) for key, value in system.auth.items()}
        addresses = [self._base, *filter(None, [self._auth_options.get("token_url")])]
        self._session = PatientSession(system.attempts, system.timeout_seconds, addresses, session.wait)
        self._client = self._connect(system.headers)

    def _address(self, text: str) -> str:
        base = self._fill(text)
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(
                f"base_url {text!r} is no address of an API",
                where=self._where,
                why="It does not begin with https:// or http:// and a host.",
                todo="Write it as https://api.example.com, or set the variable so.",
                code="bad-url",
            )
        return base

    def _fill(self, text: object) -> str:
        return self._secrets.fill(str(text), self._where)

    def _connect(self, headers: Mapping[str, str]) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            from dlt.sources.helpers.rest_client.client import RESTClient
        filled = {"Accept": "application/json", **{key: self._fill(text) for key, text in headers.items()}}
        return RESTClient(base_url=self._base, headers=filled, auth=self._auth(), session=self._session)

    def _auth(self) -> Any:
        from dlt.sources.helpers.rest_client import auth

        options = self._auth_options
        for key in ("token", "client_secret", "password", "value"):
            self._secrets.hide(options.get(key, ""))
        match options.get("type"):
            case "bearer":
                return auth.BearerTokenAuth(token=options["token"])
            case "basic":
                return auth.HttpBasicAuth(username=options["username"], password=options["password"])
            case "header":
                return auth.APIKeyAuth(name=options["name"], api_key=options["value"], location="header")
            case "oauth2":
                return auth.OAuth2ClientCredentials(
                    access_token_url=options["token_url"],
                    client_id=options["client_id"],
                    client_secret=options["client_secret"],
                    access_token_request_data={"scope": options["scope"]} if "scope" in options else {},
                    session=self._session,
                )
        return None

    def read(self, table: TableSource, params: dict[str, str]) -> Iterator[requests.Response]:
        """Give the answers of an endpoint, page by page; each is JSON.

        Raises Refused for what is no JSON or comes twice, SourceUnavailable for an error status.
        """
        paging = table.paging
        query = {**{key: self._fill(text) for key, text in table.params.items()}, **params}
        if "size_param" in paging:
            query[paging["size_param"]] = str(paging.get("size", 1000))
        pages = self._client.paginate(
            table.origin[0],
            params=query,
            paginator=_paginator(paging),
            data_selector=table.records or "$",
            hooks={"response": [_check]},
        )
        before = b""
        for page in pages:
            response = page.response
            if before and response.content == before and page:
                raise Refused(
                    "the API gives the same page again", file=table.origin[0], todo="Check `paging`."
                )
            before = response.content
            yield response

    def close(self) -> None:
        self._session.close()


def _paginator(paging: Mapping[str, Any]) -> Any:
    from dlt.sources.helpers.rest_client import paginators

    match paging.get("type", "none"):
        case "page":
            return paginators.PageNumberPaginator(
                base_page=int(paging.get("first_page", 1)),
                page_param=paging.get("page_param", "page"),
                total_path=paging.get("total_pages"),
            )
        case "offset":
            return paginators.OffsetPaginator(
                limit=int(paging.get("limit", 1000)),
                offset_param=paging.get("offset_param", "offset"),
                limit_param=paging.get("limit_param", "limit"),
                total_path=paging.get("total"),
            )
        case "cursor":
            return paginators.JSONResponseCursorPaginator(
                cursor_path=paging.get("cursor_path", "next_cursor"),
                cursor_param=paging.get("cursor_param", "cursor"),
            )
        case "next_link":
            return paginators.JSONLinkPaginator(next_url_path=paging.get("link_path", "next"))
        case "link_header":
            return paginators.HeaderLinkPaginator(links_next_key=paging.get("relation", "next"))
    return paginators.SinglePagePaginator()


class Garbage(Refused):
    """An answer that is no JSON; it carries the body, for quarantine."""

    def __init__(self, reason: str, *, file: str, todo: str, body: bytes) -> None:
        super().__init__(reason, file=file, todo=todo)
        self.body = body


def _check(response: requests.Response, *_: Any, **__: Any) -> None:
    """Let only JSON through; what is parsed once is kept for those who ask next."""
    if response.is_redirect or response.status_code in TRY_AGAIN:
        return
    path = str(response.request.path_url).partition("?")[0]
    if response.status_code >= 400:
        raise SourceUnavailable(
            f"the API answers {response.status_code} {response.reason or ''}".rstrip(),
            where=path,
            todo="Check the credentials and rights."
            if response.status_code in (401, 403)
            else "Check the endpoint and its parameters.",
        )
    content = _decoded(response.content, path)
    response.json = lambda **_: content  # type: ignore[method-assign]


def _decoded(body: bytes, path: str) -> Any:
    """Decode an answer; Garbage for what is no JSON, and where of two values of a key one would be lost."""
    try:
        text = body.decode(json.detect_encoding(body))
        content = json.loads(text) if text.strip() else []
        twice = repeated_key(text, content)
    except (ValueError, RecursionError) as error:
        beginning = body[:_BEGINNING].decode("utf-8", "replace")
        raise Garbage(
            f"the answer is no JSON; it begins {beginning!r}",
            file=path,
            todo="Look at the body in quarantine, and at the API.",
            body=body,
        ) from error
    if twice:
        raise Garbage(
            f"an object of the answer has the key {twice[0]!r} twice", file=path, todo=ONE_VALUE, body=body
        )
    return content
