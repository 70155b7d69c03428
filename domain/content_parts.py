"""One message as a provider or framework writes it, read into the one schema.

Shapes: OpenTelemetry GenAI parts (gen-ai-{input,output}-messages.json of the semantic conventions), OpenAI chat
and responses, Anthropic content blocks, Gemini contents, the Vercel AI SDK's model messages, and LangChain's
dumps. They differ in names and agree in meaning, so parts are told apart by what they hold.
"""

from collections.abc import Mapping

from domain.content_messages import REDACTED, TOOL, Draft, Message, ToolCall, ToolResult, text_of
from domain.otlp import PlainValue

Item = Mapping[str, PlainValue]

REFUSAL = "refusal"
TEXT_TYPES = frozenset(("text", "output_text", "input_text", REFUSAL, "compaction"))
REASONING_TYPES = frozenset(("reasoning", "thinking", "redacted_thinking"))
_CALL_TYPES = frozenset(("tool_call", "tool_use", "function_call", "tool-call", "server_tool_use", "server_tool_call"))
_RESULT_TYPES = frozenset(
    ("tool_call_response", "tool_result", "function_call_output", "tool-result", "server_tool_call_response")
)
_CONTENT_KEYS = ("content", "parts", "text", "refusal")
_REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")
_MESSAGE_KEYS = (*_CONTENT_KEYS, *_REASONING_KEYS[:1], "role", "tool_calls", "function_call")
_FINISH_KEYS = ("finish_reason", "finishReason", "stop_reason", "stopReason")
_ID_KEYS = ("call_id", "id", "tool_call_id", "toolCallId", "tool_use_id")
_RESULT_ID_KEYS = ("tool_call_id", "tool_use_id", "call_id", "toolCallId", "id")
_RESULT_KEYS = ("response", "output", "result", "content", "server_tool_call_response")
_LANGCHAIN = {
    "human": "user",
    "humanmessage": "user",
    "ai": "assistant",
    "aimessage": "assistant",
    "aimessagechunk": "assistant",
    "systemmessage": "system",
    "toolmessage": "tool",
    "functionmessage": "tool",
}
_MAX_WRAPPERS = 5


def message_in(item: PlainValue, role: str = "") -> Message:
    """The message that one item of a history is; `role` counts where the item names none."""
    if not isinstance(item, dict) or not item:
        draft = Draft(role)
        draft.words.append(text_of(item or None))
        return draft.message()
    draft = Draft()
    body = _unwrapped(item, draft)
    draft.role = _role(body) or role
    draft.call_id = text_of(_first(body, _RESULT_ID_KEYS)) if draft.role in (TOOL, "function") else ""
    draft.calls += _listed_calls(body)
    known = [body[key] for key in _CONTENT_KEYS if body.get(key)]
    kind = text_of(body.get("type"))
    if kind in _CALL_TYPES or kind in _RESULT_TYPES or kind in REASONING_TYPES:
        _read_part(body, kind, draft, is_nested=False)
        return draft.message()
    if not known and not draft.calls and not any(key in body for key in _MESSAGE_KEYS):
        draft.words.append(text_of(body))
    for part in known:
        read_parts(text_of(part) if draft.call_id and isinstance(part, dict) else part, draft)
    draft.refuses = draft.refuses or bool(body.get("refusal"))
    draft.reasoning += [text for key in _REASONING_KEYS if isinstance(text := body.get(key), str)]
    return draft.message()


def _unwrapped(item: dict[str, PlainValue], draft: Draft) -> dict[str, PlainValue]:
    """The message inside a choice, a candidate, a generation or a dump; its finish reason goes to the draft."""
    for _ in range(_MAX_WRAPPERS):
        draft.finish_reason = draft.finish_reason or _finish(item)
        inner = item.get("message")
        if isinstance(inner, dict):
            calls = item.get("tool_calls")
            item = {**inner, "tool_calls": calls} if calls and not inner.get("tool_calls") else inner
        elif isinstance(inner := item.get("kwargs"), dict) and isinstance(names := item.get("id"), list) and names:
            item = {"role": _LANGCHAIN.get(text_of(names[-1]).lower(), ""), **inner}
        elif isinstance(inner := item.get("data"), dict) and item.get("type") in ("human", "ai", "system", "tool"):
            item = {"type": item["type"], **inner}
        elif isinstance(inner := item.get("content"), dict) and isinstance(inner.get("parts"), list):
            item = inner
        else:
            break
    return item


def _finish(item: Item) -> str:
    found = _first(item, _FINISH_KEYS)
    if found is None:
        for key in ("response_metadata", "generation_info"):
            inner = item.get(key)
            if isinstance(inner, dict) and (found := _first(inner, _FINISH_KEYS)) is not None:
                break
    return text_of(found)


def _role(body: Item) -> str:
    role = body.get("role")
    if isinstance(role, str) and role:
        return role
    kind = body.get("type")
    if isinstance(kind, str) and "content" in body:
        return {"system": "system", "tool": "tool"}.get(kind) or _LANGCHAIN.get(kind.lower(), "")
    return ""


def _listed_calls(item: Item) -> list[ToolCall]:
    listed = item.get("tool_calls")
    if not listed and isinstance(extra := item.get("additional_kwargs"), dict):
        listed = extra.get("tool_calls")
    found = [call_in(call) for call in listed if isinstance(call, dict)] if isinstance(listed, list) else []
    single = item.get("function_call")
    return [*found, call_in(single)] if isinstance(single, dict) and not found else found


def read_parts(content: PlainValue, draft: Draft, *, is_nested: bool = False) -> None:
    """Sort the parts of one content into the draft.

    A part may be a whole message, as in the Responses API; a message inside that one counts as a part.
    """
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, dict):
            _read_part(part, text_of(part.get("type")), draft, is_nested=is_nested)
        else:
            draft.words.append(text_of(part))


def _read_part(part: dict[str, PlainValue], kind: str, draft: Draft, *, is_nested: bool) -> None:
    inner = part.get("content")
    if kind in _CALL_TYPES:
        draft.calls.append(call_in(part))
    elif kind in _RESULT_TYPES:
        draft.results.append(_result(part))
    elif kind == "message" and isinstance(inner, list) and not is_nested:
        read_parts(inner, draft, is_nested=True)
    elif kind in REASONING_TYPES or part.get("thought") is True:
        draft.reasoning.append(_reasoning(part))
    elif kind in TEXT_TYPES or (not kind and ("text" in part or "content" in part)):
        known = [part[key] for key in ("text", "content", "refusal") if key in part]
        draft.refuses = draft.refuses or kind == REFUSAL
        draft.words.append(text_of(next(filter(None, known), None)) if known else REDACTED)
    elif not _read_gemini(part, draft):
        draft.other_parts += 1


def _read_gemini(part: Item, draft: Draft) -> bool:
    """Gemini's parts have no type: the only key that is set tells what they are."""
    call = _first(part, ("function_call", "functionCall"))
    answer = _first(part, ("function_response", "functionResponse"))
    if isinstance(call, dict):
        draft.calls.append(call_in(call))
    elif isinstance(answer, dict):
        draft.results.append(_result(answer))
    return isinstance(call, dict) or isinstance(answer, dict)


def _reasoning(part: Item) -> str:
    found = _first(part, ("text", "content", "thinking", "reasoning", "summary"))
    if isinstance(found, list):
        return "\n".join(text_of(item.get("text")) if isinstance(item, dict) else text_of(item) for item in found)
    return text_of(found)


def call_in(item: Item) -> ToolCall:
    """The tool call that an item describes, in any provider's words."""
    inner = item.get("function", item.get("server_tool_call"))
    named = {**item, **inner} if isinstance(inner, dict) else item
    arguments = next((named[key] for key in ("arguments", "input", "args") if named.get(key) is not None), None)
    text = None if arguments is None or arguments == REDACTED else text_of(arguments)
    return ToolCall(text_of(_first(item, _ID_KEYS)), text_of(named.get("name") or named.get("toolName")), text)


def _result(part: Item) -> ToolResult:
    value = next((part[key] for key in _RESULT_KEYS if part.get(key) is not None), None)
    return ToolResult(text_of(_first(part, _RESULT_ID_KEYS)), result_text(value))


def result_text(value: PlainValue) -> str:
    """What a tool returned, as text: without the wrappers that frameworks put around a plain value."""
    if isinstance(value, list) and value and all(isinstance(part, dict) and "text" in part for part in value):
        return "\n".join(text_of(part["text"]) for part in value if isinstance(part, dict))
    if isinstance(value, dict):
        if value.keys() == {"type", "value"}:
            return text_of(value["value"])
        if len(value) == 1 and (key := next(iter(value))) in ("result", "output"):
            return text_of(value[key])
    return text_of(value)


def _first(item: Item, keys: tuple[str, ...]) -> PlainValue:
    return next((item[key] for key in keys if item.get(key)), None)
