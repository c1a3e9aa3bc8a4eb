"""The configuration file: the same settings as the flags, and every fault with its line."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.flags.configfile import MAXIMUM_SIZE, load_configuration, parse_configuration
from auditproxy.flags.pflag import BOOL, BYTES, FLOAT, INT, LIST
from auditproxy.flags.serve import options_from
from auditproxy.flags.settings import SETTINGS
from auditproxy.options import Options

HEADER = "apiVersion: auditproxy.io/v1alpha1\nkind: ProxyConfiguration\n"
PATH = "/etc/auditproxy/proxy.yaml"


def faults(text: str) -> list[str]:
    """The faults of a file with a sound header, without the path; lines count from the header."""
    found = parse_configuration(HEADER + text, PATH).faults
    assert all(fault.startswith(PATH) for fault in found)
    return [fault.removeprefix(PATH + ":") for fault in found]


def test_values_by_flag_name() -> None:
    """Keys are flags in camelCase, groups are those of help."""
    read = parse_configuration(
        HEADER
        + """\
serving:
  bindAddress: 127.0.0.1
  securePort: 8443
  requestTimeout: 1m30s
upstream:
  context: prod
authentication:
  anonymousAuth: false
audit:
  auditLogMode: blocking-strict
  auditCaptureRequestLimit: 1MiB
  auditCaptureResponseLimit: 4096
health:
  healthBindAddress: ""
logging:
  v: 2
""",
        PATH,
    )
    assert read.faults == ()
    assert read.values == {
        "bind-address": "127.0.0.1",
        "secure-port": 8443,
        "request-timeout": 90_000_000_000,
        "context": "prod",
        "anonymous-auth": False,
        "audit-log-mode": "blocking-strict",
        "audit-capture-request-limit": 1 << 20,
        "audit-capture-response-limit": 4096,
        "health-bind-address": "",
        "v": 2,
    }


def test_every_setting_can_be_written() -> None:
    """A file with every default gives the default options."""
    document: dict[str, Any] = {
        "apiVersion": "auditproxy.io/v1alpha1",
        "kind": "ProxyConfiguration",
    }
    for setting in SETTINGS:
        if setting.flag.kind is LIST:
            document.setdefault(setting.section, {})[setting.key] = list(setting.flag.default)
            continue
        plain = setting.flag.kind in (BOOL, INT, BYTES, FLOAT)
        value = setting.flag.default if plain else setting.flag.shown_default.strip('"')
        value = list(setting.flag.default) if setting.flag.kind is LIST else value
        document.setdefault(setting.section, {})[setting.key] = value
    read = parse_configuration(yaml.safe_dump(document), PATH)
    assert read.faults == ()
    assert len(read.values) == len(SETTINGS)
    made = {"cert-dir": Options().serving.cert_dir}
    assert options_from({**read.values, **made}) == Options()


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("policy.yaml", "/etc/auditproxy/policy.yaml"),
        ("../policy.yaml", "/etc/auditproxy/../policy.yaml"),
        ("/policy.yaml", "/policy.yaml"),
        ("", ""),
    ],
)
def test_paths_are_relative_to_the_file(written: str, path: str) -> None:
    """As in a KubeletConfiguration."""
    read = parse_configuration(HEADER + f"audit:\n  auditPolicyFile: '{written}'\n", PATH)
    assert (read.values, read.faults) == ({"audit-policy-file": path}, ())


def test_standard_output_is_no_path() -> None:
    """``-`` stays what it is."""
    read = parse_configuration(HEADER + 'audit:\n  auditLogPath: "-"\n', PATH)
    assert read.values == {"audit-log-path": "-"}


FAULTS = [
    (
        "audit:\n  auditLogPth: x\n",
        "4: audit.auditLogPth: unknown field; did you mean auditLogPath?",
    ),
    (
        "authentication:\n  clientCAFile: x\n",
        "4: authentication.clientCAFile: unknown field; did you mean clientCaFile?",
    ),
    (
        "serving:\n  auditLogPath: x\n",
        "4: serving.auditLogPath: unknown field; it belongs under audit",
    ),
    ("auditLogPath: x\n", "3: auditLogPath: unknown field; it belongs under audit"),
    ("audt: {}\n", "3: audt: unknown field; did you mean audit?"),
    (
        "health:\n  zzz: 1\n",
        "4: health.zzz: unknown field; remove it, or write one of healthBindAddress",
    ),
    (
        "audit:\n  auditWebhookMod: batch\n",
        "4: audit.auditWebhookMod: unknown field; did you mean auditWebhookMode?",
    ),
    (
        "audit:\n  auditLogPath: a\n  auditLogPath: b\n",
        "5: audit.auditLogPath: repeats line 4; remove one of them",
    ),
    ("audit: {}\naudit: {}\n", "4: audit: repeats line 3; remove one of them"),
    ("kind: ProxyConfiguration\n", "3: kind: repeats line 2; remove one of them"),
    (
        'serving:\n  securePort: "6443"\n',
        '4: serving.securePort: "6443" (text) is not a whole number; '
        "write one without quotes, such as 6443",
    ),
    (
        "serving:\n  securePort: 0o17\n",
        '4: serving.securePort: "0o17" (text) is not a whole number; '
        "write one without quotes, such as 6443",
    ),
    (
        "serving:\n  securePort: 017\n",
        '4: serving.securePort: "017" (a number) is not a whole number; '
        "write one without quotes, such as 6443",
    ),
    (
        "serving:\n  securePort: 1.5\n",
        '4: serving.securePort: "1.5" (a number with a fraction) is not a whole number; '
        "write one without quotes, such as 6443",
    ),
    (
        "serving:\n  requestTimeout: 60\n",
        '4: serving.requestTimeout: "60" (a number) is not text; write it in quotes',
    ),
    (
        'serving:\n  requestTimeout: "60"\n',
        '4: serving.requestTimeout: "60" is not a duration; give a number with its unit, such as 300ms, 1m30s or 1h',
    ),
    (
        "serving:\n  bindAddress: localhost\n",
        '4: serving.bindAddress: "localhost" is not an IP address; give one such as 127.0.0.1 or ::',
    ),
    (
        "authentication:\n  anonymousAuth: 'false'\n",
        '4: authentication.anonymousAuth: "false" (text) is not a boolean; write true or false',
    ),
    (
        "audit:\n  auditLogPath:\n",
        "4: audit.auditLogPath: nothing is not text; write it in quotes",
    ),
    (
        "audit:\n  auditLogPath: [a]\n",
        "4: audit.auditLogPath: a list is not text; write one value in quotes",
    ),
    (
        "audit:\n  auditLogPath: {a: b}\n",
        "4: audit.auditLogPath: a mapping is not text; write one value in quotes",
    ),
    (
        "audit:\n  auditPolicyFile: ~/policy.yaml\n",
        "4: audit.auditPolicyFile: ~ is not replaced in this file; write the whole path",
    ),
    (
        "audit:\n  auditCaptureRequestLimit: 3MB\n",
        '4: audit.auditCaptureRequestLimit: "3MB" is not a number of bytes; give one such as 4096 or 8MiB',
    ),
    ("audit: yes\n", '3: audit: "yes" (true or false) is not a mapping; write key: value below it'),
    ("audit: []\n", "3: audit: a list is not a mapping; write key: value below it"),
    ("audit:\n  ? [a]\n  : b\n", "4: audit: a key must be text; remove it"),
    ("audit:\n  <<: {auditLogPath: x}\n", None),
]


@pytest.mark.parametrize(("text", "fault"), FAULTS)
def test_faults(text: str, fault: str | None) -> None:
    """Each names the line, the path and the fix, and is found alone."""
    found = faults(text)
    assert len(found) == 1
    assert fault is None or found == [fault]


def test_every_fault_at_once() -> None:
    """In the order of the lines; what is sound is still read."""
    read = parse_configuration(
        "apiVersion: v1\nserving:\n  securePort: x\n  foo: 1\naudit:\n  auditLogPath: '-'\n", PATH
    )
    assert read.faults == (
        f'{PATH}:1: apiVersion: "v1" (text) is not known; write auditproxy.io/v1alpha1',
        f'{PATH}:3: serving.securePort: "x" (text) is not a whole number; '
        "write one without quotes, such as 6443",
        f"{PATH}:4: serving.foo: unknown field; remove it, or write one of bindAddress, "
        "securePort, certDir, tlsCertFile, tlsPrivateKeyFile, tlsMinVersion, requestTimeout, "
        "shutdownAuditGracePeriod, shutdownDelayDuration, shutdownSessionGracePeriod, workers, "
        "trustedProxyCidrs, proxyProtocol, maxConnections, maxConnectionsPerAddress",
        f"{PATH}: kind is missing; add kind: ProxyConfiguration",
    )
    assert read.values == {"audit-log-path": "-"}


def test_groups_may_be_empty() -> None:
    """A group whose members are commented out is no mistake."""
    assert faults("audit:\nserving: {}\n") == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "",
            "the file is empty; begin with apiVersion: auditproxy.io/v1alpha1 "
            "and kind: ProxyConfiguration",
        ),
        (
            "- a\n",
            "the file is not a mapping; begin with apiVersion: auditproxy.io/v1alpha1 "
            "and kind: ProxyConfiguration",
        ),
    ],
)
def test_no_configuration(text: str, fault: str) -> None:
    """What a file must begin with is said."""
    assert parse_configuration(text, PATH).faults == (f"{PATH}: {fault}",)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("a: b\n---\na: b\n", f"{PATH}:2: not one YAML document"),
        ("a: [\n", f"{PATH}:2: not one YAML document"),
        ("a:\n\t- b\n", f"{PATH}:2: not one YAML document"),
        ("a: \x00\n", f"{PATH}: not YAML"),
        ('a: "\\UFFFFFFFF"\n', f"{PATH}: not YAML"),
        ("[" * 5000, f"{PATH}: nested too deeply"),
    ],
)
def test_no_yaml(text: str, start: str) -> None:
    """One fault with the line, where YAML has one."""
    (fault,) = parse_configuration(text, PATH).faults
    assert fault.startswith(start)


def test_files(tmp_path: Path) -> None:
    """A file is read, and what cannot be read is a fault."""
    path = tmp_path / "proxy.yaml"
    path.write_text(HEADER + "logging: {v: 3}\n", encoding="utf-8")
    assert load_configuration(str(path)).values == {"v": 3}
    path.write_bytes(b"# fine\n# \xff\n")
    assert load_configuration(str(path)).faults == (f"{path}:2: not UTF-8; save the file as UTF-8",)
    path.write_bytes(b"#" * (MAXIMUM_SIZE + 1))
    assert load_configuration(str(path)).faults == (
        f"--config {path} is larger than 1 MiB, so not a configuration of auditproxy",
    )
    assert load_configuration(str(tmp_path / "none")).faults == (
        f"--config {tmp_path / 'none'} cannot be read: No such file or directory; correct the path",
    )
    assert load_configuration("a\0b").faults[0].startswith("--config a\0b cannot be read")


_scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
_keys = st.sampled_from([setting.key for setting in SETTINGS]) | st.text()
_groups = st.sampled_from(["apiVersion", "kind", *{s.group for s in SETTINGS}]) | st.text()


@given(st.dictionaries(_groups, _scalars | st.dictionaries(_keys, _scalars | st.lists(_scalars))))
def test_any_document_is_read_or_refused(document: dict[str, Any]) -> None:
    """Whatever stands in the file, the values that come out have their types."""
    read = parse_configuration(yaml.safe_dump(document), PATH)
    for setting in SETTINGS:
        value = read.values.get(setting.flag.name, setting.flag.default)
        assert type(value) is type(setting.flag.default)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No file makes the reader raise; one without a header always has a fault."""
    assert parse_configuration(text, PATH).faults


def test_paths_in_a_list_are_relative_to_the_file() -> None:
    """Each path of a list is meant as one path is; ~ is refused in a list, too."""
    text = (
        "apiVersion: auditproxy.io/v1alpha1\nkind: ProxyConfiguration\n"
        "authentication:\n  serviceAccountKeyFile:\n  - sa.pub\n  - %s\n"
    )
    read = parse_configuration(text % "/old.pub", PATH)
    assert read.faults == ()
    assert read.values["service-account-key-file"] == ("/etc/auditproxy/sa.pub", "/old.pub")
    read = parse_configuration(text % "~/old.pub", PATH)
    assert len(read.faults) == 1
    assert "~ is not replaced" in read.faults[0]


def test_a_file_of_another_kind() -> None:
    """One fault, and not one for each field; a file with a group of ours is ours."""
    text = "apiVersion: v1\nkind: Config\nclusters: []\nusers: []\n"
    assert parse_configuration(text, PATH).faults == (
        f'{PATH}:2: kind: "Config" (text) is not ProxyConfiguration; name another file',
    )
    assert len(parse_configuration(f"{text}serving: {{}}\n", PATH).faults) == 4
