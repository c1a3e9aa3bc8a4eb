"""A finding's line and its rule."""

from auditproxy.audit.policy.findings import Finding, Severity, texts


def finding(path: str, fix: str = "fix it") -> Finding:
    """A finding at a place."""
    return Finding(check="c", severity=Severity.NOTE, path=path, problem="is odd", fix=fix)


def test_text() -> None:
    """Place, problem and fix; the policy as a whole has no place."""
    assert texts((finding("rules[12].verbs"), finding(""), finding("x", ""))) == (
        "rules[12].verbs is odd; fix it",
        "is odd; fix it",
        "x is odd",
    )


def test_rule() -> None:
    """The first that the path names."""
    paths = ("rules[12].verbs", "rules[1] to rules[3]", "omitStages", "")
    assert [finding(path).rule for path in paths] == [12, 1, None, None]
