"""The house: floors hold, every file is documented, tested, small, and imports alone."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Set
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "auditproxy"
SOURCES = sorted(PACKAGE.rglob("*.py"))
LIMIT = 350

WITHOUT_A_TEST_FILE = {
    # Protocols and values only: nothing happens in them.
    "apis/session.py",
    "apis/units.py",
    "audit/backend.py",
    "audit/captured.py",
    "clients/receivers/receiver.py",
    "flags/command.py",
    "options/backendoptions.py",
    "server/services.py",
    "sockets/flow.py",
    # The REST side of the embedded API server is one thing, asked over HTTP in
    # tests/embedded/test_apiserver.py and by real kubectl in test_kubectl.py.
    "embedded/answers.py",
    "embedded/authorizer.py",
    "embedded/rest/defaults.py",
    "embedded/rest/discovery.py",
    "embedded/kinds.py",
    "embedded/rest/reads.py",
    "embedded/rest/resources.py",
    "embedded/reviews.py",
    "embedded/rest/scale.py",
    "embedded/rest/seed.py",
    "embedded/rest/writes.py",
    # Runs main and nothing else; tests/test_cli.py starts it as a process.
    "__main__.py",
}

ONE_HOME = {
    # How kube-apiserver and Go spell things.
    "RFC 1123": "apis/names.py",
    "[-a-z0-9]*[a-z0-9]": "apis/names.py",
    "%!$&'()*+,;=:]+": "apis/names.py",
    "&lt;": "apis/gotext.py",
    "\\\\U{": "apis/gotext.py",
    "1e21": "apis/gotext.py",
    "1_000_000_000": "apis/units.py",
    "MEBIBYTE = 1024": "apis/units.py",
    "pip install": "apis/faults.py",
    "authentication.kubernetes.io/credential-id": "apis/user.py",
    "orphanDependents:": "audit/deleteoptions.py",
    "class _TokenReview(": "authentication/tokens/tokenreview.py",
    "RawHeaders = tuple": "request/headers.py",
    "Report = Callable": "app/operatorlog.py",
    # How PEM is cut, and whom TLS trusts.
    "-----BEGIN": "serializer/pem.py",
    "VERIFY_X509_STRICT": "tls/trust.py",
    "VERIFY_X509_PARTIAL_CHAIN": "tls/trust.py",
    "PROTOCOL_TLS_CLIENT": "tls/client.py",
    # What a thread hands over to a loop that may be closed.
    "call_soon_threadsafe": "sockets/handover.py",
    # How others are asked over HTTP.
    "FACTOR = ": "clients/retry.py",
    "JITTER = ": "clients/retry.py",
    "DummyCookieJar": "clients/session.py",
    "iter_any()": "clients/session.py",
}
"""Literals that stand for a rule, and the one file where each may stand."""

STREAMING = frozenset({"attach", "exec", "log", "portforward", "proxy"})

WITHOUT_FLAGS = (
    "alerts", "capture", "clients", "downstream", "embedded", "health", "metrics", "recordings",
    "request", "serializer", "sessions", "tls", "tunnel",
)  # fmt: skip
"""Rooms whose texts name no flag: the caller that knows it puts its name in front."""

FLAGS_OF_OTHERS = {
    # How kubectl runs tar in a container.
    "sessions/copies.py": ("--no-same-permissions", "--no-same-owner"),
}
"""Flags of other programs that a room has to know."""

DOUBLED = {
    # tls/selfsigned.py has one too.
    "CertificateError",
}
"""Names of two classes, for the time being."""


def relative(path: Path) -> str:
    """A path within the package."""
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_file(path: Path) -> None:
    """Each file is at most 350 lines, and its modules, classes and public functions are documented."""
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LIMIT, "split it by meaning"
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "no module docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"class {node.name} has no docstring"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_has_its_test_file(path: Path) -> None:
    """Every source file has its test file in the same folder of tests/."""
    name = relative(path)
    if path.name == "__init__.py" or name in WITHOUT_A_TEST_FILE:
        return
    assert (ROOT / "tests" / path.parent.relative_to(PACKAGE) / f"test_{path.name}").exists()


def test_tasks_start_in_one_place() -> None:
    """Every task has a name: no file but sockets/tasks.py creates one, by whatever loop."""
    makers = {"create_task", "ensure_future"}
    creating = {
        relative(path)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in makers
    }
    assert creating == {"sockets/tasks.py"}


def imported(tree: ast.AST) -> set[str]:
    """Every module and every name of a module that a file imports, with dots."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    return found


def test_no_test_module_is_imported() -> None:
    """What two test modules need stands in tests/fakes/ or beside them, in no test module."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        names = imported(ast.parse(path.read_text(encoding="utf-8")))
        wrong = {
            name
            for name in names
            if name.startswith("tests.") and any(p.startswith("test_") for p in name.split("."))
        }
        assert wrong == set(), f"{path.relative_to(ROOT)} imports from a test module"


def test_every_test_is_collected() -> None:
    """A test stands in a module or a class of tests; within a function it would never run."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        tests = [one for one in classes if one.name.startswith("Test")]
        scopes: tuple[ast.Module | ast.ClassDef, ...] = (tree, *tests)
        collected = {node for scope in scopes for node in scope.body if isinstance(node, functions)}
        written = {
            node
            for node in ast.walk(tree)
            if isinstance(node, functions) and node.name.startswith("test_")
        }
        assert {f"{path.name}::{node.name}" for node in written - collected} == set()


def test_exceptions_are_needed() -> None:
    """The list of files without a test names only files that exist and have none."""
    for name in WITHOUT_A_TEST_FILE:
        path = PACKAGE / name
        assert path.exists(), name
        test = ROOT / "tests" / path.parent.relative_to(PACKAGE) / f"test_{path.name}"
        assert not test.exists(), name


@pytest.mark.parametrize("literal", ONE_HOME)
def test_one_home(literal: str) -> None:
    """A rule stands in one file; others import it from there."""
    found = {relative(path) for path in SOURCES if literal in path.read_text(encoding="utf-8")}
    assert found == {ONE_HOME[literal]}


@pytest.mark.parametrize("room", WITHOUT_FLAGS)
def test_no_flags(room: str) -> None:
    """A room that may be used without our flags names none, in its texts as in its prose."""
    found = [
        f"{relative(path)}: {flag}"
        for path in sorted((PACKAGE / room).rglob("*.py"))
        for flag in re.findall(
            r"(?<![-\w|])--[a-z][a-z-]*[a-z](?![-\w])", path.read_text(encoding="utf-8")
        )
        if flag not in FLAGS_OF_OTHERS.get(relative(path), ())
    ]
    assert not found


def test_streaming_subresources() -> None:
    """The subresources that stream are listed once; another one is one more word there."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Set | ast.List | ast.Tuple):
                words = {each.value for each in node.elts if isinstance(each, ast.Constant)}
                found += [relative(path)] if words >= STREAMING else []
    assert found == ["apis/names.py"]


def test_no_two_classes_of_one_name() -> None:
    """A public class is one thing: its name stands for no other anywhere in the package."""
    names = [
        node.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert {name for name in names if names.count(name) > 1} <= DOUBLED


def test_floors() -> None:
    """A file imports only from the floors below, and the core is pure."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def modules_needed(path: Path, known: Set[str]) -> set[str]:
    """The modules of ours that a file imports, those that a function imports when it runs too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
        elif isinstance(node, ast.Import):
            names = {one.name for one in node.names}
        else:
            continue
        found |= names & known
    return found


def name_of_module(path: Path) -> str:
    """``auditproxy.apis.audit`` of its file; a package's is that of its ``__init__``."""
    parts = ("auditproxy", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(part for part in parts if part != "__init__")


def test_no_import_cycle() -> None:
    """No module needs another that needs it, now or later: there are no circles."""
    names = {name_of_module(path): path for path in SOURCES}
    waiting = {name: modules_needed(path, names.keys()) for name, path in names.items()}
    while ready := {name for name, needs in waiting.items() if not needs & waiting.keys() - {name}}:
        waiting = {name: needs for name, needs in waiting.items() if name not in ready}
    assert waiting == {}, "these import each other"


def test_every_module_can_be_imported() -> None:
    """Without a warning."""
    names = [name_of_module(path) for path in SOURCES if path.name != "__main__.py"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import {', '.join(names)}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_no_mocks() -> None:
    """Tests use real sockets and fakes."""
    for path in (ROOT / "tests").rglob("*.py"):
        if path.name == "test_house.py":
            continue
        text = path.read_text(encoding="utf-8")
        assert "unittest.mock" not in text, path
        assert "MagicMock" not in text, path


def drawn() -> dict[str, str]:
    """The rooms that docs/design.md draws, by their folders, each with its line."""
    text = (ROOT / "docs/design.md").read_text("utf-8")
    picture = text.partition("```\nauditproxy/\n")[2].partition("```")[0]
    rooms, room = {}, ""
    for line in picture.splitlines():
        names = re.match(r"(  |    |      )((?:[a-z0-9]+/ ?)+)", line)
        if names is None:
            continue
        if len(names[1]) == 2:
            room = names[2].strip()
        for name in names[2].split():
            rooms[name if len(names[1]) == 2 else room + name] = line
    return rooms


def test_the_rooms_are_drawn() -> None:
    """Each room, and each folder within one, and nothing else; those of commands in a text."""
    folders = [path.parent.relative_to(PACKAGE).parts for path in SOURCES]
    shown = {
        # What is within a folder of a room is drawn below that.
        "/".join((*parts[:1], *parts[1:][-1:])) + "/"
        for parts in folders
        if parts and (parts[0] != "commands" or len(parts) == 1)
    }
    assert set(drawn()) == shown
    text = (ROOT / "docs/design.md").read_text("utf-8")
    lines = text.partition("  commands/")[2].partition("  app/")[0]
    for parts in folders:
        assert parts[:1] != ("commands",) or "/".join((*parts[1:], "")) in lines, parts


def test_the_drawing_is_the_contract() -> None:
    """Its floors are those that imports are checked against, from the top, and who is beside whom."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (floors,) = (
        contract["layers"]
        for contract in contracts["contracts"]
        if contract["name"] == "a file imports only from the floors below"
    )
    rooms, lines = [], drawn()
    for floor in floors[2:]:
        names = [name.removeprefix("auditproxy.") for name in floor.split(" | ")]
        rooms += names
        # All but one say beside whom they are.
        beside = [re.search(r"\(beside (\w+)/\)$", lines[f"{name}/"]) for name in names]
        assert [found is None for found in beside].count(True) == 1, floor
        assert {found[1] for found in beside if found} <= set(names), floor
    assert [room for room in lines if room.count("/") == 1] == [f"{room}/" for room in rooms]
