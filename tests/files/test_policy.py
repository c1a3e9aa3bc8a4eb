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


def test_misspelt_fields(tmp_path: Path) -> None:
    """C3: kube-apiserver's lenient fallback; what no policy has is remarked with the file."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.replace("level", "bogus: 1, level"))
    remarks = Remarks()
    assert len(read_policy(options(audit_policy_file=str(path)), remarks).rules) == 1
    (text,) = remarks.misspelt
    assert text.startswith(f"--audit-policy-file {path}: ")
    assert "bogus" in text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "failed to read file path"),
        ("apiVersion: audit.k8s.io/v1\nkind: Policy\n", "loaded illegal policy with 0 rules"),
    ],
)
def test_faults(tmp_path: Path, content: str | None, says: str) -> None:
    """kube-apiserver's words around each reason."""
    path = tmp_path / "policy.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Unusable, match=f"^loading audit policy file: .*{says}"):
        read_policy(options(audit_policy_file=str(path)), Remarks())


def test_strict() -> None:
    """A mode counts only for a backend that is in use."""
    assert not is_strict(options())
    assert is_strict(options(audit_log_mode="blocking-strict"))
    webhook = {"audit_webhook_mode": "blocking-strict"}
    assert not is_strict(options(**webhook))
    assert is_strict(options(**webhook, audit_webhook_config_file="x"))
