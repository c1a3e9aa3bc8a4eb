"""The rules that the cases prove, and the trial that the tests notice when one is gone.

    python -m tests.threats.rules          remove each rule in a copy and run the tests named for it
    python -m tests.threats.rules R4 R10   only these

Exits with 1 when a rule can be removed and every test still passes. The table
of rules in docs/threat-model.md is made from here too, by
``python -m tests.threats.inventory --write``.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Rule:
    """One rule, the function that keeps it, how the trial removes it, and tests that then fail."""

    number: str
    says: str
    path: str
    function: str
    kept: str
    removed: str
    tests: tuple[str, ...]


RULES = (
    Rule(
        "R1",
        "the upstream's headers are a list made from nothing, by denied names and beginnings",
        "request/upstreamheaders.py",
        "upstream_headers",
        "        if key in denied or key in named or key.startswith(prefixes):\n",
        "        if key in named:\n",
        ("tests/threats/test_a_identity.py::test_made_up",),
    ),
    Rule(
        "R2",
        "identity lines come last and are asserted",
        "request/upstreamheaders.py",
        "upstream_headers",
        "    _assert_identity(result, identity_headers)\n",
        "",
        ("tests/request/test_upstreamheaders.py::test_identities_that_are_not",),
    ),
    Rule(
        "R2 lines",
        "remembered lines are those of the identity that a request has now",
        "request/upstreamheaders.py",
        "upstream_lines",
        "        host,\n        identity_headers,\n",
        "        host,\n",
        ("tests/request/test_upstreamheaders.py::test_lines_of_everything_they_follow_from",),
    ),
    Rule(
        "R2 bytes",
        "the bytes that are sent are the list that was verified",
        "request/upstreamheaders.py",
        "_around_audit_id",
        '    if lines.pop() or tuple([tuple(line.split(b": ", 1)) for line in lines]) != headers:\n',
        "    if False:\n",
        ("tests/request/test_upstreamheaders.py::test_names_that_hold_a_line",),
    ),
    Rule(
        "R3",
        "a header name has letters, digits and hyphens only",
        "request/headers.py",
        "ClientHeaders._fault",
        "            if key.translate(None, _NAME_BYTES) and not key.startswith(escaped):\n",
        "            if False:\n",
        ("tests/threats/test_a_identity.py::test_asked_for",),
    ),
    Rule(
        "R4",
        "forwarding takes an Identity, which only an authenticator makes",
        "authentication/authenticator.py",
        "Identity",
        "        if seal is not _SEAL:\n",
        "        if False:\n",
        ("tests/authentication/test_authenticator.py::TestIdentity::test_only_identify_makes_it",),
    ),
    Rule(
        "R5",
        "our credential and clients' tokens use pools of their own",
        "app/upstream.py",
        "connect",
        "        identity = PassingThrough(passthrough, upstream.passthrough)\n",
        "        identity = PassingThrough(impersonating, upstream.impersonating)\n",
        ("tests/threats/test_a_pools.py::test_our_certificate",),
    ),
    Rule(
        "R6",
        "an identity that a header cannot carry is refused",
        "authentication/headersafe.py",
        "wire_safe",
        "    if not user.username:\n",
        "    if True:\n        return None\n    if not user.username:\n",
        ("tests/authentication/test_headersafe.py::test_values_that_change",),
    ),
    Rule(
        "R7",
        "names of Kubernetes' own are refused from claims, and from certificates where asked",
        "authentication/authenticator.py",
        "reserved_name",
        '    if user.username.startswith("system:"):\n',
        "    if True:\n        return None\n    if False:\n",
        ("tests/authentication/test_authenticator.py::test_reserved_names",),
    ),
    Rule(
        "R8",
        "the target is read once and its bytes go up as they came",
        "server/forwarding.py",
        "forward",
        "upstream.base_path + exchange.target.raw",
        'upstream.base_path + exchange.target.request_uri.encode("utf-8", "surrogateescape")',
        ("tests/threats/test_c_targets.py::test_forwarded_as_it_is",),
    ),
    Rule(
        "R9",
        "a request is sent once, unless nothing of it was written or it only reads",
        "upstream/pool.py",
        "UpstreamPool.again",
        "        if error.any_response_byte or not _may_be_sent_again(request):\n",
        "        if error.any_response_byte:\n",
        ("tests/upstream/test_pool.py::TestRetry::test_what_changes_things_is_sent_once",),
    ),
    Rule(
        "R10",
        "one framing, and an upstream connection is reused only when nothing is left on the way",
        "upstream/connection.py",
        "UpstreamConnection.reuse",
        "        if self._state is not _DONE or not self._reusable:\n",
        "        if False:\n",
        ("tests/upstream/test_pool.py::TestReuse::test_extra_bytes_or_close_end_it",),
    ),
    Rule(
        "R11",
        "one handler, one way out, which writes the last event",
        "server/handler.py",
        "Handler.handle",
        "            exchange.finish()\n",
        "",
        ("tests/threats/test_d_events.py::test_short_requests",),
    ),
    Rule(
        "R12",
        "blocking-strict: nothing goes up before RequestReceived is stored",
        "server/exchange.py",
        "Exchange.stored",
        "        if outcome:\n            return\n",
        "        if True:\n            return\n",
        ("tests/server/test_handler.py::test_strict_backend",),
    ),
    Rule(
        "R12 durable",
        "durable: nothing goes up before the disk has RequestReceived, on the short way too",
        "server/short/shortexchange.py",
        "ShortExchange.begin",
        "        if outcome is True and (before is True or is_settled(before)):\n",
        "        if True:\n",
        ("tests/server/test_durable.py::test_not_sent_before_it_is_stored",),
    ),
    Rule(
        "R12 order",
        "durable: nothing goes up before the events of the request before it are stored",
        "server/emitter.py",
        "after",
        "    return outcome if is_settled(before) else all_of((before, outcome))\n",
        "    return outcome\n",
        ("tests/server/test_durable.py::test_the_next_request_waits",),
    ),
    Rule(
        "R14",
        "durable: what a failed sync leaves in doubt is cut off, on another descriptor",
        "backends/durable/durablefile.py",
        "DurableFile._doubt",
        "        self._is_doubtful = True\n",
        "",
        ("tests/backends/durable/test_durablefile.py::test_a_sync_fails_once",),
    ),
    Rule(
        "R15",
        "durable: a file is synced before it gets another name",
        "backends/durable/durablefile.py",
        "DurableFile._before_rotation",
        "    def _before_rotation(self) -> None:\n        self._settle()\n",
        "    def _before_rotation(self) -> None:\n        pass\n",
        ("tests/backends/durable/test_durablefile.py::test_rotation",),
    ),
    Rule(
        "R13",
        "an invalid policy is refused at the start",
        "audit/policy/evaluator.py",
        "load_policy",
        "    if faults:\n",
        "    if False:\n",
        ("tests/audit/policy/test_evaluator.py",),
    ),
    Rule(
        "R10 pieces",
        "a head or body is parsed by itself, no matter how its bytes arrive",
        "downstream/connection.py",
        "ClientConnection.data_received",
        "            end, complete = self._pieces.end(data, start)\n",
        "            end, complete = len(data), True\n",
        ("tests/downstream/test_connection.py::test_requests_behind_bodies",),
    ),
    Rule(
        "R10 trailers",
        "a trailer is not a header of any request",
        "downstream/connection.py",
        "ClientConnection._parse_head",
        "        if self._after_chunks:\n",
        "        if False:\n",
        ("tests/downstream/test_connection.py::test_trailers_are_nobodys_headers",),
    ),
    Rule(
        "R10 upgrades",
        "behind a request that asks for an upgrade nothing is read",
        "downstream/connection.py",
        "ClientConnection._hold_if_complete",
        "        if self._asks_upgrade and self._held is None and self._last_payload.is_eof():\n",
        "        if False:\n",
        ("tests/downstream/test_connection.py::test_nothing_is_read_behind_an_upgrade",),
    ),
    Rule(
        "R10 codings",
        "no transfer coding but chunked",
        "request/headers.py",
        "framing_fault",
        '        if len(codings) > 1 or codings[0].encode(*_BYTES).lower() != b"chunked":\n',
        "        if False:\n",
        ("tests/threats/test_b_smuggling.py::test_transfer_codings",),
    ),
    Rule(
        "R10 heads",
        "a head that is remembered has this answer's length, and one that is a number",
        "upstream/heads.py",
        "AnswerHeads.read",
        "            if len(digits) > _LONGEST_LENGTH or not digits.isdigit():\n",
        "            if False:\n",
        ("tests/upstream/test_heads.py::test_lengths",),
    ),
    Rule(
        "R10 kinds",
        "a head with headers that may be one client's is not remembered",
        "upstream/heads.py",
        "AnswerHeads._read_new",
        '        if method != b"HEAD" and _USUAL.fullmatch(raw) is not None:\n',
        '        if method != b"HEAD":\n',
        ("tests/upstream/test_heads.py::test_what_is_not_remembered",),
    ),
    Rule(
        "R4 holds",
        "on the short way too, each request asks whether its identity still holds",
        "server/short/shortway.py",
        "ShortWay.take",
        "        identity = client.identity(received)\n",
        "        identity = client._identity\n",
        (
            "tests/server/short/test_shortway.py::test_token_that_expires",
            "tests/server/short/test_shortway.py::test_certificate_that_expires",
        ),
    ),
    Rule(
        "R4 services",
        "who a block is from is forgotten with the configuration that said so",
        "server/short/shortway.py",
        "ShortWay.take",
        "            or client.services is not services\n",
        "",
        ("tests/server/short/test_shortway.py::test_tokens_that_change",),
    ),
    Rule(
        "R4 facts",
        "who a block is from is known of one connection alone",
        "server/short/shortway.py",
        "ShortWay.take",
        "            or client.facts is not connection.facts\n",
        "",
        ("tests/server/short/test_shortway.py::test_facts_are_compared",),
    ),
    Rule(
        "R2 sender",
        "the lines of the short way are those of the identity and the credential of now",
        "server/short/shortway.py",
        "ShortWay.take",
        "sender is None or sender.identity is not identity or sender.at_hand is not at_hand",
        "sender is None",
        ("tests/server/short/test_shortway.py::test_token_of_ours_in_a_file",),
    ),
    Rule(
        "R1 plain",
        "what asks to act as another, or for more than an answer, does not go the short way",
        "server/short/shortway.py",
        "ShortWay.take",
        "(client.sender is None and not self._is_plain(headers))",
        "False",
        ("tests/server/short/test_shortway.py::test_unusual",),
    ),
    Rule(
        "R10 lines",
        "the short way reads only request lines that every reader reads alike",
        "server/short/shorttarget.py",
        "parse_line",
        "_LINE.fullmatch(line)",
        "_LINE.match(line)",
        ("tests/server/short/test_shorttarget.py::test_other_lines",),
    ),
    Rule(
        "R10 bodies",
        "the short way takes a request with all of its body and nothing behind it",
        "downstream/shortloop.py",
        "ShortLoop._taken",
        "        if len(body) != (headers.content_length or 0):\n",
        "        if False:\n",
        ("tests/downstream/test_shortloop.py::test_what_is_offered",),
    ),
    Rule(
        "R10 answers",
        "the short way takes an answer with all of its body and nothing behind it",
        "upstream/heads.py",
        "AnswerHeads.whole",
        'or digits != b"%d" % (len(data) - end):',
        "or not digits:",
        ("tests/server/short/test_shortexchange.py::test_answers",),
    ),
    Rule(
        "R11 once",
        "the rest of a request that has ended is not served",
        "server/short/shortexchange.py",
        "ShortExchange._go_on",
        "        if self._is_over:\n            # It was",
        "        if False:\n            # It was",
        ("tests/server/short/test_shortexchange.py::test_between_the_hand_over_and_the_chain",),
    ),
    Rule(
        "R8 fragment",
        "a fragment is refused",
        "request/target.py",
        "parse_target",
        '    if b"#" in raw:\n',
        "    if False:\n",
        ("tests/threats/test_c_targets.py::test_refused_targets",),
    ),
    Rule(
        "R20 extensions",
        "a token with an extension that must be understood is refused",
        "authentication/tokens/jws.py",
        "parse_jws",
        ' or "crit" in header_members:\n',
        ":\n",
        ("tests/app/authentication/test_issuers.py::test_critical_extensions",),
    ),
    Rule(
        "R20 storms",
        "tokens of unknown keys cost one fetch in ten seconds",
        "lookups/issuerkeys.py",
        "IssuerKeys._load_newer",
        "        if self._flight is None and self._clock() - self._began_at < RETRY:\n",
        "        if False:\n",
        ("tests/lookups/test_issuerkeys.py::test_storm_of_unknown_keys",),
    ),
    Rule(
        "R20 issuers",
        "an issuer's tokens must be for this proxy's audience",
        "authentication/oidc/authenticator.py",
        "OidcAuthenticator.authenticate_token",
        "        if self._audiences.isdisjoint(audiences):\n",
        "        if False:\n",
        ("tests/app/authentication/test_issuers.py::test_audience",),
    ),
)


def table() -> str:
    """The rules for docs/threat-model.md."""
    lines = ["| rule | what it says | kept by | tests that fail without it |", "|---|---|---|---|"]
    for rule in RULES:
        tests = ", ".join(f"`{test}`" for test in rule.tests)
        kept = f"`{rule.path}:{rule.function}`"
        lines.append(f"| {rule.number} | {rule.says} | {kept} | {tests} |")
    return "\n".join(lines) + "\n"


def noticed(rule: Rule) -> bool:
    """Remove one rule in a copy of the tree; whether a test named for it then fails."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        for name in ("auditproxy", "tests", "manifests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        path = copy / "auditproxy" / rule.path
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(rule.kept, rule.removed), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *rule.tests],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            check=False,
        )
    return done.returncode == 1 and " failed" in done.stdout


def main() -> int:
    """Try the rules named, or all."""
    unnoticed = 0
    for rule in RULES:
        if sys.argv[1:] and rule.number not in sys.argv[1:]:
            continue
        seen = noticed(rule)
        unnoticed += not seen
        print(f"{rule.number}: {'noticed' if seen else 'NOT NOTICED'}", flush=True)
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
