"""`plumb serve`: figures over HTTP, as a SQL endpoint, and to agents, from one process."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.counting import counted
from plumbline.errors import UsageError

if TYPE_CHECKING:
    from plumbline.access import Policy
    from plumbline.access.tokens import Tokens
    from plumbline.project import Home, Project
    from plumbline.serving.desk import Desk
    from plumbline.serving.http.identity import Gate
    from plumbline.serving.request_log import RequestLog
    from plumbline.serving.settings import Settings

_HTTP, _SQL = "127.0.0.1:8765", "127.0.0.1:5438"
_MCP_PATH = "/mcp"
# The loop waits as long for each thread that calculates; Python's own 5 ms would be most of an answer.
_SWITCH_SECONDS = 0.0002
_EPILOG = """\
Without an option, HTTP is served at 127.0.0.1:8765. Only this machine can reach it; for any other address
the server wants accounts (orchestration/access/<company>.yml), somebody who can show who they are (`plumb
token create`, or jwt in orchestration/serving/<company>.yml), and TLS: --cert and --key, or --behind-proxy.

Examples:
  plumb serve --operator
  plumb serve --http 127.0.0.1:8765 --mcp --sql
  plumb serve --http 0.0.0.0:8443 --cert server.crt --key server.key

Exit codes: 0 stopped by Ctrl-C or SIGTERM; 1 nothing published; 2 it cannot be served so.
"""


def register(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "serve",
        help="serve the figures: HTTP, SQL for BI tools, MCP for agents",
        description="Serve what is published until stopped; a new publication is answered from at once.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--http", nargs="?", const=_HTTP, metavar="HOST:PORT", help=f"JSON, CSV, Arrow ({_HTTP})"
    )
    parser.add_argument(
        "--sql", nargs="?", const=_SQL, metavar="HOST:PORT", help=f"a PostgreSQL endpoint ({_SQL})"
    )
    parser.add_argument("--mcp", action="store_true", help=f"the tools of agents, under {_MCP_PATH} of HTTP")
    parser.add_argument("--cert", type=Path, metavar="FILE", help="the certificate of this server, as PEM")
    parser.add_argument("--key", type=Path, metavar="FILE", help="its private key")
    parser.add_argument(
        "--behind-proxy", action="store_true", help="a proxy on this machine, or network, does TLS"
    )
    parser.add_argument(
        "--operator",
        action="store_true",
        help="without tokens: whoever reaches this machine's own address sees everything",
    )
    parser.add_argument("--company", default="demo", help="whose figures (default: demo)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    from plumbline.cli.company import home_of
    from plumbline.project import Project

    project, home = Project.find(), home_of(options.company)
    served = _Serve.prepare(options, project, home)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    sys.setswitchinterval(_SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(served.forever())
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Give the faster loop where it is installed."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


@dataclass
class _Serve:
    """What one process serves, and to whom."""

    options: argparse.Namespace
    project: Project
    home: Home
    policy: Policy
    settings: Settings
    tokens: Tokens
    desk: Desk
    told: list[str] = field(default_factory=list)
    log: RequestLog | None = None

    @classmethod
    def prepare(cls, options: argparse.Namespace, project: Project, home: Home) -> _Serve:
        """Read what has been settled, and refuse what must not be served so."""
        from plumbline.access.following import FollowedPolicy
        from plumbline.access.tokens import Tokens
        from plumbline.serving.desk import Desk
        from plumbline.serving.settings import load_settings

        if not (options.http or options.sql) or (options.mcp and not options.http):
            options.http = _HTTP
        policy = FollowedPolicy(project, options.company)
        settings = load_settings(project, options.company)
        desk = Desk(home, policy)
        found = cls(options, project, home, policy(), settings, Tokens(home), desk)
        if options.http:
            found._require_safe()
        with desk.visit(None):
            pass
        return found

    @property
    def is_open(self) -> bool:
        """Whether who asks is not asked: only on this machine's own address."""
        return bool(self.options.operator or not self.policy.accounts)

    def _require_safe(self) -> None:
        """Refuse an address that others reach, where nobody is asked who they are, or all is in the open."""
        host, _ = address_of(self.options.http, "--http")
        where = f"--http {self.options.http}"
        if bool(self.options.cert) != bool(self.options.key):
            raise UsageError("--cert and --key belong together", where="plumb serve")
        for path in filter(None, (self.options.cert, self.options.key)):
            if not path.is_file():
                raise UsageError("there is no such file", where=str(path))
        if is_loopback(host) and not self.options.behind_proxy:
            return
        if self.is_open:
            raise UsageError(
                "this address can be reached by others, and nobody would be asked who they are",
                where=where,
                todo="Write accounts in orchestration/access/, and leave out --operator.",
                code="open-to-all",
            )
        if not (self.tokens.any_valid() or self.settings.jwt):
            raise UsageError(
                "nobody could show who they are",
                where=where,
                todo=f"`plumb token create --account {next(iter(self.policy.accounts))}` makes a token.",
                code="open-to-all",
            )
        if not (self.options.cert or self.options.behind_proxy):
            raise UsageError(
                "tokens and figures would travel in the open",
                where=where,
                todo="Give --cert and --key, or --behind-proxy where a proxy does TLS.",
                code="no-tls",
            )

    async def forever(self) -> None:
        """Serve until a signal comes, or one of the servers ends."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        async with AsyncExitStack() as stack:
            working = [asyncio.ensure_future(work) for work in self._servers(stack, stop)]
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait([*working, stopping], return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            failed = [error for error in await asyncio.gather(*working, return_exceptions=True) if error]
            stopping.cancel()
        self.desk.close()
        print("stopped", file=sys.stderr)
        for error in failed:
            if isinstance(error, BaseException) and not isinstance(error, asyncio.CancelledError):
                raise error

    def _servers(self, stack: AsyncExitStack, stop: asyncio.Event) -> list[Awaitable[None]]:
        """Prepare the servers, tell what they serve, and give what runs them."""
        found = []
        if self.options.http:
            found.append(self._http(stack, stop))
        if self.options.sql:
            found.append(self._sql(stack, stop))
        for line in self._headline():
            print(line, file=sys.stderr, flush=True)
        return found

    def _headline(self) -> Iterator[str]:
        with self.desk.visit(None) as visit:
            publication = visit.publication
        told = f"publication {publication.publication_id} as of {publication.as_of}"
        yield f"serving {self.options.company}, {told}"
        yield from self.told
        yield from self._audience() if self.options.http else ()
        yield "Ctrl-C stops it"

    def _audience(self) -> Iterator[str]:
        """Say who may ask over HTTP."""
        if self.is_open:
            yield "as the local operator: whoever can reach this machine's own address sees everything"
        else:
            accounts = len(self.policy.accounts)
            by = "API tokens and JSON Web Tokens" if self.settings.jwt else "API tokens"
            yield f"to {counted(accounts, 'account')} of {self.policy.file}, by {by}"
            if not (self.tokens.any_valid() or self.settings.jwt):
                account = next(iter(self.policy.accounts))
                yield f"no token is valid yet: plumb token create --account {account}"

    def _http(self, stack: AsyncExitStack, stop: asyncio.Event) -> Awaitable[None]:
        from plumbline.serving.http.app import build, guarded
        from plumbline.serving.http.guard import loopback_hosts
        from plumbline.serving.http.kept import Kept
        from plumbline.serving.http.served import Served
        from plumbline.serving.http.server import Secured, bound_socket, http_server
        from plumbline.serving.http.work import Workers

        host, port = address_of(self.options.http, "--http")
        taken = bound_socket(host, port, "--http")
        limits = self.settings.limits
        workers = Workers(limits.threads, limits.waiting)
        stack.callback(workers.close)
        log = self._log(stack)
        served = Served(
            self.options.company,
            self.desk,
            self._gate(),
            limits,
            workers,
            Kept(limits.cache_megabytes),
            self._auditor(),
        )
        app = build(served, self._mounts(served))
        is_own = is_loopback(host) and not self.options.behind_proxy
        hosts = self.settings.hosts or (loopback_hosts() if is_own else ())
        secured = Secured(self.options.cert, self.options.key, self.options.behind_proxy)
        server = http_server(guarded(app, served, log, hosts), secured)
        scheme = "https" if self.options.cert else "http"
        address = f"{scheme}://{_shown(host)}:{taken.getsockname()[1]}"
        self.told.append(f"  HTTP  {address}   {address}/openapi.json tells what there is")
        return _until(stop, server, [taken])

    def _gate(self) -> Gate:
        from plumbline.access.jwt import Verifier
        from plumbline.serving.http.identity import OperatorGate, TokenGate

        if self.is_open:
            return OperatorGate()
        verifier = Verifier(self.settings.jwt) if self.settings.jwt else None
        if verifier:
            verifier.prepare()
        return TokenGate(lambda: self.desk.policy, self.tokens, verifier)

    def _auditor(self) -> Any:
        from plumbline.audit.auditor import Auditor
        from plumbline.governance.trust import load_trust
        from plumbline.ledger import witnessed_ledger

        trust = load_trust(self.project, self.options.company)
        return Auditor(self.home, witnessed_ledger(self.home, trust), self.options.company, self.project)

    def _mounts(self, served: Any) -> dict[str, Any]:
        if not self.options.mcp:
            return {}
        mount = _part("plumbline.serving.mcp", "mount", "--mcp")
        self.told.append(f"  MCP   {_MCP_PATH} of the same address")
        return {_MCP_PATH: mount(served)}

    def _sql(self, stack: AsyncExitStack, stop: asyncio.Event) -> Awaitable[None]:
        """Serve in front of the PostgreSQL that the tables are published into; it knows who may connect."""
        serve_sql = _part("plumbline.serving.sql.endpoint", "serve_sql", "--sql")
        options = _part("plumbline.serving.sql.options", "read_options", "--sql")
        renewed = _part("plumbline.serving.sql.catalog", "renew_catalog", "--sql")
        settings = _part("plumbline.publication.postgres", "load_postgres", "--sql")
        named = settings(self.project, self.options.company)
        if named is None:
            raise UsageError(
                "there is no PostgreSQL behind the SQL endpoint",
                where="--sql",
                todo=f"Name it under `postgres` in orchestration/serving/{self.options.company}.yml.",
                code="no-postgres",
            )
        host, port = address_of(self.options.sql, "--sql")
        given = options(
            self.settings.sql,
            named.url,
            host,
            port,
            certificate=self.options.cert,
            key=self.options.key,
            behind_proxy=self.options.behind_proxy,
        )
        given.require_safe()
        renew = partial(renewed, named.url, self.desk, given.schema)
        self.told.append(f"  SQL   {_shown(host)}:{port}   for the accounts of its PostgreSQL{renew()}")
        return _until_stopped(stop, serve_sql(self.desk, given, log=self._log(stack), renew=renew))

    def _log(self, stack: AsyncExitStack) -> RequestLog:
        """Open the log of requests, once for all servers of the process."""
        from plumbline.serving.request_log import RequestLog

        if self.log is None:
            self.log = RequestLog(self.home)
            stack.callback(self.log.close)
        return self.log


def _part(module: str, name: str, option: str) -> Callable[..., Any]:
    """Give a function of a part of serving; UsageError where this installation does not have it."""
    from importlib import import_module

    try:
        found: Callable[..., Any] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name and not module.startswith(error.name):
            raise
        raise UsageError("this is not part of the installation", where=option) from None
    return found


async def _until(stop: asyncio.Event, server: Any, sockets: list[Any]) -> None:
    """Run uvicorn until it is told to stop."""
    serving = asyncio.ensure_future(server.serve(sockets=sockets))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    try:
        await serving
    finally:
        stopping.cancel()
        for each in sockets:
            each.close()


async def _until_stopped(stop: asyncio.Event, work: Awaitable[None]) -> None:
    """Run something that ends by being cancelled."""
    serving = asyncio.ensure_future(work)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not serving.done():
        serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving


def address_of(text: str, option: str) -> tuple[str, int]:
    """Read HOST:PORT, :PORT, PORT, or [IPv6]:PORT."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not (port.isdecimal() and int(port) < 65_536):
        todo = f"Write {option} 127.0.0.1:8765; port 0 takes a free one."
        raise UsageError(f"{text!r} is no address", where=option, todo=todo, code="bad-address")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
