"""Exec plugins, run for real; what they are told is what the package ``kubernetes`` tells them."""

import sys
from pathlib import Path
from typing import Any

import pytest
from kubernetes.config.exec_provider import ExecProvider
from kubernetes.config.kube_config import ConfigNode

from auditproxy.kubeconfig.execplugin import EXTENSION, ExecPlugin, PluginError

VERSION = "client.authentication.k8s.io/v1"
TELLS = """
import json, os, sys
told = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
print(json.dumps({"apiVersion": told["apiVersion"], "kind": "ExecCredential", "status": {
    "arguments": sys.argv[1:], "folder": os.getcwd(), "own": os.environ.get("OWN"),
    "path": os.environ["PATH"], "told": told}}))
"""
CLUSTER: dict[str, Any] = {
    "server": "https://api",
    "certificate-authority-data": "eA==",
    "extensions": [
        {"name": "other", "extension": {"a": 1}},
        {"name": EXTENSION, "extension": {"audience": "x"}},
    ],
}


def settings(folder: Path, text: str, **more: Any) -> dict[str, Any]:
    """A user's ``exec`` whose program is this text."""
    program = folder / "plugin.py"
    program.write_text(text)
    return {
        "command": sys.executable,
        "apiVersion": VERSION,
        "args": [str(program), *more.pop("args", ())],
        **more,
    }


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"args": ["--region", "x"], "env": [{"name": "OWN", "value": "1"}]},
        {"env": None},
        {"provideClusterInfo": True},
        {"provideClusterInfo": False, "interactiveMode": "Never"},
    ],
)
@pytest.mark.parametrize("cluster", [CLUSTER, {"server": "https://api"}])
def test_a_plugin_is_told_what_the_package_tells_it(
    tmp_path: Path, more: dict[str, Any], cluster: dict[str, Any]
) -> None:
    """Arguments, environment, folder and KUBERNETES_EXEC_INFO."""
    config = settings(tmp_path, TELLS, **more)
    ours = ExecPlugin.read(config, cluster, tmp_path).run()
    theirs = ExecProvider(
        ConfigNode("exec", config),
        str(tmp_path),
        ConfigNode("cluster", dict(cluster)),
    ).run()
    assert ours == theirs
    assert ours["folder"] == str(tmp_path.resolve())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("raise SystemExit(3)", "returned 3"),
        ("print('canary')", "returned no ExecCredential"),
        ("print('[1]')", "returned no ExecCredential"),
        ("print('[' * 100_000)", "returned no ExecCredential"),
        ('print(\'{"apiVersion": "v0", "kind": "x", "status": {}}\')', "returned no"),
        ("import os; os.write(1, bytes([0xff, 0xfe, 0x80]))", "returned no ExecCredential"),
        ("print('9' * 5000)", "returned no ExecCredential"),
        ("while True: print('canary' * 1000)", "printed more than 1024 KiB and was killed"),
    ],
)
def test_failures(tmp_path: Path, text: str, why: str) -> None:
    """What failed, and nothing that was printed."""
    plugin = ExecPlugin.read(settings(tmp_path, text), {}, tmp_path)
    with pytest.raises(PluginError, match=why) as caught:
        plugin.run()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "import time; time.sleep(100)",
        "import os, time; os.close(1); time.sleep(100)",
        # What it starts holds the pipe open, in another session.
        "import subprocess; subprocess.Popen(['sleep', '5'], start_new_session=True)",
    ],
)
def test_it_does_not_end(tmp_path: Path, text: str) -> None:
    """It is killed, and the next run is another one."""
    plugin = ExecPlugin.read(settings(tmp_path, text), {}, tmp_path)
    for _ in range(2):
        with pytest.raises(PluginError, match="did not end within 0.3 seconds and was killed"):
            plugin.run(0.3)


@pytest.mark.parametrize("name", ["args", "env"])
def test_what_no_program_can_be_given(tmp_path: Path, name: str) -> None:
    """A NUL is an error of the plugin, without its text."""
    value: Any = ["canary\0"] if name == "args" else [{"name": "X", "value": "canary\0"}]
    config = settings(tmp_path, "pass") | {name: value}
    with pytest.raises(PluginError, match="hold what no program can be given") as caught:
        ExecPlugin.read(config, {}, tmp_path).run()
    assert "canary" not in str(caught.value)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    """The system's error, for the caller's sentence."""
    plugin = ExecPlugin.read({"command": "./absent", "apiVersion": VERSION}, {}, tmp_path)
    with pytest.raises(FileNotFoundError):
        plugin.run()


@pytest.mark.parametrize(
    "wrong",
    [
        {"command": None},
        {"command": 7},
        {"apiVersion": None},
        {"args": "text"},
        {"args": [7]},
        {"env": ["text"]},
        {"env": [{"name": "X"}]},
        {"env": [{"name": "X", "value": 7}]},
    ],
)
def test_malformed(wrong: dict[str, Any]) -> None:
    """What could not be run is refused when it is read."""
    with pytest.raises((ValueError, KeyError, TypeError)):
        ExecPlugin.read({"command": "x", "apiVersion": VERSION} | wrong, {}, Path("/"))


def test_no_repr_shows_a_secret() -> None:
    """R19: variables, arguments and the cluster may hold secrets."""
    config = {
        "command": "x",
        "apiVersion": VERSION,
        "args": ["canary"],
        "env": [{"name": "X", "value": "canary"}],
        "provideClusterInfo": True,
    }
    assert "canary" not in repr(ExecPlugin.read(config, {"token": "canary"}, Path("/")))
