"""Make-believe containers: commands, files, archives."""

import asyncio
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.embedded.pods.containers import Container, Process, new_container


async def run(container: Container, *words: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    """Run a command; exit code, output, errors."""
    reader = asyncio.StreamReader()
    reader.feed_data(stdin)
    reader.feed_eof()
    out, err = bytearray(), bytearray()

    async def write_out(data: bytes) -> None:
        out.extend(data)

    async def write_err(data: bytes) -> None:
        err.extend(data)

    async with asyncio.timeout(5):
        code = await Process(container, reader, write_out, write_err).run(list(words))
    return code, bytes(out), bytes(err)


@pytest.mark.parametrize(
    ("words", "stdin", "code", "out"),
    [
        (("echo", "a", "b"), b"", 0, b"a b\n"),
        (("/bin/echo", "x"), b"", 0, b"x\n"),
        (("cat",), b"typed", 0, b"typed"),
        (("cat", "/data/hello.txt"), b"", 0, b"hello\n"),
        (("ls", "/data"), b"", 0, b"hello.txt\n"),
        (("ls", "/data/hello.txt"), b"", 0, b"/data/hello.txt\n"),
        (("pwd",), b"", 0, b"/\n"),
        (("hostname",), b"", 0, b"pod\n"),
        (("true",), b"", 0, b""),
        (("false",), b"", 1, b""),
        (("test", "-d", "/data"), b"", 0, b""),
        (("test", "-d", "/nope"), b"", 1, b""),
        (("sleep", "0"), b"", 0, b""),
        (("id",), b"", 0, b"uid=0(root) gid=0(root) groups=0(root)\n"),
        (("bash", "-c", "echo a; exit 3; echo b"), b"", 3, b"a\n"),
        (("sh", "-c", "exit 300"), b"", 44, b""),
        (("sh", "-c", "rm /etc/hostname; hostname"), b"", 0, b"pod\n"),
        (("sh",), b"echo one\nexit 5\necho two\n", 5, b"one\n"),
        (("sh",), b"false\nexit\n", 1, b""),
        (("sh",), b"false\n", 1, b""),
        (("sh", "-c", "echo a; echo $HOSTNAME; exit 3"), b"", 3, b"a\npod\n"),
        (("sh", "-c", "false"), b"", 1, b""),
        (("sh",), b"echo one\nexit\necho two\n", 0, b"one\n"),
    ],
)
async def test_commands(words: tuple[str, ...], stdin: bytes, code: int, out: bytes) -> None:
    """What each command writes and how it ends."""
    assert await run(new_container("pod", "c"), *words, stdin=stdin) == (code, out, b"")


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("nope",), 127, b"nope: not found"),
        ((), 127, b"not found"),
        (("__class__",), 127, b"not found"),
        (("cat", "/nope"), 1, b"No such file"),
        (("ls", "/nope"), 1, b"No such file"),
        (("sh", "-c", "echo 'x"), 2, b"syntax error"),
        (("tar", "cf", "-", "/nope"), 1, b"No such file"),
        (("tar", "xmf", "-", "-C", "/tmp"), 2, b"tar:"),
        (("tar", "xf", "-", "-C"), 2, b"tar:"),
        (("sleep", "\u00b2"), 1, b"invalid number"),
        (("sleep", "nan"), 1, b"invalid number"),
        (("sleep",), 1, b"invalid number"),
        (("tar", "z"), 2, b"only c and x"),
    ],
)
async def test_failures(words: tuple[str, ...], code: int, text: bytes) -> None:
    """Failures have a code and a text."""
    found = await run(new_container("pod", "c"), *words, stdin=b"no archive")
    assert found[0] == code
    assert text in found[2]


async def test_archives() -> None:
    """tar packs what is below a path and unpacks below a folder, as kubectl cp needs it."""
    container = new_container("pod", "c")
    container.files["/tmp/a/b"] = b"x" * 100_000
    code, archive, _ = await run(container, "tar", "cf", "-", "/tmp/a")
    assert code == 0
    with tarfile.open(fileobj=io.BytesIO(archive)) as found:
        assert found.getnames() == ["tmp/a/b"]
    other = new_container("other", "c")
    assert (await run(other, "tar", "xmf", "-", "-C", "/copy", stdin=archive))[0] == 0
    assert other.files["/copy/tmp/a/b"] == b"x" * 100_000


async def test_remove() -> None:
    """rm takes files away."""
    container = new_container("pod", "c")
    assert (await run(container, "rm", "/data"))[0] == 0
    assert (await run(container, "cat", "/data/hello.txt"))[0] == 1


async def test_environment() -> None:
    """env lists what is set."""
    code, out, _ = await run(new_container("pod", "c"), "env")
    assert code == 0
    assert b"HOSTNAME=pod\n" in out


async def test_hidden_files() -> None:
    """A name that begins with a dot keeps it; nothing is written above the root."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in (".hidden", "./plain", "a/../../../b"):
            entry = tarfile.TarInfo(name)
            entry.size = 1
            archive.addfile(entry, io.BytesIO(b"x"))
    container = Container("c")
    code, _, _ = await run(container, "tar", "-xmf", "-", "-C", "/tmp", stdin=packed.getvalue())
    assert code == 0
    assert sorted(container.files) == ["/b", "/tmp/.hidden", "/tmp/plain"]


_WORD = st.sampled_from(
    ["exit", "echo", "cat", "ls", "tar", "rm", "test", "sh", "-c", "-C", "xf", "cf", "-", ";", "/"]
) | st.text(max_size=4)


@given(st.lists(_WORD, max_size=8))
async def test_any_command_ends(words: list[str]) -> None:
    """Whatever is asked for has an exit code as a process has one."""
    code, _, _ = await run(new_container("pod", "c"), *words, stdin=b"echo x\n")
    assert 0 <= code <= 255
