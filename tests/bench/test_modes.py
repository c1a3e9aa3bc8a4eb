"""The bench of backends: its flags are real ones, and its table says what was measured."""

from pathlib import Path

import pytest

from auditproxy.flags.pflag import parse
from auditproxy.flags.serve import FLAGS, options_from
from auditproxy.options import validate
from tests.bench.figures import Figures
from tests.bench.modes import COLUMNS, MODES, REFERENCE, WHOLE, Mode, chosen, table
from tests.bench.sinks import events_of


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_flags(mode: Mode, tmp_path: Path) -> None:
    """``serve`` takes the flags of each mode."""
    words = [flag.format(folder=tmp_path) for flag in mode.flags]
    if mode.plugin == "nats":
        words.append("--audit-nats-servers=nats://127.0.0.1:1")
    parsed = parse(words, FLAGS)
    assert parsed.faults == ()
    assert [fault for fault in validate(options_from(parsed.values)) if "audit" in fault] == []


def test_chosen() -> None:
    """All modes, or those that are named; a name that is none is refused."""
    assert chosen("") == MODES
    assert [mode.name for mode in chosen("log durable,spool batch")] == [
        "log durable",
        "spool batch",
    ]
    with pytest.raises(SystemExit, match="kafka: the modes are"):
        chosen("log durable,kafka")


def figures(base: float) -> Figures:
    """All figures of a round; the whole p50 is ``base``."""
    return {**dict.fromkeys(COLUMNS, 2 * base), WHOLE: base}


def test_table() -> None:
    """Medians of rounds, and ratios within a round."""
    found = {
        REFERENCE: [figures(1.0), figures(10.0), figures(2.0)],
        "log durable": [figures(1.5), figures(20.0), figures(4.0)],
        "nats batch": [],
    }
    head, rule, *rows = table(found)
    assert head.count("|") == rule.count("|")
    assert rows == [
        f"| {REFERENCE} | {' | '.join(['4.00'] * len(COLUMNS))} | 1.00 |",
        f"| log durable | {' | '.join(['8.00'] * len(COLUMNS))} | 2.00 |",
    ]
    assert table({"log durable": found["log durable"]})[-1].endswith("| 8.00 |  |")


def test_events() -> None:
    """What a backend has written and has dropped, whatever for; others do not count."""
    found = {
        "auditproxy_audit_events_generated_total": 9.0,
        'auditproxy_audit_events_written_total{plugin="nats"}': 5.0,
        'auditproxy_audit_events_written_total{plugin="log"}': 9.0,
        'auditproxy_audit_events_dropped_total{plugin="nats",reason="a"}': 1.0,
        'auditproxy_audit_events_dropped_total{plugin="nats",reason="b"}': 3.0,
    }
    assert events_of(found, "nats") == (9.0, 5.0, 4.0)
    assert events_of(found, "webhook") == (9.0, 0.0, 0.0)
