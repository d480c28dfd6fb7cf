"""The server: what the protocol asks for, answered by the tools as the one who asks may see it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from plumbline import __version__
from plumbline.access import Principal
from plumbline.access.policy import QUERY
from plumbline.errors import PlumblineError, did_you_mean
from plumbline.serving.desk import Desk, Visit
from plumbline.serving.mcp import documents, mistakes, texts
from plumbline.serving.mcp.results import Answer, Figures, Mistake
from plumbline.serving.mcp.room import Auditor, Room
from plumbline.serving.mcp.tools import TOOLS, Tool

Context = ServerRequestContext[Any, Any]
Given = TypeVar("Given")
_log = logging.getLogger("plumbline.mcp")
_READS = types.ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
_UNEXPECTED = Mistake(
    code="unexpected",
    what="the server failed; its log says why",
    todo="Ask in another way, or tell whoever runs the server.",
)


_NOT_IN_SCOPE = Mistake(code="not-in-scope", what="the token is not for query", todo="Ask for one that is.")


@dataclass(frozen=True)
class Called:
    """What the log is told of a call: the metrics answered, how many rows, and the code of a mistake."""

    tool: str
    metrics: tuple[str, ...] = ()
    rows: int | None = None
    publication: str = ""
    code: str = ""


@dataclass(frozen=True)
class Ways:
    """How the server gets at figures: the desk, who asks, evidence (None: nobody sees any), and the log."""

    desk: Desk
    principal: Callable[[Context], Principal | None]
    auditor: Auditor | None = None
    seconds: float = 30.0
    tell: Callable[[Context, Called], None] = lambda context, called: None


def build_server(ways: Ways) -> Server[Any]:
    """Build the server of the protocol; it keeps nothing between calls."""
    answering = _Answering(ways)
    return Server(
        "plumbline",
        version=__version__,
        title="Plumbline 准绳",
        description="Governed figures of a company, with definition, quality verdict and proof.",
        instructions=documents.INSTRUCTIONS,
        on_list_tools=answering.list_tools,
        on_call_tool=answering.call_tool,
        on_list_resources=answering.list_resources,
        on_list_resource_templates=answering.list_templates,
        on_read_resource=answering.read_resource,
        on_list_prompts=answering.list_prompts,
        on_get_prompt=answering.get_prompt,
    )


@dataclass(frozen=True)
class _Answering:
    ways: Ways

    async def list_tools(self, context: Context, given: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_listed(tool) for tool in TOOLS.values()])

    async def call_tool(self, context: Context, given: types.CallToolRequestParams) -> types.CallToolResult:
        tool = TOOLS.get(given.name)
        if tool is None:
            hint = did_you_mean(given.name, list(TOOLS)) or f"There are {', '.join(TOOLS)}."
            raise MCPError(code=types.INVALID_PARAMS, message=f"there is no tool {given.name!r}. {hint}")
        principal = self.ways.principal(context)
        told = await _in_thread(lambda visits: self._answer(tool, given.arguments or {}, principal, visits))
        self.ways.tell(context, _called(tool, told))
        return _given(told) if isinstance(told, Answer) else _refused(told)

    def _answer(
        self, tool: Tool, given: Mapping[str, Any], principal: Principal | None, visits: list[Visit]
    ) -> Answer | Mistake:
        """Answer a call; whatever goes wrong is told as the result of the tool."""
        if principal and QUERY not in principal.scopes:
            return _NOT_IN_SCOPE
        try:
            arguments = tool.arguments.model_validate(dict(given))
        except ValidationError as error:
            return mistakes.misfitting(error, tool.arguments)
        try:
            with self.ways.desk.visit(principal) as visit:
                visits.append(visit)
                try:
                    return tool.run(self._room(visit), arguments)
                except PlumblineError as error:
                    return mistakes.told(error, visit, given)
        except PlumblineError as error:
            return mistakes.told(error, None, given)
        except Exception:
            _log.exception("the tool %s failed", tool.name)
            return _UNEXPECTED
        finally:
            visits.clear()

    def _room(self, visit: Visit) -> Room:
        return Room(visit, self.ways.auditor, self.ways.seconds)

    async def list_resources(self, context: Context, given: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=_RESOURCES)

    async def list_templates(self, context: Context, given: Any) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=_TEMPLATES)

    async def read_resource(
        self, context: Context, given: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        principal, uri = self.ways.principal(context), str(given.uri)
        if principal and QUERY not in principal.scopes:
            raise MCPError(code=types.INVALID_PARAMS, message=_NOT_IN_SCOPE.what)
        text = await _in_thread(lambda visits: self._read(uri, principal, visits))
        contents = types.TextResourceContents(uri=uri, text=text, mime_type="text/markdown")
        return types.ReadResourceResult(contents=[contents])

    def _read(self, uri: str, principal: Principal | None, visits: list[Visit]) -> str:
        try:
            with self.ways.desk.visit(principal) as visit:
                visits.append(visit)
                return documents.read_document(self._room(visit), uri)
        except PlumblineError as error:
            told = mistakes.told(error, None, {})
            raise MCPError(
                code=types.INVALID_PARAMS, message=mistakes.in_words(told), data={"uri": uri}
            ) from None
        finally:
            visits.clear()

    async def list_prompts(self, context: Context, given: Any) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=[_prompt(prompt) for prompt in documents.PROMPTS.values()])

    async def get_prompt(
        self, context: Context, given: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        try:
            prompt = documents.find_prompt(given.name)
            text = prompt.written(given.arguments or {})
        except PlumblineError as error:
            raise MCPError(code=types.INVALID_PARAMS, message=f"{error.what}. {error.todo}") from None
        message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
        return types.GetPromptResult(description=prompt.description, messages=[message])


def _called(tool: Tool, told: Answer | Mistake) -> Called:
    if isinstance(told, Mistake):
        return Called(tool.name, code=told.code)
    rows = told.row_count if isinstance(told, Figures) else None
    return Called(tool.name, tuple(told.definitions), rows, told.publication_id)


async def _in_thread(work: Callable[[list[Visit]], Given]) -> Given:
    """Work in a thread; who gives up waiting ends the statement that runs."""
    visits: list[Visit] = []
    try:
        return await anyio.to_thread.run_sync(work, visits, abandon_on_cancel=True)
    except anyio.get_cancelled_exc_class():
        for visit in visits:
            visit.cancel()
        raise


def _given(answer: Answer) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=texts.in_words(answer))],
        structured_content=answer.model_dump(mode="json"),
    )


def _refused(mistake: Mistake) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=mistakes.in_words(mistake))],
        structured_content={"error": mistake.model_dump(mode="json")},
        is_error=True,
    )


def _listed(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.arguments.model_json_schema(),
        output_schema=tool.result.model_json_schema(mode="serialization"),
        annotations=_READS.model_copy(update={"title": tool.title}),
    )


def _prompt(prompt: documents.Prompt) -> types.Prompt:
    arguments = [
        types.PromptArgument(name=each.name, description=each.description, required=each.required)
        for each in prompt.arguments
    ]
    return types.Prompt(
        name=prompt.name, title=prompt.title, description=prompt.description, arguments=arguments
    )


_RESOURCES = [
    types.Resource(
        uri=documents.GLOSSARY,
        name="glossary",
        title="Glossary 指标库",
        description="Every metric: what it is called, in English and Chinese, and what it means.",
        mime_type="text/markdown",
    ),
    types.Resource(
        uri=documents.PUBLICATION,
        name="publication",
        title="Publication",
        description="Which publication answers now, and as of when.",
        mime_type="text/markdown",
    ),
]
_TEMPLATES = [
    types.ResourceTemplate(
        uri_template=documents.METRIC,
        name="metric",
        title="Definition of a metric",
        description="What one metric means: formula, unit, owner, version, dimensions, targets.",
        mime_type="text/markdown",
    )
]
