"""``auditproxy policy explain``: which rule decides a request, and why not those before."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from auditproxy.apis.audit import Level
from auditproxy.apis.gotext import go_quote
from auditproxy.app.standardstreams import Output
from auditproxy.audit.policy.explaining import Explanation, explain
from auditproxy.commands.policy.asking import Asked, asked
from auditproxy.commands.policy.kubectl import kubectl_commands
from auditproxy.commands.policy.reading import policy_in, policy_text
from auditproxy.serializer.yamllines import line_of, lines_by_path
from auditproxy.sessions.playback import visible

_NO_RULE = "no rule matches"


def run_explain(path: str, values: Mapping[str, Any], out: Output, *, is_json: bool) -> int:
    """Print what a policy says about the request that flags describe. Raises Unusable."""
    request = asked(values)
    text = policy_text(path)
    policy = policy_in(text, path)
    explanation = explain(policy, request.user, request.info)
    lines = lines_by_path(text)
    if is_json:
        out.write(json.dumps(_object(request, explanation, path, lines)) + "\n")
        return 0
    for line in _lines(request, explanation, path, lines):
        out.write(visible(line) + "\n")
    return 0


def _lines(
    request: Asked, explanation: Explanation, path: str, lines: dict[str, int]
) -> Iterator[str]:
    info = request.info
    yield f"request   {request.method} {request.uri}"
    yield f"means     {_meaning(request)}"
    if request.said:
        yield f"resource  {go_quote(request.said)} means {_of_group(request)}"
    user = request.user
    if user is None:
        yield "user      none: its authentication failed"
    else:
        yield f"user      {user.username}, in {', '.join(user.groups) or 'no group'}"
    for number, command in enumerate(kubectl_commands(info, request.uri)):
        yield f"{'kubectl' if not number else '':<8}  {command}"
    rule = explanation.rule
    decided = _NO_RULE if rule is None else f"rules[{rule}]{_at(path, rule, lines)}"
    yield f"level     {explanation.level.word}, {decided}"
    if explanation.level is not Level.NONE:
        stages = ", ".join(explanation.stages) or "none: all that the request has are omitted"
        yield f"events    {stages}"
    yield ""
    for step in explanation.steps:
        shown = f"rules[{step.rule}]"
        verdict = "matches" if step.matches else f"{step.selector}: {step.reason}"
        yield f"{shown:<9} {verdict}"
    if rule is None:
        yield f"{_NO_RULE}, so nothing is recorded"


def _at(path: str, rule: int, lines: dict[str, int]) -> str:
    line = line_of(lines, f"rules[{rule}]")
    return "" if line is None else f" ({path}:{line})"


def _meaning(request: Asked) -> str:
    info = request.info
    if not info.is_resource_request:
        return f"verb {info.verb} of the path {info.path}"
    combined = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    parts = [
        f"verb {info.verb or '(none)'}",
        f"resource {combined}",
        f"group {go_quote(info.api_group)}",
    ]
    if info.namespace:
        parts.append(f"namespace {info.namespace}")
    if info.name:
        parts.append(f"name {info.name}")
    return ", ".join(parts)


def _of_group(request: Asked) -> str:
    info = request.info
    group = f"the group {info.api_group}" if info.api_group else "the core group"
    return f"{info.resource} of {group}"


def _object(
    request: Asked, explanation: Explanation, path: str, lines: dict[str, int]
) -> dict[str, Any]:
    info, user = request.info, request.user
    found: dict[str, Any] = {
        "method": request.method,
        "requestURI": request.uri,
        "verb": info.verb,
        "user": None if user is None else {"username": user.username, "groups": user.groups},
        "rule": explanation.rule,
        "level": explanation.level.word,
        "stages": [stage.value for stage in explanation.stages],
        "omitManagedFields": explanation.omit_managed_fields,
        "steps": [
            {"rule": step.rule, "matches": step.matches}
            | ({} if step.matches else {"selector": step.selector, "reason": step.reason})
            for step in explanation.steps
        ],
        "kubectl": kubectl_commands(info, request.uri),
    }
    if request.said:
        found["askedResource"] = request.said
    if info.is_resource_request:
        members = {
            "apiGroup": info.api_group,
            "resource": info.resource,
            "subresource": info.subresource,
            "namespace": info.namespace,
            "name": info.name,
        }
        found["objectRef"] = {name: value for name, value in members.items() if value}
    if explanation.rule is not None:
        line = line_of(lines, f"rules[{explanation.rule}]")
        found |= {} if line is None else {"file": path, "line": line}
    return found
