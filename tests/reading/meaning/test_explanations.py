"""What annotations mean."""

import re
from pathlib import Path

import pytest

from auditproxy.audit.chain.anchoring import CHECKPOINT
from auditproxy.audit.chain.links import CHAIN, DIGEST, PREVIOUS
from auditproxy.reading.meaning.explanations import explanation

SOURCE = Path(__file__).parents[3] / "auditproxy"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("authorization.k8s.io/decision", "what the authorizer decided"),
        ("patch.webhook.admission.k8s.io/round_0_index_1", "what a mutating webhook changed"),
        ("apiserver.latency.k8s.io/etcd", "time that this part of a slow request took"),
        ("auditproxy.io/new", "see docs/behaviour.md"),
        (CHAIN, "the line's place in the hash chain; see docs/tamper-evidence.md"),
        (PREVIOUS, "the line's place in the hash chain; see docs/tamper-evidence.md"),
        (DIGEST, "the line's place in the hash chain; see docs/tamper-evidence.md"),
        (CHECKPOINT, "a signed checkpoint; see docs/tamper-evidence.md"),
        ("example.com/mine", ""),
    ],
)
def test_explanations(key: str, text: str) -> None:
    """Exact ones, and those whose names have a part of their own."""
    assert explanation(key) == text


def test_ours_are_known() -> None:
    """Each annotation that a proxy writes has an explanation."""
    ours = {
        name
        for path in SOURCE.rglob("*.py")
        for name in re.findall(r'"(auditproxy\.io/[a-z-]+)"', path.read_text(encoding="utf-8"))
    }
    assert ours
    assert all(map(explanation, ours))
