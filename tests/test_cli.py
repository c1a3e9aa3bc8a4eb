"""The command: exit codes, every fault on a line of its own, and what reaches the proxy."""

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditproxy import __version__
from auditproxy.apis.faults import FAILED, Unusable
from auditproxy.cli import main
from auditproxy.options import Options
from tests.fakes.commands import FakeProxy


def run(*words: str, proxy: FakeProxy | None = None) -> int:
    """The exit code of a command line."""
    chosen = proxy or FakeProxy()
    return main(words, load_proxy=chosen.load)


def test_serve_without_flags(capsys: pytest.CaptureFixture[str]) -> None:
    """The defaults are checked and served; nothing is printed here."""
    proxy = FakeProxy()
    assert run("serve", proxy=proxy) == 0
    assert proxy.checked == [Options()]
    # The files that were checked are served: they are not read again.
    assert proxy.served == [(Options(), proxy.files)]
    assert capsys.readouterr() == ("", "")


def test_the_exit_code_is_the_proxys() -> None:
    """What serve returns is what the process ends with."""
    assert run("serve", proxy=FakeProxy(code=1)) == 1


def test_faults_of_a_start(capsys: pytest.CaptureFixture[str]) -> None:
    """What shows only at the start is a fault like the others."""
    assert (
        run("serve", proxy=FakeProxy(error=Unusable("the port is taken", "the disk is full"))) == 2
    )
    assert capsys.readouterr().err == (
        "auditproxy: error: the port is taken\nauditproxy: error: the disk is full\n"
    )


def test_what_no_setting_mends(capsys: pytest.CaptureFixture[str]) -> None:
    """An error says itself with which code the process ends."""
    assert run("serve", proxy=FakeProxy(error=Unusable("no upstream", code=FAILED))) == 1
    assert capsys.readouterr().err == "auditproxy: error: no upstream\n"


def test_an_interrupt_is_no_traceback() -> None:
    """Ctrl-C before the proxy handles signals."""
    assert run("serve", proxy=FakeProxy(error=KeyboardInterrupt())) == 1


def test_check_config_only_checks(capsys: pytest.CaptureFixture[str]) -> None:
    """Files are read, nothing is served."""
    proxy = FakeProxy()
    assert run("serve", "--check-config", "--secure-port=8443", proxy=proxy) == 0
    assert [options.serving.secure_port for options in proxy.checked] == [8443]
    assert proxy.served == []
    assert capsys.readouterr().out == "the configuration is sound\n"


def test_check_config_warns(capsys: pytest.CaptureFixture[str]) -> None:
    """What the start would warn of, each in one line; the configuration is sound all the same."""
    proxy = FakeProxy(warnings=("rules[0] is never\nreached", "prod* is not a pattern"))
    assert run("serve", "--check-config", proxy=proxy) == 0
    captured = capsys.readouterr()
    assert captured.out == "the configuration is sound, with 2 warnings\n"
    assert captured.err.splitlines() == [
        "auditproxy: warning: rules[0] is never reached",
        "auditproxy: warning: prod* is not a pattern",
    ]


def test_every_fault_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Flags, configuration file, their meaning and the files: one run shows all."""
    path = tmp_path / "proxy.yaml"
    path.write_text(
        "apiVersion: auditproxy.io/v1alpha1\nkind: ProxyConfiguration\n"
        "audit: {auditLogMode: bach, foo: 1, auditPolicyFile: policy.yaml}\n",
        encoding="utf-8",
    )
    proxy = FakeProxy(faults=("the policy is\nbad",))
    assert (
        run(
            *("serve", "--config", str(path), "--foo"),
            *("--secure-port=0", "--tls-min-version=x", "--anonymous-auth", "false"),
            proxy=proxy,
        )
        == 2
    )
    lines = capsys.readouterr().err.splitlines()
    prefix = "auditproxy: error: "
    assert [line.removeprefix(prefix).partition(";")[0] for line in lines] == [
        "unknown flag: --foo",
        'auditproxy serve does not take any arguments, got ["false"]',
        f"{path}:3: audit.foo: unknown field",
        "--secure-port 0 must be between 1 and 65535, inclusive. It cannot be turned off with 0",
        'invalid --tls-min-version "x", allowed values are '
        '"VersionTLS10,VersionTLS11,VersionTLS12,VersionTLS13"',
        '--audit-log-mode: invalid audit log mode bach, allowed modes are "batch,blocking,blocking-strict,durable"',
        "the policy is bad",
    ]
    assert all(line.startswith(prefix) for line in lines)
    # The files are read with settings that are sound.
    (checked,) = proxy.checked
    assert checked.audit.policy_file == str(tmp_path / "policy.yaml")
    assert checked.serving == Options().serving
    assert proxy.served == []


NOWHERE = "there is no upstream: ~/.kube/config does not exist; give --kubeconfig"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--bogus",), ["unknown flag: --bogus; --help=all lists all flags"]),
        (("--kubeconfg=up",), ["unknown flag: --kubeconfg; did you mean --kubeconfig?"]),
        (
            ("kubeconfig=up",),
            ['auditproxy serve does not take any arguments, got ["kubeconfig=up"]'],
        ),
        (
            ("--tls-cert=a", "--tls-private-key-file=b"),
            ["unknown flag: --tls-cert; did you mean --tls-cert-file?", NOWHERE],
        ),
        (
            ("--insecure-port=0",),
            ["unknown flag: --insecure-port; did you mean --secure-port?", NOWHERE],
        ),
        (
            ("--bogus", "--secure-port=0"),
            [
                "unknown flag: --bogus; --help=all lists all flags",
                "--secure-port 0 must be between 1 and 65535, inclusive. It cannot be turned off "
                "with 0",
            ],
        ),
    ],
)
def test_no_fault_that_may_only_follow(
    words: tuple[str, ...], said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither what an unknown flag may have given is missing, nor has the flag that it is taken
    for a fault; others are reported.
    """

    class Nowhere(FakeProxy):
        """A check that finds no upstream where none is named."""

        def check(self, options: Options, *, strict: bool) -> Any:
            """The one fault, or none."""
            if not options.upstream.kubeconfig:
                raise Unusable(NOWHERE)
            return super().check(options, strict=strict)

    assert run("serve", *words, proxy=Nowhere()) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.removeprefix("auditproxy: error: ") for line in lines] == said


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    """The file's value counts only where no flag is given, also where the flag is the default."""
    path = tmp_path / "proxy.yaml"
    path.write_text(
        "apiVersion: auditproxy.io/v1alpha1\nkind: ProxyConfiguration\n"
        "serving: {securePort: 1111, tlsMinVersion: VersionTLS13}\n"
        "authentication: {anonymousAuth: false}\n",
        encoding="utf-8",
    )
    proxy = FakeProxy()
    assert (
        run("serve", f"--config={path}", "--secure-port=6443", "--anonymous-auth", proxy=proxy) == 0
    )
    ((options, _),) = proxy.served
    assert options.serving.secure_port == 6443
    assert options.serving.tls_min_version == "VersionTLS13"
    assert options.authentication.anonymous_auth is True


def test_faults_cannot_write_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Line breaks and escape sequences of a value stay one line of visible text."""
    assert run("serve", "--audit-log-mode=\x1b[2J\nx\ud800") == 2
    assert capsys.readouterr().err == (
        "auditproxy: error: --audit-log-mode: invalid audit log mode \\x1b[2J x\\ud800, "
        'allowed modes are "batch,blocking,blocking-strict,durable"\n'
    )


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_overview(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Every command with a sentence."""
    assert run(*words) == 0
    out = capsys.readouterr().out
    for name in ("serve", "demo", "certs", "kubeconfig", "completion", "version"):
        assert f"\n  {name} " in out


@pytest.mark.parametrize(
    "words",
    [["serve", "--help=all"], ["serve", "--foo", "--help=all"], ["help", "serve", "all"]],
)
def test_help(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grouped, as wide as the terminal, and given beside faults, too."""
    monkeypatch.setenv("COLUMNS", "70")
    assert run(*words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "\nAuditing flags:\n\n      --audit-policy-file string\n" in out
    flags = out.partition("flags:\n\n")[2].splitlines()
    assert max(len(line) for line in flags if line.startswith(" " * 16)) <= 70


@pytest.mark.parametrize(
    "words",
    [["serve", "--help=audit"], ["serve", "--help", "audit"], ["help", "serve", "audit"]],
)
def test_help_about_a_group(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """D: one group of flags, on demand."""
    assert run(*words) == 0
    out = capsys.readouterr().out
    assert out.startswith("Auditing flags:\n")
    assert out.count("flags:\n") == 1


def test_help_about_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """D: a group that is none is a fault with the names of those that are."""
    assert run("serve", "--help=audti") == 2
    assert capsys.readouterr() == (
        "",
        'auditproxy: error: no flag of auditproxy serve matches "audti"; did you mean audit?\n',
    )


@pytest.mark.parametrize("words", [[], ["csh"], ["bash", "zsh"]])
def test_completion_of_no_shell(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """D: the shells are named."""
    assert run("completion", *words) == 2
    assert capsys.readouterr().err == (
        "auditproxy: error: auditproxy completion takes one argument, one of bash, zsh, fish\n"
    )


def test_demo_left_out() -> None:
    """Where the embedded API server is not installed, only the demo is missing, with a line."""
    code = (
        "import sys; sys.modules['auditproxy.embedded'] = None; import auditproxy.app.proxy; "
        "from auditproxy.cli import main; "
        "assert main(['certs', '--help']) == main(['kubeconfig', '--help']) == 0; "
        "sys.exit(main(['demo', '--once']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "auditproxy: error: the demo is not part of this installation\n"


@pytest.mark.parametrize("command", ["demo", "certs", "kubeconfig", "version"])
def test_every_command_has_help_and_strict_flags(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No command ignores a flag it does not know."""
    assert run(command, "--help") == 0
    assert f"auditproxy {command} [flags]" in capsys.readouterr().out
    assert run(command, "--zzz", "stray") == 2
    assert (
        capsys.readouterr().err
        == "auditproxy: error: unknown flag: --zzz; --help=all lists all flags\n"
    )
    assert run(command, "stray") == 2
    assert capsys.readouterr().err == (
        f'auditproxy: error: auditproxy {command} does not take any arguments, got ["stray"]\n'
    )


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["srve"], 'unknown command "srve" for "auditproxy"; did you mean serve?'),
        (
            ["zzz"],
            'unknown command "zzz" for "auditproxy"; '
            "give one of serve, demo, certs, kubeconfig, events, report, view, rbac, alerts, policy, "
            "reconcile, sessions, verify, completion, version",
        ),
        (
            ["--secure-port=1"],
            '"--secure-port=1" comes before the command; try auditproxy serve --secure-port=1',
        ),
    ],
)
def test_no_command(words: list[str], fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A near miss is found."""
    assert run(*words) == 2
    assert capsys.readouterr() == ("", f"auditproxy: error: {fault}\n")


def test_nothing_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    """A container without a command fails, and says what it could have been."""
    assert run() == 2
    assert "Usage:" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["version", "--version"])
def test_version(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The version of the package."""
    assert run(word) == 0
    assert capsys.readouterr().out.startswith(f"auditproxy {__version__} (Python 3.")


def test_kubeconfig(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kubeconfig goes to standard output, warnings to standard error."""
    path = tmp_path / "config"
    path.write_text(
        "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
        "users: [{name: u, user: {token: t}}]\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("KUBECONFIG", str(path))
    assert run("kubeconfig", f"--cert-dir={tmp_path}") == 0
    out, err = capsys.readouterr()
    assert yaml.safe_load(out)["users"] == [{"name": "u", "user": {"token": "t"}}]
    assert err.startswith("auditproxy: warning: no --certificate-authority is given")
    (tmp_path / "ca.crt").write_bytes(b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    assert run("kubeconfig", "--certificate-authority", str(tmp_path / "ca.crt")) == 0
    out, err = capsys.readouterr()
    assert base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode() in out
    assert err == ""
    assert run("kubeconfig", "--context=b") == 2
    assert capsys.readouterr().err.startswith("auditproxy: error: --context 'b' is not in ")


def process(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``python -m auditproxy`` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "auditproxy", *words],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **environment},
        check=False,
    )


def test_the_module_is_the_command() -> None:
    """The process ends with main's code."""
    assert process("version").stdout.startswith(f"auditproxy {__version__}")
    refused = process("serv")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("auditproxy: error: unknown command")


def test_help_imports_nothing_heavy() -> None:
    """What only serving needs is not loaded to print a help text."""
    source = (
        "import sys; from auditproxy.cli import main; main(['serve', '--help']);"
        "print([name for name in ('aiohttp', 'kubernetes', 'cryptography') if name in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=30, check=True
    )
    assert shown.stdout.endswith("\n[]\n")


def test_a_reader_that_leaves_is_no_traceback() -> None:
    """``auditproxy serve --help | head -1``."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        left = subprocess.run(
            [sys.executable, "-m", "auditproxy", "serve", "--help"],
            stdout=closed,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
    assert (left.returncode, left.stderr) == (1, b"")


def test_certs_need_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    """Files are not scattered over the working directory by accident."""
    assert run("certs", "--dir=") == 2
    assert capsys.readouterr().err == (
        "auditproxy: error: --dir is empty; name the folder in which certificates are made\n"
    )


def test_certs_makes_clients(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A first run makes the whole PKI, a second one only further clients, and nothing twice."""
    folder = tmp_path / "pki"
    assert run("certs", f"--dir={folder}", "--client=alice=dev+ops") == 0
    assert f"made {folder / 'alice.crt'}\n" in capsys.readouterr().out
    authority = (folder / "ca.crt").read_bytes()
    assert run("certs", f"--dir={folder}", "--client=bob") == 0
    assert f"kept {folder / 'ca.crt'}\n" in capsys.readouterr().out
    assert (folder / "ca.crt").read_bytes() == authority
    assert (folder / "bob.key").stat().st_mode & 0o777 == 0o600
    assert run("certs", f"--dir={folder}", "--client=bob") == 1
    assert "bob.crt" in capsys.readouterr().err
