"""``auditproxy policy``: its words, flags and examples, which help and completion need."""

import sys
from typing import TYPE_CHECKING

from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.flags.command import Command
from auditproxy.flags.pflag import BOOL, HELP, LIST, STRING, Flag, Parsed

if TYPE_CHECKING:
    from auditproxy.app.standardstreams import Output

WORDS = ("lint", "explain", "simulate", "diff")
OUTPUTS = ("text", "json")
FAIL_ON = ("error", "warning", "note", "never")

FLAGS = (
    Flag(
        "output",
        STRING,
        "text",
        "text, or json for one object per line.",
        shorthand="o",
        choices=OUTPUTS,
    ),
    Flag(
        "fail-on",
        STRING,
        "error",
        "lint: the exit code is 1 for a finding that is as severe, or more: error, warning, note, "
        "or never.",
        choices=FAIL_ON,
    ),
    Flag("as", STRING, "", "explain: user of the request. Empty is one that no rule names."),
    Flag(
        "as-group",
        LIST,
        (),
        "explain: groups of the user; those that every user is in, such as system:authenticated, "
        "are added.",
    ),
    Flag(
        "unauthenticated",
        BOOL,
        False,
        "explain: the request has no user, because its authentication failed.",
    ),
    Flag("path", STRING, "", "explain: path of the request, with its query if it has one."),
    Flag(
        "method",
        STRING,
        "",
        "explain: HTTP method of the request. Empty means the one of --verb, or GET.",
    ),
    Flag(
        "verb",
        STRING,
        "",
        "explain: verb of the request: get, list, watch, create, update, patch, delete or "
        "deletecollection. With --path it may be left out.",
    ),
    Flag(
        "resource",
        STRING,
        "",
        "explain: resource instead of a path, such as pods, pods/exec or deployments.apps; short "
        "names, singulars and kinds of built-in resources too, such as deploy.",
    ),
    Flag(
        "api-group",
        STRING,
        "",
        "explain: group of --resource. Empty means that of the built-in resource of this name; "
        "resources of extensions need theirs.",
    ),
    Flag(
        "namespace",
        STRING,
        "",
        "explain: namespace of --resource. Empty means all, or a resource without namespaces.",
        shorthand="n",
    ),
    Flag("name", STRING, "", "explain: name of the object of --resource."),
    Flag(
        "against",
        STRING,
        "",
        "simulate: the policy that the log was written with. Empty compares with the levels of its "
        "events.",
    ),
    HELP,
)
"""Every flag of ``auditproxy policy``."""

EXAMPLES = (
    (
        "Find rules without an effect, recorded credentials and forgotten subresources.",
        "auditproxy policy lint policy.yaml",
    ),
    (
        "In a pipeline: warnings fail too, as JSON.",
        "auditproxy policy lint policy.yaml --fail-on=warning -o json | jq .problem",
    ),
    (
        "Which rule decides a request, and why not those before it.",
        "auditproxy policy explain policy.yaml --as=bob --as-group=dev --verb=create "
        "--path=/api/v1/namespaces/shop/pods/web-1/exec",
    ),
    (
        "The same request by its resource; and one that a client sends.",
        "auditproxy policy explain policy.yaml --verb=create --resource=pods/exec -n shop "
        "--name=web-1",
    ),
    (
        "What the policy of the proxy says about a watch.",
        "auditproxy policy explain builtin --path='/apis/apps/v1/deployments?watch=true'",
    ),
    (
        "What another policy would have recorded of logs, by rule and in bytes a day.",
        "auditproxy policy simulate new.yaml audit-*.log.gz audit.log --against=policy.yaml",
    ),
    (
        "Which requests two policies decide differently about.",
        "auditproxy policy diff policy.yaml new.yaml audit.log",
    ),
)
"""What help shows first: a comment and a command line."""

_ARGUMENTS: dict[str, tuple[int, int | None, str]] = {
    "lint": (1, None, "a policy file, - for standard input, or builtin"),
    "explain": (1, 1, "one policy: a file, - for standard input, or builtin"),
    "simulate": (2, None, "a policy and logs, - for standard input"),
    "diff": (3, None, "two policies and logs, - for standard input"),
}
"""By word: how many arguments it takes, None for any number, and what they are."""


def run_policy(parsed: Parsed, out: "Output", err: "Output") -> int:
    """Run the command line; the exit code. Raises Unusable for what cannot be used."""
    word, *rest = parsed.arguments or ("",)
    faults = list(parsed.faults)
    values = {flag.name: parsed.values.get(flag.name, flag.default) for flag in FLAGS}
    if word not in WORDS:
        given = f", not {go_quote(word)}" if word else ""
        faults.append(f"auditproxy policy takes one of {', '.join(WORDS)} first{given}")
    else:
        least, most, what = _ARGUMENTS[word]
        if len(rest) < least or (most is not None and len(rest) > most):
            faults.append(f"auditproxy policy {word} takes {what}")
    if values["output"] not in OUTPUTS:
        faults.append(f"--output must be one of {', '.join(OUTPUTS)}")
    if values["fail-on"] not in FAIL_ON:
        faults.append(f"--fail-on must be one of {', '.join(FAIL_ON)}")
    if faults:
        raise Unusable(*faults)
    is_json = values["output"] == "json"
    if word == "explain":
        from auditproxy.commands.policy.explaining import run_explain

        return run_explain(rest[0], values, out, is_json=is_json)
    if word == "simulate":
        from auditproxy.commands.policy.simulating import run_simulate

        return run_simulate(rest[0], rest[1:], values["against"], out, err, is_json=is_json)
    if word == "diff":
        from auditproxy.commands.policy.differing import run_diff

        return run_diff(rest[0], rest[1], rest[2:], out, err, is_json=is_json)
    from auditproxy.commands.policy.linting import run_lint

    return run_lint(rest, values["fail-on"], out, is_json=is_json)


def _policy(parsed: Parsed) -> int:
    code = run_policy(parsed, sys.stdout, sys.stderr)
    # Here a reader that has gone away is known as one, and not at exit.
    sys.stdout.flush()
    return code


POLICY = Command(
    "policy",
    "Find mistakes in audit policies (lint), say which rule decides a request (explain), and what "
    "policies would have recorded of existing logs (simulate, diff).",
    FLAGS,
    _policy,
    EXAMPLES,
    words=WORDS,
    operand="FILE",
    operands={
        "lint": "FILE...",
        "explain": "FILE",
        "simulate": "FILE LOG...",
        "diff": "FILE FILE LOG...",
    },
)
"""The subcommand, for the table of cli.py."""
