"""make demo and make test in a fresh clone: which Python, and what is installed (faults from outside, D)."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OLD = '#!/bin/sh\necho "Python 3.10" >&2\nexit 1\n'
SHIM = '#!/bin/sh\necho "pyenv: python3.13: command not found" >&2\nexit 127\n'
GOOD = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'


def chosen(folder: Path, programs: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    """What tools/python.sh says where only these programs are: exit code, output, errors."""
    folder.mkdir()
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    for name in ("sh", "sed"):
        (folder / name).symlink_to(f"/bin/{name}")
    done = subprocess.run(
        [str(ROOT / "tools" / "python.sh"), *arguments],
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout.strip(), done.stderr.strip()


@pytest.mark.parametrize(
    ("programs", "expected"),
    [
        ({"python3": GOOD, "python3.11": GOOD}, "python3"),
        ({"python3": OLD, "python3.13": GOOD, "python3.11": GOOD}, "python3.13"),
        ({"python3": OLD, "python3.13": SHIM, "python3.12": GOOD}, "python3.12"),
        ({"python3.11": GOOD}, "python3.11"),
        ({"python": GOOD}, "python"),
    ],
)
def test_a_python_that_is_there(tmp_path: Path, programs: dict[str, str], expected: str) -> None:
    """D: where python3 is too old or a shim that does not run, another one is taken."""
    folder = tmp_path / "bin"
    assert chosen(folder, programs) == (0, str(folder / expected), "")


@pytest.mark.parametrize(
    ("programs", "what"),
    [
        ({}, ""),
        ({"python3": OLD}, " (python3 is Python 3.10)"),
        ({"python3": OLD, "python3.13": SHIM}, " (python3 is Python 3.10)"),
        (
            {"python3": "#!/bin/sh\necho lacks venv; exit 1\n"},
            " (python3 lacks venv)",
        ),
    ],
)
def test_no_python(tmp_path: Path, programs: dict[str, str], what: str) -> None:
    """D: one line says what is needed and what was found, instead of pip's ResolutionImpossible."""
    code, out, err = chosen(tmp_path / "bin", programs)
    assert (code, out) == (1, "")
    assert err == (
        f"auditproxy needs Python 3.11 or newer{what}: install one, "
        "or name one: make PYTHON=/path/to/python3 ..."
    )


def test_a_named_python_is_the_only_one(tmp_path: Path) -> None:
    """Whoever names one gets it, or a hint at another."""
    folder = tmp_path / "bin"
    code, out, err = chosen(folder, {"python3.10": OLD, "python3": GOOD}, "python3.10")
    assert (code, out) == (1, "")
    assert err.splitlines()[1] == f"there is one here: make PYTHON={folder / 'python3'} ..."


def plan(target: str, *variables: str) -> str:
    """What make would run for a target in a clone without a virtual environment."""
    done = subprocess.run(
        ["make", "--dry-run", "VENV=no-such-folder", target, *variables],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("MAKE")},
    )
    return done.stdout


def test_the_demo_installs_only_what_it_needs() -> None:
    """D: no test tools for a demo; the tests install theirs and have no use for a second visit."""
    demo, test = plan("demo"), plan("test")
    (asked,) = re.findall(r"tools/requirements\.py ([^|]*?) *\|", demo)
    assert asked == "fast demo"
    assert "test]" not in demo
    assert "-e '.[fast,demo,test]'" in test
    assert "touch no-such-folder/.installed no-such-folder/.demo-installed" in test
    for needed in (demo, test):
        assert needed.index("tools/python.sh") < needed.index("tools/pip.sh")


def test_make_test_says_what_it_leaves_out() -> None:
    """D: what needs a kube-apiserver is not run, and how to run it is said."""
    assert "KUBEBUILDER_ASSETS=" in plan("test").rpartition("pytest")[0], "the summary comes last"


def test_requirements_are_those_of_the_project() -> None:
    """The list is pyproject.toml's: the runtime, then the extras that are asked for."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "requirements.py"), "demo"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    names = [line.partition(">")[0] for line in done.stdout.splitlines()]
    assert names[-1] == "rich"
    assert {"aiohttp", "cryptography", "pyyaml"} < set(names)
    assert not {"pytest", "mypy", "hypothesis", "uvloop"} & set(names)


@pytest.mark.parametrize("own", [True, False])
def test_pip_of_an_environment(tmp_path: Path, own: bool) -> None:
    """D: an environment without a pip of its own is served by the Python that made it."""
    folder = tmp_path / "venv"
    (folder / "bin").mkdir(parents=True)
    maker = tmp_path / "maker"
    for path, text in (
        (
            folder / "bin" / "python",
            f'''case "$*" in
            *_base_executable*) echo "{maker}" ;;
            "-c import pip") exit {0 if own else 1} ;;
            *) echo own "$@" ;;
            esac''',
        ),
        (maker, 'echo maker "$@"'),
    ):
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    python = str(folder / "bin" / "python")
    done = subprocess.run(
        [str(ROOT / "tools" / "pip.sh"), python, "install", "x y"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == (
        "own -m pip install x y" if own else f"maker -m pip --python {python} install x y"
    )


def test_launcher(tmp_path: Path) -> None:
    """The demo's environment has a command that runs this folder's auditproxy from anywhere."""
    folder = tmp_path / "it's"
    folder.mkdir()
    # A link would be an interpreter without its environment.
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    command = [str(ROOT / "tools" / "launcher.sh"), str(folder)]
    subprocess.run(command, check=True, timeout=30)
    made = folder / "auditproxy"
    done = subprocess.run(
        [str(made), "sessions", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "auditproxy sessions list" in done.stdout
    made.write_text("installed by pip")
    subprocess.run(command, check=True, timeout=30)
    assert made.read_text() == "installed by pip"
