"""Types that threads decode: msgspec knows all of them before, wherever they are decoded."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent / "auditproxy"
FILES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py"))}
DYNAMIC = {"reading/meaning/events.py", "reading/rbac/manifests.py", "reading/sql/asking.py"}
"""Commands, whose one thread takes a type from a table."""
MADE_ANEW = {"alerts/projection.py"}
"""Makes a class for each of its decoders."""

RACE = """
import sys, threading
import msgspec
from auditproxy.apis.prepared import prepared
sys.setswitchinterval(1e-6)
for _ in range(600):
    class Inner(msgspec.Struct):
        a: str = ""
        b: int | None = None
    {decorator}
    class Outer(msgspec.Struct):
        x: Inner | None = None
        y: str = ""
        z: list[Inner] = []
    start = threading.Barrier(4)
    def decode():
        start.wait()
        msgspec.json.decode(b'{{"y":"a","z":[{{"a":"q"}}],"x":{{"a":"b"}}}}', type=Outer)
    threads = [threading.Thread(target=decode) for _ in range(4)]
    for each in threads: each.start()
    for each in threads: each.join()
"""


def decorated() -> set[str]:
    """The classes that are prepared."""
    return {
        node.name
        for tree in FILES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(
            isinstance(each, ast.Name) and each.id == "prepared" for each in node.decorator_list
        )
    }


def structs() -> set[str]:
    """The classes of msgspec's."""
    found = {"Struct"}
    for _ in range(3):
        for tree in FILES.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                    if bases & found:
                        found.add(node.name)
    return found


def decoded_types(tree: ast.Module) -> Iterator[ast.expr]:
    """What calls in functions decode to."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        for call in ast.walk(function):
            if not isinstance(call, ast.Call):
                continue
            name = ast.unparse(call.func)
            if name.endswith("json.decode"):
                yield from (each.value for each in call.keywords if each.arg == "type")
            elif name in ("msgspec.convert", "decode_as"):
                yield call.args[1]
            elif name.endswith("json.Decoder"):
                yield from call.args[:1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_decoded_is_prepared(path: Path) -> None:
    """Each class that is decoded by more than a decoder of its module."""
    where = path.relative_to(ROOT).as_posix()
    if where in DYNAMIC | MADE_ANEW or where == "apis/prepared.py":
        return
    for kind in decoded_types(FILES[path]):
        names = {node.id for node in ast.walk(kind) if isinstance(node, ast.Name)}
        if where == "serializer/json.py":
            assert names == {"kind"}, "decode_as, whose callers are looked at"
            continue
        assert isinstance(kind, ast.Name | ast.Subscript), f"{where}: {ast.unparse(kind)}"
        assert names & structs() <= decorated(), f"{where}: {ast.unparse(kind)} needs @prepared"


@pytest.mark.parametrize(("decorator", "ends"), [("@prepared", True), ("", False)])
def test_several_threads_decode_one_type(decorator: str, ends: bool) -> None:
    """The first time at once: without preparation the process crashes, which is why there is one.

    If the second case fails, msgspec has been mended, and this can go.
    """
    done = subprocess.run(
        [sys.executable, "-c", RACE.format(decorator=decorator)],
        cwd=ROOT.parent,
        capture_output=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode == 0) is ends, done.stderr
