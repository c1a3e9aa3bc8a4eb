"""One page of metrics of several processes."""

from prometheus_client.parser import text_string_to_metric_families

from auditproxy.health.workerpages import one_page

OWN = b"""\
# HELP auditproxy_workers How many.
# TYPE auditproxy_workers gauge
auditproxy_workers 2.0
# HELP process_open_fds Open.
# TYPE process_open_fds gauge
process_open_fds 7.0
"""
WORKER = b"""\
# HELP process_open_fds Open.
# TYPE process_open_fds gauge
process_open_fds %d.0
# HELP asked_total Asked.
# TYPE asked_total counter
asked_total{verb="get {x} y"} %d.0
# HELP took_seconds Took.
# TYPE took_seconds histogram
took_seconds_bucket{le="1.0"} 1.0
took_seconds_sum{} 0.5
"""


def test_one_page() -> None:
    """Families are there once, each with the samples of all; those of a worker have its number."""
    page = one_page(OWN, {2: WORKER % (9, 4), 1: WORKER % (8, 3)})
    assert page.count(b"# TYPE process_open_fds gauge") == 1
    samples = [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    ]
    of_both = [
        ("asked_total", {"worker": "1", "verb": "get {x} y"}, 3.0),
        ("asked_total", {"worker": "2", "verb": "get {x} y"}, 4.0),
        ("took_seconds_bucket", {"worker": "1", "le": "1.0"}, 1.0),
        ("took_seconds_sum", {"worker": "1"}, 0.5),
        ("took_seconds_bucket", {"worker": "2", "le": "1.0"}, 1.0),
        ("took_seconds_sum", {"worker": "2"}, 0.5),
    ]
    assert samples == [
        ("auditproxy_workers", {}, 2.0),
        ("process_open_fds", {}, 7.0),
        ("process_open_fds", {"worker": "1"}, 8.0),
        ("process_open_fds", {"worker": "2"}, 9.0),
        *of_both,
    ]


def test_a_worker_that_did_not_answer() -> None:
    """Its series are missing, and nothing else."""
    assert one_page(OWN, {1: b""}) == OWN
