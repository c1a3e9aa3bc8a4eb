"""The policy: the operator's or the built-in one."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.files.policy import is_strict, read_policy
from auditproxy.files.trustedfile import Remarks
from tests.fakes.options import options

POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"


def test_built_in() -> None:
    """Without a file the built-in policy is taken, and that is noted."""
    remarks = Remarks()
    assert read_policy(options(), remarks).rules
    (note,) = remarks.notes
    assert note.startswith("no --audit-policy-file: the built-in policy")


def test_built_in_for_nobody(tmp_path: Path) -> None:
    """Where each backend has a policy of its own, the built-in one is not named."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    log = {"audit_log_path": "/a.log", "audit_log_policy_file": str(path)}
    for others, count in (({}, 0), ({"audit_webhook_config_file": "/w"}, 1)):
        remarks = Remarks()
        assert read_policy(options(**log, **others), remarks).rules
        assert len(remarks.notes) == count


def test_misspelt_fields(tmp_path: Path) -> None:
    """C3: kube-apiserver's lenient fallback; what no policy has is remarked with the file."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.replace("level", "bogus: 1, level"))
    remarks = Remarks()
    assert len(read_policy(options(audit_policy_file=str(path)), remarks).rules) == 1
    (text,) = remarks.misspelt
    assert text.startswith(f"--audit-policy-file {path}: ")
    assert "bogus" in text


HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
LEVELS = '"None", "Metadata", "Request", "RequestResponse"'


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        (None, ["cannot be read: No such file or directory; correct the path"]),
        (HEAD, [": loaded illegal policy with 0 rules; add one, such as - level: Metadata"]),
        (
            HEAD + "rulez: [{level: None}]\n",
            [
                ": loaded illegal policy with 0 rules; add one, such as - level: Metadata",
                ': strict decoding error: unknown field "rulez" (did you mean rules?)',
            ],
        ),
        (
            HEAD + "rules: [{level: Metdata, verbz: []}, {resource: []}]\n",
            [
                f': rules[0].level: Unsupported value: "Metdata": supported values: {LEVELS}',
                ": rules[1].level: Required value",
                ': strict decoding error: unknown field "rules[0].verbz" (did you mean verbs?), '
                'unknown field "rules[1].resource" (did you mean resources?)',
            ],
        ),
        (
            HEAD + "rules: [{level: 1, verbs: get, userz: 1}]\n",
            [
                ": failed decoding: rules[0].level: must be text, is a number",
                ": failed decoding: rules[0].verbs: must be a list, is text",
                ': strict decoding error: unknown field "rules[0].userz" (did you mean users?)',
            ],
        ),
    ],
)
def test_faults(tmp_path: Path, content: str | None, faults: list[str]) -> None:
    """All that is wrong at once, a line for each in kube-apiserver's words, flag and file first."""
    path = tmp_path / "policy.yaml"
    if content is not None:
        path.write_text(content)
    remarks = Remarks()
    with pytest.raises(Unusable) as caught:
        read_policy(options(audit_policy_file=str(path)), remarks)
    assert [fault.removeprefix(f"--audit-policy-file {path}").lstrip(" ")
            for fault in caught.value.faults] == faults  # fmt: skip
    assert all(fault.startswith(f"--audit-policy-file {path}") for fault in caught.value.faults)
    assert not remarks.misspelt


def test_strict() -> None:
    """A mode counts only for a backend that is in use."""
    assert not is_strict(options())
    assert is_strict(options(audit_log_mode="blocking-strict"))
    assert is_strict(options(audit_log_mode="durable"))
    webhook = {"audit_webhook_mode": "blocking-strict"}
    assert not is_strict(options(**webhook))
    assert is_strict(options(**webhook, audit_webhook_config_file="x"))
