"""Bodies with credentials: named, by a catch-all, and behind rules that take them away."""

import pytest

from auditproxy.audit.policy.lint.credentials import credential_bodies
from tests.fakes.policies import policy_of, resources

ALL = "secrets, serviceaccounts/token and tokenreviews"
CERTIFICATES = "certificates.k8s.io"


def found(*rules: str) -> list[tuple[str, str, str]]:
    """Severity, rule, and the resources that are named."""
    return [
        (f.severity, f.path, f.problem.partition("bodies of ")[2].partition(", with their")[0]
         .partition(", in which")[0])
        for f in credential_bodies(policy_of(*rules).rules)
        if f.check == "credential-bodies"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "errors", "warnings"),
    [
        ("level: RequestResponse", ALL, "configmaps and certificatesigningrequests"),
        ("level: Request", "secrets and tokenreviews", "configmaps and certificatesigningrequests"),
        ("level: Request, verbs: [get, list]", "", ""),
        ("level: RequestResponse, verbs: [watch]", "", ""),
        ("level: RequestResponse, " + resources("secrets"), "secrets", ""),
        ("level: RequestResponse, " + resources("*/token"), "serviceaccounts/token", ""),
        ("level: Request, " + resources("serviceaccounts/*"), "", ""),
        ("level: Request, " + resources("*", group=CERTIFICATES), "",
         "certificatesigningrequests"),
        ("level: RequestResponse, nonResourceURLs: ['*']", "", ""),
        ("level: Metadata", "", ""),
    ],
)  # fmt: skip
def test_one_rule(rule: str, errors: str, warnings: str) -> None:
    """What a level records of which verbs."""
    wanted = [("error", "rules[0]", errors)] if errors else []
    wanted += [("warning", "rules[0]", warnings)] if warnings else []
    assert found(rule) == wanted


METADATA = (
    resources("secrets", "configmaps", "serviceaccounts/token"),
    resources("tokenreviews", group="authentication.k8s.io"),
    resources("certificatesigningrequests", group=CERTIFICATES),
)


def test_taken_away() -> None:
    """A rule before it, and one that leaves a part: other users, or other verbs."""
    assert found(*METADATA, "level: RequestResponse") == []
    assert found("users: [a], " + METADATA[0], *METADATA[1:], "level: RequestResponse") == [
        ("error", "rules[3]", "secrets and serviceaccounts/token"),
        ("warning", "rules[3]", "configmaps"),
    ]
    assert found("verbs: [get, list], " + METADATA[0], "level: RequestResponse, verbs: [get, list]"
                 ) == [("warning", "rules[1]", "certificatesigningrequests")]  # fmt: skip


def test_custom_resources() -> None:
    """A note where they are recorded with those of Kubernetes, by a catch-all."""
    for rule, count in (
        ("level: Request", 1),
        ("level: Request, " + resources("*", group="*"), 1),
        ("level: Request, verbs: [get]", 0),
        ("level: Request, " + resources("*"), 0),
    ):
        notes = [f for f in credential_bodies(policy_of(rule).rules) if f.severity == "note"]
        assert [finding.check for finding in notes] == ["custom-resources"] * count


def test_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes too many combinations."""
    rules = policy_of("", "level: RequestResponse").rules
    monkeypatch.setattr("auditproxy.audit.policy.lint.credentials.MOST_WORK", 0)
    assert list(credential_bodies(rules)) == []
