"""Simulated containers: a file system in memory and a handful of commands.

Enough for ``kubectl exec``, ``cp`` and ``attach`` to work against.
Nothing is ever executed on the machine.
"""

import asyncio
import io
import math
import posixpath
import shlex
import tarfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Write = Callable[[bytes], Awaitable[None]]

NOT_FOUND = 127
LONGEST_SLEEP = 5.0
PIECE = 32 * 1024


@dataclass
class Container:
    """One container: files by absolute path, and an environment."""

    name: str
    files: dict[str, bytes] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def listing(self, folder: str) -> list[str]:
        """The names right below a folder."""
        prefix = folder.rstrip("/") + "/"
        return sorted({p[len(prefix) :].split("/")[0] for p in self.files if p.startswith(prefix)})

    def is_folder(self, path: str) -> bool:
        """Whether there are files below a path."""
        return path == "/" or path == "/tmp" or bool(self.listing(path))  # noqa: S108

    def below(self, path: str) -> list[str]:
        """The file at a path, or every file below it."""
        prefix = path.rstrip("/") + "/"
        return sorted(p for p in self.files if p == path or p.startswith(prefix))


def new_container(pod: str, name: str) -> Container:
    """Return a container in the initial state of every pod."""
    return Container(
        name,
        {"/etc/hostname": f"{pod}\n".encode(), "/data/hello.txt": b"hello\n"},
        {"HOSTNAME": pod, "PATH": "/bin:/usr/bin", "KUBERNETES_SERVICE_HOST": "10.0.0.1"},
    )


class _Exited(Exception):  # noqa: N818 - an end, not a fault
    """A script said ``exit``."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Process:
    """One command in a container, with its three streams; a shell asks with ``prompt``."""

    container: Container
    stdin: asyncio.StreamReader
    out: Write
    err: Write
    prompt: bytes = b""

    async def run(self, words: list[str]) -> int:
        """Run a command; returns its exit code, 127 for one that is not known."""
        name = words[0].rpartition("/")[2] if words else ""
        handler = getattr(self, f"_do_{name.replace('-', '_')}", None)
        if not name.isidentifier() or handler is None:
            await self.err(f"{name}: not found\n".encode())
            return NOT_FOUND
        code: int = await handler(words[1:])
        return code

    async def _do_sh(self, words: list[str]) -> int:
        code = 0
        try:
            if words[:1] == ["-c"]:
                return await self._script(words[1] if len(words) > 1 else "", code)
            while line := await self._asked():
                code = await self._script(line.decode(errors="replace"), code)
        except _Exited as exited:
            return exited.code
        return code

    async def _asked(self) -> bytes:
        if self.prompt:
            await self.out(self.prompt)
        return await self.stdin.readline()

    _do_bash = _do_sh

    async def _script(self, text: str, code: int) -> int:
        """Run commands; ``code`` is the last one's before them. Raises _Exited."""
        for command in text.replace("\n", ";").split(";"):
            try:
                words = shlex.split(command)
            except ValueError:
                await self.err(b"sh: syntax error\n")
                return 2
            if not words:
                continue
            if words[0] == "exit":
                raise _Exited(_number(words[1:], code) & 0xFF)
            code = await self.run([self._expanded(word) for word in words])
        return code

    def _expanded(self, word: str) -> str:
        for name, value in self.container.environment.items():
            word = word.replace(f"${name}", value)
        return word

    async def _do_echo(self, words: list[str]) -> int:
        await self.out((" ".join(words) + "\n").encode())
        return 0

    async def _do_cat(self, words: list[str]) -> int:
        if not words:
            while data := await self.stdin.read(PIECE):
                await self.out(data)
            return 0
        for path in words:
            if path not in self.container.files:
                await self.err(f"cat: {path}: No such file or directory\n".encode())
                return 1
            await self.out(self.container.files[path])
        return 0

    async def _do_ls(self, words: list[str]) -> int:
        path = next((word for word in words if not word.startswith("-")), "/")
        if path in self.container.files:
            await self.out(f"{path}\n".encode())
            return 0
        if not self.container.is_folder(path):
            await self.err(f"ls: {path}: No such file or directory\n".encode())
            return 1
        await self.out("".join(f"{name}\n" for name in self.container.listing(path)).encode())
        return 0

    async def _do_test(self, words: list[str]) -> int:
        known = words[:1] == ["-d"] and len(words) == 2 and self.container.is_folder(words[1])
        return 0 if known else 1

    async def _do_env(self, words: list[str]) -> int:
        lines = [f"{name}={value}\n" for name, value in self.container.environment.items()]
        await self.out("".join(lines).encode())
        return 0

    async def _do_pwd(self, words: list[str]) -> int:
        await self.out(b"/\n")
        return 0

    async def _do_hostname(self, words: list[str]) -> int:
        await self.out(self.container.environment["HOSTNAME"].encode() + b"\n")
        return 0

    async def _do_id(self, words: list[str]) -> int:
        await self.out(b"uid=0(root) gid=0(root) groups=0(root)\n")
        return 0

    async def _do_true(self, words: list[str]) -> int:
        return 0

    async def _do_false(self, words: list[str]) -> int:
        return 1

    async def _do_sleep(self, words: list[str]) -> int:
        try:
            seconds = float(words[0])
        except (IndexError, ValueError):
            seconds = math.nan
        if not seconds >= 0:
            await self.err(b"sleep: invalid number\n")
            return 1
        await asyncio.sleep(min(seconds, LONGEST_SLEEP))
        return 0

    async def _do_rm(self, words: list[str]) -> int:
        for path in words:
            for found in self.container.below(path):
                del self.container.files[found]
        return 0

    async def _do_tar(self, words: list[str]) -> int:
        """``tar cf - PATH`` and ``tar xmf - -C FOLDER``, as kubectl cp runs them."""
        mode = words[0].lstrip("-") if words else ""
        rest = [word for word in words[1:] if word != "-"]
        if mode.startswith("c"):
            return await self._pack(rest[-1] if rest else "/")
        if mode.startswith("x"):
            after = rest[rest.index("-C") + 1 :] if "-C" in rest else []
            return await self._unpack(after[0] if after else "/")
        await self.err(b"tar: only c and x\n")
        return 2

    async def _pack(self, path: str) -> int:
        paths = self.container.below(path)
        if not paths:
            await self.err(f"tar: {path}: No such file or directory\n".encode())
            return 1
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for found in paths:
                entry = tarfile.TarInfo(found.lstrip("/"))
                entry.size = len(self.container.files[found])
                archive.addfile(entry, io.BytesIO(self.container.files[found]))
        content = packed.getvalue()
        for start in range(0, len(content), PIECE):
            await self.out(content[start : start + PIECE])
        return 0

    async def _unpack(self, folder: str) -> int:
        content = await self.stdin.read()
        try:
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                for entry in archive:
                    file = archive.extractfile(entry)
                    if file is not None:
                        path = posixpath.join("/", folder, entry.name.lstrip("/"))
                        self.container.files[posixpath.normpath(path)] = file.read()
        except tarfile.TarError as error:
            await self.err(f"tar: {error}\n".encode())
            return 2
        return 0


def _number(words: list[str], otherwise: int) -> int:
    digits = words[0] if words else ""
    # A longer number is not a valid exit code, and slow to convert.
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else otherwise
