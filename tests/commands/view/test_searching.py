"""The filters of an address as SQL."""

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.view.searching import FILTERS, filter_of

NOW = 1_795_428_000_000_000_000


def test_nothing_means_all() -> None:
    """And parameters that are no filters mean nothing."""
    found = filter_of({"key": "x", "user": "", "text": "  "}, NOW)
    assert (found.clause, found.parameters, found.since) == ("true", (), None)


def test_all_of_them() -> None:
    """Each filter is a clause, and what it looks for is a parameter."""
    given = dict.fromkeys(FILTERS, "value'")
    given |= {"kind": "human", "code": "4xx", "outcome": "failed,open"}
    given |= {"since": "2026-11-23T10:00:00.5Z", "until": "2026-11-24", "where": "seconds > 1 -- x"}
    found = filter_of(given, NOW)
    assert found.clause.count("value'") == 0
    assert found.clause.endswith("AND (\nseconds > 1 -- x\n)")
    assert found.expression == "seconds > 1 -- x"
    assert found.clause.count("?") == len(found.parameters)
    assert found.since == 1_795_428_000_500_000
    assert found.until == 1_795_564_800_000_000


def test_faults_together() -> None:
    """What is wrong with each, at once."""
    with pytest.raises(Unusable) as caught:
        filter_of({"code": "x", "kind": "dog", "since": "soon", "outcome": "fine"}, NOW)
    assert [fault.split()[0] for fault in caught.value.faults] == [
        "code",
        "kind",
        "outcome",
        "since",
    ]
    with pytest.raises(Unusable, match="since is not before until"):
        filter_of({"since": "1h", "until": "2h"}, NOW)
