"""Numbers in prose: each one with a unit is the code's own, or says whose it is.

A phrase of ``OURS`` is put together from the code, so that a document that disagrees fails. ``MEASURED`` are
results of a command that the document names, ``THEIRS`` are other programs' limits, ``EXAMPLES`` are no limits.
"""

import re
from pathlib import Path

import pytest

from auditproxy.alerts import decoding as alertdecoding
from auditproxy.alerts import facts as alertfacts
from auditproxy.apis.units import SECOND
from auditproxy.app import process
from auditproxy.app.sessions import killedsessions
from auditproxy.app.workers import parent as workers
from auditproxy.audit import bodies, objects, record
from auditproxy.audit.chain import links
from auditproxy.audit.costs import cost
from auditproxy.audit.submitted import PROTOBUF, YAML
from auditproxy.authentication.tokens import publickeys
from auditproxy.authentication.tokens.bearer import MAXIMUM_TOKEN_LENGTH
from auditproxy.backends import webhook, webhookcalls, weight
from auditproxy.backends.logfiles import appending
from auditproxy.backends.spool import deadletters, intake
from auditproxy.backends.spool import spoolfiles as spooled
from auditproxy.capture import copies as captures
from auditproxy.capture import decoding, worker
from auditproxy.capture import recording as decoded
from auditproxy.clients import alertmanager
from auditproxy.clients import apiserver as apiclient
from auditproxy.clients import fetcher as keyfetching
from auditproxy.clients import webhook as webhook_client
from auditproxy.clients.retry import pauses
from auditproxy.commands.reconcile import running as reconciling
from auditproxy.downstream import connection
from auditproxy.downstream import server as clientserver
from auditproxy.health import connection as healthconnection
from auditproxy.health import server as health
from auditproxy.lookups import issuerkeys, tokencache
from auditproxy.notifiers import alertspools, dispatcher, outbox
from auditproxy.options import Options
from auditproxy.reading.sql import asking, readable, store
from auditproxy.reading.trail import abreast, lines
from auditproxy.recordings import objectstore, recording, upload
from auditproxy.request import headers, heads, memory, resolution, selectors
from auditproxy.serializer import cbor, json
from auditproxy.serializer.protobuf import decoder as wiredecoder
from auditproxy.serializer.protobuf import lists
from auditproxy.server import forwarding, serving
from auditproxy.sessions import linebudget
from auditproxy.sessions import rules as sessionrules
from auditproxy.sessions.terminal import keys, places, reported, screen
from auditproxy.sockets import keepalive, pieces, reading
from auditproxy.supervision import recorderthread, running, sessionwebhook, supervisor
from auditproxy.tls import selfsigned as certificates
from auditproxy.tracing import exporting
from auditproxy.tunnel import tie as upgrade
from tests.documents import DOCUMENTS, ROOT

DEFAULTS = Options()
UNITS = (
    "s|ms|µs|us|seconds?|minutes?|hours?|days?|KiB|MiB|GiB|KB|MB|kB|GB|bytes|bits|levels|connections|events"
    "|headers|requests|%|times"
)
NUMBER = re.compile(rf"(?<![\w.])\d[\d ,.]*\s?(?:{UNITS})(?![\w-])")
# tests/test_flags_docs.py and test_limits_docs.py hold two pages; the changelog tells of the past.
ELSEWHERE = ("docs/flags.md", "docs/limits.md", "CHANGELOG.md")


def size(count: int) -> str:
    """A number of bytes in the largest binary unit that it is a multiple of."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count} bytes"


def inline(media_type: str) -> int:
    """Bytes up to which a body of a media type is decoded at once."""
    return (
        next(
            size
            for size in range(1024, 1 << 20, 512)
            if cost(media_type, "", size, limit=size) > decoded.DECODE_INLINE
        )
        - 512
    )


def waits() -> str:
    """The pauses between a webhook's attempts, as the document spells them."""
    first = DEFAULTS.audit_webhook.initial_backoff / SECOND
    *others, last = pauses(first, webhook.ATTEMPTS)
    return f"{', '.join(f'{one:g}' for one in others)} and {last:g} seconds"


def plain(seconds: float) -> str:
    """Seconds as a flag's value shows them: ``10s``."""
    return f"{seconds / SECOND:g}s"


AUTHENTICATION = DEFAULTS.authentication
AUDIT = DEFAULTS.audit
GRACE = plain(DEFAULTS.serving.audit_grace)
ANSWER = size(webhook_client.MAXIMUM_ANSWER)

OURS: dict[str, tuple[str, ...]] = {
    "docs/spool.md": (
        f"an eighth of the spool or {size(spooled.LONGEST_SEGMENT)}",
        f"letters have up to {size(deadletters.MAXIMUM_BYTES)}",
        f"At {size(deadletters.MAXIMUM_BYTES)} the spool waits",
        f"and {size(intake.MAXIMUM_BYTES)}, and it is tried again",
        f"{sessionwebhook.MAXIMUM_LINES:,} of {size(sessionwebhook.QUEUE_LIMIT)}, and then",
        f"At most {sessionwebhook.MOST} lines or {size(sessionwebhook.MOST_BYTES)} go in one request",
        f"after a failure is {sessionwebhook.INITIAL_BACKOFF:g} s",
        f"{outbox.MAXIMUM_ALERTS:,} alerts of {size(alertspools.MAXIMUM_WAITING)} wait in memory",
        "leaves the file alerts are sent for 10 s more",
    ),
    "docs/tamper-evidence.md": (
        f"at most {links.ADDED} bytes longer",
        f"all but its last {links.TAIL} bytes",
    ),
    "docs/alerts.md": (
        f"an attempt takes at most {alertmanager.TIMEOUT:g} seconds",
        f"repeated after {outbox.FIRST_PAUSE:g} to {outbox.LONGEST_PAUSE:g} seconds",
        f"- {DEFAULTS.alerts.queue_size:,} events wait at most (`--alert-queue-size`), of "
        f"{size(dispatcher.MAXIMUM_BYTES)} together",
        f"bodies of {size(alertfacts.MAXIMUM_CONDITION_INPUT)} together",
        f"more than {size(alertfacts.MAXIMUM_WHOLE)} of bodies",
        f"`count` is from 2 to {alertdecoding.LARGEST_COUNT}, `within` from `1s` to "
        f"`{alertdecoding.LONGEST_WITHIN // 3600}h`",
        f"at least {outbox.LATE // SECOND} seconds away",
        f"as firing for {outbox.LATE_FIRING // (60 * SECOND)} minutes from then on",
    ),
    "certs/README.md": (f"valid for {certificates.VALIDITY.days} days",),
    "docs/authentication.md": (
        f"at most {size(keyfetching.LARGEST_ANSWER)} in {keyfetching.TIMEOUT:g} seconds",
        "algorithms of 256, 384 and 512 bits",
        f"One attempt may take {webhook_client.ATTEMPT_TIMEOUT:g} seconds",
        f"the whole look-up may take {tokencache.LOOKUP_TIMEOUT:g} seconds",
        f"at most {ANSWER} of an answer is read",
        "`--authentication-token-review-cache-success-ttl` "
        f"({plain(AUTHENTICATION.token_review_cache_success_ttl)},",
        f"which may take {tokencache.LOOKUP_TIMEOUT:g} seconds and continues",
    ),
    "docs/behaviour.md": (
        f"recordings are finished, for at most {process.RECORDER_GRACE:g} seconds. Then the session "
        f"log, its webhook, uploads and alerts get {process.SENDING_GRACE:g} seconds",
        f"takes longer than {connection.HEAD_TIMEOUT:g} s, is over {size(heads.MAXIMUM_HEAD)}",
        f"{health.MAXIMUM_CONNECTIONS} connections, each with {healthconnection.HEAD_TIMEOUT:g} s "
        f"for its first request and {healthconnection.LAST_USE_TIMEOUT:g} s after its last one",
        f"probes to a silent client after {keepalive.KEEPALIVE_IDLE} s",
        f"A TLS handshake may take {serving.HANDSHAKE_TIMEOUT:g} s",
        f"a request head {connection.HEAD_TIMEOUT:g} s from its first byte",
        f"the first head {connection.HEAD_TIMEOUT:g} s from the end",
        f"idle for {clientserver.IDLE_TIMEOUT:g} s between requests",
        f"at most {size(upgrade._WRITE_HIGH_WATER)} per direction",
        f"(JSON over {size(decoded.DECODE_INLINE)}, protobuf and CBOR over "
        f"{size(inline(PROTOBUF))}, YAML over {inline(YAML) // 1024} KiB",
        f"(JSON over {size(decoding.DEAR)}, protobuf and CBOR over {size(decoding.DEAR // 4)},",
        f"nested deeper than {json.DEPTH_LIMIT} levels (JSON and YAML; "
        f"CBOR {cbor.DEPTH_LIMIT}, protobuf {wiredecoder.DEPTH_LIMIT} messages)",
        f"a YAML request of more than {size(decoded.REQUEST_TEXT)} or "
        f"{decoded.REQUEST_NODES:,} values, an answer of more than {decoded.RESPONSE_NODES:,}",
        f"a JSON object of more than {bodies.MEMBERS_AT_ONCE:,} members, and any body that takes "
        f"more than {decoded.SECONDS:g} seconds of CPU plus a quarter of a second for each MiB",
        f"At most {decoding.JOBS} requests of one user wait",
        f"beyond {size(bodies.RATIO_FREE)} up to {bodies.RATIO_LIMIT} times its size",
        f"`--audit-capture-request-limit` ({size(AUDIT.capture_request_limit)})",
        f"`--audit-capture-response-limit` ({size(AUDIT.capture_response_limit)})",
        f"`--audit-capture-memory-limit` ({size(AUDIT.capture_memory_limit)})",
        f"copies larger than {size(captures.SMALL)}",
        f"`--audit-capture-spill-limit` ({size(AUDIT.capture_spill_limit)})",
        f"waiting events are limited to {size(weight.MAXIMUM_BYTES)}",
        "`?timeout=30s`",
        f"its recording to be finished, at most {supervisor.CLOSING:g} seconds",
        f"recordings are finished, for at most {process.RECORDER_GRACE:g} seconds. Then the session log, its "
        f"webhook, uploads and alerts get {process.SENDING_GRACE:g} seconds",
        f"except its opening, which may take {supervisor.OPENING:g} seconds",
        f"within {webhook_client.ATTEMPT_TIMEOUT:g} seconds of connecting",
        f"with waits of {waits()}",
    ),
    "docs/collecting.md": (
        "`--audit-log-truncate-max-event-size` "
        f"({size(DEFAULTS.audit_log.truncate_max_event_size)},",
        f"kube-apiserver's {size(DEFAULTS.audit_log.truncate_max_event_size)}",
        f"the default of {DEFAULTS.audit_log.maxsize} MB per file",
        f"up to {DEFAULTS.audit_webhook.batch_max_wait // SECOND} seconds late at the defaults",
        f"`--audit-webhook-batch-max-wait={DEFAULTS.audit_webhook.batch_max_wait // SECOND}s`. For",
        f"(event {size(DEFAULTS.audit_webhook.truncate_max_event_size)}, "
        f"batch {size(DEFAULTS.audit_webhook.truncate_max_batch_size)})",
    ),
    "docs/design.md": (
        f"has {size(reading.MOST_A_TURN)} of each turn of the loop",
        f"in pieces of {size(pieces.PIECE)} (`sockets/pieces.py`)",
        f"Beyond {size(abreast.ALONE)} the blocks are given",
        f"gives the core away every {worker.TURN * 1000:g} ms while it reads",
        f"written in groups of {size(lists.GROUP)}",
        f"written {size(appending.STEP)} at a time",
    ),
    "docs/operating.md": (
        f"has not answered for {workers.SILENT:g} s; `/livez` after {workers.LONGEST_SILENCE:g} s",
        f"A worker that has not answered for {workers.LONGEST_SILENCE:g} s while it starts",
        f"after pauses of up to {workers.LONGEST_PAUSE:g} s when it ends soon again",
        f"`--upstream-check-period` ({DEFAULTS.upstream.check_period // SECOND} s)",
        "after 1, 2, 4 ... seconds up to the period",
        f"each with a timeout of {apiclient.DEADLINE:g} seconds",
        f"take longer than {webhookcalls.SLOW // webhookcalls.MILLISECOND} ms and "
        f"{webhookcalls.SLOW_EVENT // webhookcalls.MILLISECOND} ms for each event",
    ),
    "docs/tracing.md": (
        f"beyond {exporting.MAXIMUM_SPANS:,} requests and calls",
        f"a batch within {exporting.EXPORT_TIMEOUT:g} s, retries included",
        f"exports what it has, for {process.SENDING_GRACE:g} s at most",
        "One line a minute",
    ),
    "docs/managed-clusters.md": (
        "`--authentication-token-review-cache-success-ttl`, "
        f"{AUTHENTICATION.token_review_cache_success_ttl // SECOND} seconds by default",
    ),
    "docs/parity.md": (
        f"a YAML request of more than {size(decoded.REQUEST_TEXT)} or {decoded.REQUEST_NODES:,} values",
        f"JSON beyond {size(wiredecoder.OUTPUT_LIMIT)} (in requests {size(objects.SUBMITTED_LIMIT)}",
        f"JSON and YAML nested deeper than {json.DEPTH_LIMIT} levels",
        f"YAML of more than {size(2 * decoded.REQUEST_TEXT)}",
        f"the target's first {size(resolution.LONGEST_REFUSED)}",
        f"selectors of more than {size(selectors.LONGEST_SELECTORS)} together",
        f"heads that are refused: over {size(heads.MAXIMUM_HEAD)}, slower than "
        f"{connection.HEAD_TIMEOUT:g} s",
        f"more than {heads.MAXIMUM_HEADERS} headers",
        f"a 403 whose Status is larger than {size(record.STATUS_LIMIT)}",
        f"targets and header lines over {size(headers.LONGEST_VALUE)}",
        f"answers over {size(keyfetching.LARGEST_ANSWER)}",
        f"every {issuerkeys.SHORTEST_PERIOD:g} to {issuerkeys.LONGEST_PERIOD:g} s",
        f"at most every {issuerkeys.RETRY:g} s",
        f"less than {forwarding.SLOWEST_BODY} bytes a second, after 20 s",
        f"| 32 s | {connection.HEAD_TIMEOUT:g} s |",
        "`--authentication-token-review-cache-failure-ttl` "
        f"({plain(AUTHENTICATION.token_review_cache_failure_ttl)})",
        f"JSON; {ANSWER}",
        f"tokens over {size(MAXIMUM_TOKEN_LENGTH)}, service account keys under "
        f"{publickeys.SMALLEST_RSA} or over {publickeys.LARGEST_RSA} bits",
        f"and in {size(weight.MAXIMUM_BYTES)} of bodies",
        f"a webhook's answer over {ANSWER}",
        f"read to {ANSWER}",
    ),
    "docs/performance.md": (
        f"gives its core away every {worker.TURN * 1000:g} ms while it reads",
        f"lines of 100 MiB written {size(appending.STEP)} at a time",
        f"copies are written to their file {size(captures.BATCH)} at a time, and not 8",
        f"{size(reading.MOST_A_TURN)} of an answer in a turn, and not 256",
        f"at most {memory.MAXIMUM_BLOCKS} blocks of {size(memory.MAXIMUM_BLOCK)}",
    ),
    "docs/reconcile.md": (f"(within {reconciling.APART_BY_CONTENT / 1_000_000:g} seconds)",),
    "docs/reading.md": (f"lines of more than {size(lines.LONGEST)}",),
    "docs/events-schema.md": (
        f"It has {store.MEMORY.replace('MB', ' MB')} of memory",
        f"after `--timeout` ({asking.TIMEOUT / 60:g} minutes)",
        f"events of lines over {size(readable.LONGEST_OBJECT)} have no bodies",
    ),
    "docs/sessions.md": (
        f"as `8h` or `1h30m`, at least `{sessionrules.SHORTEST_LIMIT // SECOND}s`",
        f"tried again after {upload.FIRST_PAUSE:g} s, then 2, 4, up to "
        f"{upload.LONGEST_PAUSE / 60:g} min",
        f"A recording of up to {size(objectstore.IN_ONE_REQUEST)} is one request",
        f"Above {size(places.RATE)}/s of output",
        f"the recorder of all sessions has {size(recorderthread.MOST_FOLLOWED)} to do",
        f"narrower than {screen.COLUMNS} columns, a wrapped row count as {places.CONTROL_COST} bytes",
        f"On a terminal of less than {places.NARROW} columns",
        f"it is longer than {size(reported.TEXT_LIMIT)}",
        f"after {size(keys.PASTE_LIMIT)}, after {keys.PASTE_TIMEOUT:g} seconds without more",
        f"Answers with text count only within {keys.ANSWER_TIMEOUT:g} seconds",
        f"holds at most {size(recording.BUFFER)} of lines",
        f"of {size(linebudget.MOST_BYTES)} and {size(linebudget.MOST_BYTES_RATE)} a second",
        f"{size(running.QUEUE_LIMIT)} a session",
        f"the session ends after {running.HELD_LIMIT:g} s",
        f"| opening a recording | {supervisor.OPENING:g} s |",
        f"the last {size(killedsessions.TAIL)} of the session log's file",
    ),
    "docs/threat-model.md": (f"at most {size(resolution.LONGEST_REFUSED)} of its own bytes",),
    "docs/protobuf.md": (f"more than {size(wiredecoder.OUTPUT_LIMIT)} of JSON",),
    "manifests/README.md": (
        f"`--shutdown-audit-grace-period` ({GRACE})",
        f"recordings up to {process.RECORDER_GRACE:g}s to be finished, and the session log, uploads "
        f"and alerts up to {process.SENDING_GRACE:g}s to be sent",
    ),
}
"""Phrases that the code says too."""

MEASURED: dict[str, tuple[str, ...]] = {
    "docs/reconcile.md": (
        "Two logs of 1,000,000 requests",
        "took 53 s of CPU time",
        "the database has 600 MB",
        "the largest process of this comparison had 690 MiB",
    ),
    "docs/events-schema.md": (
        "`python -m tests.bench.trail --lines 2000000`, 7.8 GB",
        "To save a million lines takes 16.5 s of CPU time, once, and gives 26 MB",
        "took 1.1 s and 140 MiB of memory, with filters 1.5 to 3 s",
        "by four columns 9 s and 700 MiB",
    ),
    "docs/spool.md": (
        "After ten minutes without a receiver at 500 events/s, 298,604 events waited",
        "had all 194 s later",
        "65 MiB of memory at most (`python -m tests.bench.outage`)",
    ),
    "docs/tracing.md": ("some 28 MB of disk", "some 16 MiB more memory"),
    "docs/reports.md": (
        "of a million lines (776 MB)",
        "`access` takes 5.9 s of CPU time, `activity` 7.0 s, `noise` 5.8 s and `deprecated` 2.8 s",
        "`access` and `activity` take 1.3 s of CPU time, `noise` 1.7 s and `deprecated` 0.5 s",
        "in 181 MiB of memory or less",
    ),
    "docs/tamper-evidence.md": (
        "some 4 µs of CPU for a line of 1 KB",
        "and 259 bytes a line",
        "takes 95 µs of CPU in mode `blocking` and 118 with the chain, 110 and 115 in mode",
        "some 78,000 lines of half a kilobyte in a second of CPU",
        "50 MiB of memory for them",
        "adds some 400 bytes",
    ),
    "docs/alerts.md": (
        "costs 2 µs with the shipped rules, one exec 0.4 ms",
        "median 0.78 ms without alerts and 0.79 ms with the shipped rules",
        "(99 of 100 within 1.53 and 1.50 ms)",
        "With 10,000 events a second beside them",
        "0.76 ms (1.85 ms)",
        "0.60 ms (1.72 ms)",
        "0.95 ms (2.89 ms)",
        "is 4 ms at 316 KB and 790 KB for each body, and 8 to 20 ms at 3 MB for each",
    ),
    "README.md": (
        "| 61 MiB, and copies",
        "about 200 MiB in all at most",
        "and 86 KiB for each watch",
        "1.5 times that of HAProxy",
        "2 times without the extra",
    ),
    "docs/design.md": (
        "(1.55 GB), on two shared cores",
        "takes 3.2 s with five narrow columns and 6.4 s with all, msgspec 3.3 s with five members",
        "take 2.4 s together",
        "a process writes its line in 3 µs, 1 µs of it CPU",
        "a line takes 176 µs and 38 µs of CPU of both",
        "it takes 5 µs of CPU",
        "a LIST of 100 MiB that is decoded",
        "with a thread 2.8 to 4.0 s in all and up to 630 ms at once, with a process 0.2 to 0.4 s "
        "and up to 20 ms",
        "costs 25 MiB of memory",
        "at the kernel's next tick, 4 ms later on most machines",
        "held the loop for 120 to 290 ms",
    ),
    "docs/metrics.md": ("a page has some 2 MB at most",),
    "docs/behaviour.md": ("its own 61 MiB", "some 200 MiB", "a LIST of 100 MiB", "takes 25 MiB"),
    "docs/collecting.md": (
        "files of 1 MB",
        "4 of 20 events",
        "90 events",
        "of 100 KB, each once",
        "of 30 KB to 300 KB",
        "of 1.1 MB",
        "of up to 100 KB",
        "at 32 KiB the long ones",
    ),
    "docs/parity.md": ("104,594 of 104,695 events (99.90 %) were equal",),
    "docs/protobuf.md": ("10^6 mutated bodies (30 s)",),
    "docs/performance.md": (
        "eight runs of GET on uvloop had 1.49 to 1.58 and a p99 of 1.09 to 1.69 times",
        "1.44 in the quietest",
        "it was 2.8 on uvloop and 2.5 on asyncio",
        "GET, 32 connections",
        "at its next tick, up to 4 ms later",
        "small requests meanwhile take 1.1 ms, and not 2.1 (p50)",
        "64 KiB of an answer in a turn",
        "yes: a GB takes 1.01 to 1.02 times HAProxy's CPU before",
        "one read of uvloop in a turn, 256 KiB, and not two",
        "slices of 0.1 ms for the process",
        "a lease of 200 bytes",
        "PUT of 512 to 1,535 bytes",
        "a LIST of 100 MiB",
        "2.8 to 4.0 s | 500 to 630 ms",
        "0.2 to 0.4 s | 13 to 20 ms",
        "0.2 to 0.5 s | 120 to 290 ms",
        "0.1 s | 12 to 17 ms",
        "1 KB of JSON",
        "10 KB of protobuf",
        "| 20 MiB with a Content-Length, by the GB |",
        "| 20 MiB in chunks, by the GB |",
        f"decrypted in pieces of {size(pieces.PIECE)}, in chunks",
        "the same in pieces of 32 or 64 KiB",
        "allocations up to 1 MiB from the heap",
        "a watch takes 118 KiB, and not 84",
        f"{size(pieces.PIECE)} of a read, and not one record",
        "CPU of the process at 32 connections",
        "took 1.08 times the CPU of this one for a new connection",
        "15 KiB of OpenSSL each",
        "22 KiB of Python objects",
        "GET at Metadata, 32 connections",
        "| `blocking` | 1 | 0.13 ms |",
        "| `durable` | 1.84, once more 1.70 | 0.55 ms |",
        "32 requests share a sync",
        "5,608 | 5,532 | 50 | 0.14 ms",
        "9,510 | 9,446 | 112 | 0.29 ms",
        "8,323 | 8,223 | 83 | 0.20 ms",
        "4,683 | 4,597 | 90 | 1.82 ms",
        "9,792 | 6,756 | 105 | 0.14 ms",
        "2,597 | 2,553 | 232 | 2.28 ms",
        "10,233 | 9,079 | 107 | 0.14 ms",
        "3,919 | 3,909 | 300 | 1.10 ms",
    ),
    "docs/sessions.md": (
        "at most 64 KiB of lines, and 2 KB at rest",
        "of 64 KiB at most, is written, that takes some 250 KiB, and 1 MiB where",
        "costs some 1.2 KiB for each second",
        "| 1.38 times, 148 µs instead of 108 | 1.55 times, 105 µs instead of 68 |",
        "| 1.03 of it, 34 MiB/s, 100 % | 0.99 of it, 33 MiB/s, 99 % |",
        "| 1.02 of it, 33 MiB/s | 0.98 of it, 33 MiB/s |",
        "| 17 KiB | 17 KiB |",
        "| 143 KiB | 148 KiB |",
        "| 0.69 of it, 46 % | 0.81 of it, 7 % |",
        "| 0.51 of it, 252 MiB/s | 0.39 of it, 270 MiB/s |",
        "| 0.66 of it, 54 % | 0.75 of it, 8 % |",
        "| 0.48 of it, 192 MiB/s | 0.28 of it, 227 MiB/s |",
        "cat FILE` of 32 MiB, with",
        "by up to 15 % where all is recorded",
        "terminal gives 4 KiB at a time",
        "`cat` comes at some 30 MiB/s",
        "48 MiB in messages of 32 KiB",
        "takes 2.7 ms of the recorder and 0.35 ms of",
        "some hundred calls for each 64 KiB. These first four are 2.3 ms in C",
        "its client and its upstream take 2 ms together",
        "pieces of 96 or 128 KiB instead of 64",
        "It takes 18 MiB",
        "Together that is 7 % of the recorder's time",
        "quoting into one buffer (1 %)",
        "longer reads of the event loop (1 %)",
        "it was 1.3 times as fast as the thread",
        "take 218 to 259 KiB each",
        "at most 160 KiB of memory",
    ),
    "docs/threat-model.md": (
        "1 000 448 requests",
        "(822 s in two processes)",
        "seed 22, 372,310 requests",
        "seed 23, 83,601 requests",
        "1,000 kills (seeds 24 and 28 to 36, a hundred rounds each)",
        "300 losses of power (seeds 25 and 37 to 39)",
        "600 kills (seeds 26 and 41, 452,392 requests)",
    ),
}
"""Results of a command that stands beside them."""

THEIRS: dict[str, tuple[str, ...]] = {
    "docs/collecting.md": (
        "about 1 KB;",
        "some 1.5 MB, etcd's limit",
        "rarely over 256 KiB",
        "Fluent Bit (32 KB) and rsyslog (8 KiB)",
        "Vector's (100 KB)",
        "`message_max_bytes` 10 MiB",
        "`max_line_size` is 256 KB",
        "log-msg-size(64KiB)",
        "| 16 KiB |",
        "event 256 KiB, POST 12 MiB",
        "So at 256 KiB",
        "At 1 MiB only Filebeat",
        "8 KiB default cuts",
        "once it has 1024 bytes",
        "`max_line_size` (256 KB)",
        "(10000 in 30 s)",
    ),
    "docs/dependencies.md": ("HTTP/1.1 requests", "grpcio, some 19 MB"),
    "docs/managed-clusters.md": ("15 minutes",),
    "docs/parity.md": ("accepted up to 1 MiB in all",),
    "docs/protobuf.md": ("integer of 64 bits, of 32 bits",),
    "docs/sessions.md": ("read only up to the last 64 KiB",),
    "docs/reading.md": ("lines over 16 KiB",),
    "docs/reconcile.md": ("(AKS: over 16 KiB)",),
    "manifests/README.md": ("30 days before the end", "lines at 16 KiB", "10 MiB times 5"),
    "manifests/overlays/aks/README.md": ("idle timeout of 30 minutes", "over 16 KiB"),
    "manifests/overlays/eks/README.md": (
        "valid for 15 minutes",
        "holds 1 MiB at most",
        "1 to 2 KB: a million requests are 1 to 2 GB",
    ),
    "manifests/overlays/gke/README.md": ("holds 256 KiB at most",),
}
"""Limits and habits of other programs and of formats."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "docs/alerts.md": ("the tenth different path within 5 minutes",),
    "README.md": ("a token valid for 24 hours",),
    "docs/collecting.md": ("`--audit-webhook-batch-max-wait=1s`",),
    "docs/spool.md": (
        "1.5 KB per event at 500 events/s fill 1 GiB in 24 minutes and 10 GiB in 4 hours",
    ),
    "docs/runbook.md": (
        "No checkpoint for 20 minutes, and no fault",
        "a checkpoint interval of more than 15 minutes, make",
        "has taken 42 s so far",
        "alert's 0.1 requests/s",
        "at 100 % they are dropped",
    ),
    # tests/test_manifests.py adds these up.
    "manifests/overlays/eks/README.md": (
        "60 s of `--shutdown-delay-duration`",
        "256 MiB of memory",
    ),
}
"""Values of the manifests."""


def prose(path: Path) -> str:
    """A document without its code blocks, each run of white space one blank."""
    text = re.sub(r"```.*?```|<!--.*?-->", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\s+", " ", text)


def phrases_of(name: str) -> tuple[str, ...]:
    """Every phrase that accounts for numbers of one document."""
    return tuple(
        phrase for table in (OURS, MEASURED, THEIRS, EXAMPLES) for phrase in table.get(name, ())
    )


CHECKED = [path for path in DOCUMENTS if str(path.relative_to(ROOT)) not in ELSEWHERE]


@pytest.mark.parametrize("path", CHECKED, ids=lambda path: str(path.relative_to(ROOT)))
def test_phrases_stand_there(path: Path) -> None:
    """A document says what the code says, and no phrase outlives its sentence."""
    text = prose(path)
    for phrase in phrases_of(str(path.relative_to(ROOT))):
        assert phrase in text


@pytest.mark.parametrize("path", CHECKED, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_number_is_accounted_for(path: Path) -> None:
    """Each number with a unit lies in a phrase of the tables above."""
    text = prose(path)
    covered = [
        match.span()
        for phrase in phrases_of(str(path.relative_to(ROOT)))
        for match in re.finditer(re.escape(phrase), text)
    ]
    for number in NUMBER.finditer(text):
        start, end = number.span()
        assert any(first <= start and end <= last for first, last in covered), (
            f"whose number is this? ...{text[max(0, start - 60) : end + 20]}..."
        )


def test_tables_name_documents() -> None:
    """Every document of the tables is there."""
    names = {str(path.relative_to(ROOT)) for path in CHECKED}
    for table in (OURS, MEASURED, THEIRS, EXAMPLES):
        assert set(table) <= names
