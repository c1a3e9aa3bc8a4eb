"""Alert rules and destinations from files, with what they name."""

import sys
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.files.alerts import (
    builtin_rules_text,
    read_rules,
    read_targets,
)
from tests.fakes.alertrules import EXEC_RULE, HEAD
from tests.fakes.certificates import write_localhost_certificate

DESTINATIONS = "apiVersion: auditproxy.io/v1alpha1\nkind: AlertDestinations\ndestinations:\n"


def write(folder: Path, text: str) -> str:
    """A file of destinations."""
    path = folder / "destinations.yaml"
    path.write_text(DESTINATIONS + text)
    return str(path)


def test_rules(tmp_path: Path) -> None:
    """A file, and those that are shipped."""
    path = tmp_path / "rules.yaml"
    path.write_text(HEAD + EXEC_RULE)
    assert [rule.name for rule in read_rules(str(path)).rules] == ["Exec"]
    assert len(read_rules("builtin").rules) > 40
    assert builtin_rules_text().startswith(b"# The alert rules")


def test_rules_faults(tmp_path: Path) -> None:
    """Each is behind the flag and the path."""
    path = tmp_path / "rules.yaml"
    path.write_text(HEAD)
    with pytest.raises(Unusable) as caught:
        read_rules(str(path))
    assert caught.value.faults == (f"--alert-rules-file {path}: rules: must have a rule",)
    with pytest.raises(Unusable) as caught:
        read_rules("buildin")
    assert caught.value.faults == (
        "--alert-rules-file buildin does not exist; did you mean builtin?",
    )
    with pytest.raises(Unusable, match="cannot be read: No such file"):
        read_rules(str(tmp_path / "other"))


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what to install, however many rules have a condition."""
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    with pytest.raises(Unusable) as caught:
        read_rules("builtin")
    assert caught.value.faults == (
        "--alert-rules-file=builtin: expressions need the extra cel, which is not installed; run "
        "pip install '.[cel]' in the folder of auditproxy's sources, or name it in the image's "
        "Dockerfile",
    )


async def test_targets(tmp_path: Path) -> None:
    """Files are relative to the folder; secrets are not shown."""
    ca, certificate, key = write_localhost_certificate(tmp_path)
    (tmp_path / "password").write_text("hunter2\n")
    (tmp_path / "token").write_text("t0ken")
    (tmp_path / "url").write_text("https://hooks.example/services/SECRET\n")
    targets = read_targets(
        write(
            tmp_path,
            f"""
- name: am
  alertmanager:
    urls: ["https://a:9093/x/", "http://b"]
    caFile: {ca.name}
    certFile: {certificate.name}
    keyFile: {key.name}
    basicAuth: {{username: u, passwordFile: password}}
- {{name: hook, webhook: {{urlFile: url, bearerTokenFile: token}}}}
- {{name: err, standardError: {{}}}}
""",
        )
    )
    manager, hook, error = targets.targets
    assert [server.url for server in manager.servers] == [
        "https://a:9093/x/api/v2/alerts",
        "http://b/api/v2/alerts",
    ]
    assert [server.ssl_context is not None for server in manager.servers] == [True, False]
    assert await manager.servers[0].credential.authorization() == b"Basic dTpodW50ZXIy"
    assert await hook.servers[0].credential.authorization() == b"Bearer t0ken"
    assert error.servers == ()
    assert {Path(name).name for name in targets.files} == {
        "destinations.yaml",
        ca.name,
        certificate.name,
        key.name,
        "password",
        "token",
        "url",
    }
    shown = repr(targets)
    assert not any(secret in shown for secret in ("hunter2", "t0ken", "SECRET"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- {name: s, slack: {urlFile: missing}}", "urlFile"),
        ("- {name: s, slack: {urlFile: bad}}", "urlFile bad: the URL must be an http"),
        ("- {name: s, slack: {urlFile: empty}}", "urlFile empty must hold one line"),
        ("- {name: s, slack: {urlFile: url, caFile: bad}}", "caFile bad holds no PEM certificate"),
        (
            "- {name: s, webhook: {urlFile: url, certFile: bad, keyFile: bad}}",
            "certFile and keyFile are not a PEM pair",
        ),
    ],
)
def test_targets_faults(tmp_path: Path, text: str, fault: str) -> None:
    """Each names the destination and the file, and quotes no content."""
    (tmp_path / "url").write_text("https://hooks.example/services/SECRET\n")
    (tmp_path / "bad").write_text("SECRET")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(Unusable) as caught:
        read_targets(write(tmp_path, text))
    (found,) = caught.value.faults
    assert "destination s" in found
    assert fault in found
    assert "SECRET" not in found


def test_targets_faults_come_together(tmp_path: Path) -> None:
    """A file that is missing is reported beside what is wrong with the text, each once."""
    path = write(
        tmp_path,
        "- {name: s, minimumSeverity: x, slack: {urlFile: no-url, caFile: no-ca}}\n"
        "- {name: a, alertmanager: {urls: [am], bearerTokenFile: no-token}}\n",
    )
    with pytest.raises(Unusable) as caught:
        read_targets(path)
    flag = f"--alert-destinations-file {path}: "
    none = "cannot be read: No such file or directory; correct the path"
    assert caught.value.faults == (
        flag + "destinations[0].minimumSeverity: must be one of info, low, medium, high, "
        'critical; is "x"',
        flag + "destinations[1].alertmanager.urls[0]: must be an http or https URL with a host",
        flag + f"destination s: urlFile {tmp_path}/no-url {none}",
        flag + f"destination s: caFile {tmp_path}/no-ca {none}",
        flag + f"destination a: bearerTokenFile {tmp_path}/no-token {none}",
    )
