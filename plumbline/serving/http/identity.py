"""Who asks: the bearer of an API token or of a JSON Web Token, or the operator of this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from plumbline.access import Policy, Principal
from plumbline.access.jwt import Verifier
from plumbline.access.policy import EVIDENCE, QUERY
from plumbline.access.tokens import PREFIX, Tokens
from plumbline.errors import AccessError, UsageError

if TYPE_CHECKING:
    from starlette.requests import Request

ROLE_HEADER = "plumbline-role"
_LONGEST = 8_192


@dataclass(frozen=True)
class Asker:
    """Who asks; `principal` is None for the local operator, who sees everything. `token` is its public id."""

    principal: Principal | None
    token: str = ""

    @property
    def account(self) -> str:
        return self.principal.account if self.principal else ""

    @property
    def role(self) -> str:
        return self.principal.role if self.principal else ""

    def require(self, scope: str) -> None:
        """Raise AccessError where the token is not for this."""
        if self.principal and scope not in self.principal.scopes:
            raise AccessError(
                f"the token is not for {scope}",
                todo=f"Create one with --scopes {QUERY},{EVIDENCE}." if scope == EVIDENCE else "",
                code="not-in-scope",
            )


class Gate(Protocol):
    """Tells who asks; `waits` where that may take a while, as when keys are fetched."""

    @property
    def waits(self) -> bool:
        """Whether it is to be asked in a thread."""

    def asker(self, headers: Mapping[str, str]) -> Asker:
        """Give who asks; AccessError where nobody can tell, or where they may not."""


async def identified(gate: Gate, request: Request) -> Asker:
    """Find out who asks, and tell it to the log."""
    if gate.waits:
        from starlette.concurrency import run_in_threadpool

        asker = await run_in_threadpool(gate.asker, request.headers)
    else:
        asker = gate.asker(request.headers)
    request.scope["plumbline"].add(account=asker.account, role=asker.role, token=asker.token)
    return asker


class OperatorGate:
    """Whoever reaches this machine's own address is its operator."""

    waits = False

    def asker(self, headers: Mapping[str, str]) -> Asker:
        """Refuse requests that a page of another site makes a browser send."""
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise AccessError("another site's page asks through this browser", code="cross-site")
        return Asker(None)


class TokenGate:
    """Takes API tokens, and the tokens of the identity provider where one is set."""

    def __init__(
        self, policy: Callable[[], Policy], tokens: Tokens, verifier: Verifier | None = None
    ) -> None:
        self.waits = verifier is not None
        self._policy = policy
        self._tokens = tokens
        self._verifier = verifier

    def asker(self, headers: Mapping[str, str]) -> Asker:
        """Give the account of the token in the role asked for."""
        kind, _, text = headers.get("authorization", "").partition(" ")
        text = text.strip()
        if kind.lower() != "bearer" or not text:
            raise AccessError(
                "who asks is not told",
                todo="Send `Authorization: Bearer <token>`; `plumb token create` makes one.",
                code="no-token",
            )
        wanted = headers.get(ROLE_HEADER, "")
        if len(text) > _LONGEST:
            raise AccessError("the token is not known", code="bad-token")
        if self._verifier and not text.startswith(f"{PREFIX}_"):
            return self._by_provider(text, wanted)
        token = self._tokens.check(text)
        role = self._only(token.role, wanted)
        return Asker(self._principal(token.account, role, frozenset(token.scopes)), token.id)

    def _by_provider(self, text: str, wanted: str) -> Asker:
        assert self._verifier
        told = self._verifier.check(text)
        return Asker(self._principal(told.account, self._only(told.role, wanted), told.scopes), "jwt")

    def _only(self, role: str, wanted: str) -> str:
        """Give the role to act in; a token for one role is for no other."""
        if role and wanted and wanted != role:
            raise AccessError(f"the token is for role {role!r} alone", code="not-its-role")
        return role or wanted

    def _principal(self, account: str, role: str, scopes: frozenset[str] | None) -> Principal:
        """Put account and role together as the policy has them now."""
        try:
            return self._policy().principal(account, role, scopes)
        except UsageError as error:
            if error.code == "not-its-role":
                raise AccessError(error.what, todo=error.todo, code="not-its-role") from None
            raise AccessError(
                "the account of the token is not there any more", code="unknown-account"
            ) from None
