"""Credentials for the upstream: when they are read again, and that they never show."""

import asyncio
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.kubeconfig.credentials import (
    CredentialError,
    ExecCredential,
    ExecResult,
    FileCredential,
    NoCredential,
    StaticCredential,
    UpstreamTarget,
    bearer,
    expiry,
)
from tests.fakes.waiting import turns


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("host", "port", "scheme", "header"),
    [
        ("api.example.com", 443, "https", b"api.example.com"),
        ("api.example.com", 6443, "https", b"api.example.com:6443"),
        ("api.example.com", 80, "http", b"api.example.com"),
        ("127.0.0.1", 443, "http", b"127.0.0.1:443"),
        ("::1", 6443, "https", b"[::1]:6443"),
    ],
)
def test_host_header(host: str, port: int, scheme: str, header: bytes) -> None:
    """The Host line names the upstream, as Go's client writes it."""
    target = UpstreamTarget(host, port, scheme, host, "", None)
    assert target.host_header == header


async def test_static_and_none() -> None:
    """T306: what never changes; the value is in no repr."""
    static = StaticCredential("token", b"Bearer canary")
    static.invalidate()
    assert await static.authorization() == b"Bearer canary"
    assert "canary" not in repr(static)
    nothing = NoCredential()
    nothing.invalidate()
    assert await nothing.authorization() is None


class TestFile:
    """A token file that somebody else renews."""

    async def test_read_again(self, tmp_path: Path) -> None:
        """The file is read again after a minute, or when the upstream refused the token."""
        clock = Clock()
        path = tmp_path / "token"
        path.write_text("one\n")
        credential = FileCredential(path, clock=clock)
        assert await credential.authorization() == b"Bearer one"
        path.write_text("two")
        clock.now += 59
        assert await credential.authorization() == b"Bearer one"
        clock.now += 1
        assert await credential.authorization() == b"Bearer two"
        path.write_text("three")
        credential.invalidate()
        assert await credential.authorization() == b"Bearer three"
        assert "three" not in repr(credential)

    async def test_at_hand(self, tmp_path: Path) -> None:
        """What was read is at hand until it is to be read again, and stays one object."""
        clock = Clock()
        path = tmp_path / "token"
        path.write_text("canary")
        credential = FileCredential(path, clock=clock)
        assert credential.at_hand() is None
        await credential.authorization()
        first = credential.at_hand()
        assert first is not None
        assert first.authorization == b"Bearer canary"
        assert "canary" not in repr(first)
        clock.now += 60
        assert credential.at_hand() is None
        await credential.authorization()
        assert credential.at_hand() is first
        credential.invalidate()
        assert credential.at_hand() is None
        path.write_text("other")
        await credential.authorization()
        second = credential.at_hand()
        assert second is not None
        assert second.authorization == b"Bearer other"

    async def test_gone_later(self, tmp_path: Path) -> None:
        """A file that vanishes or is empty for a moment leaves the old token in use."""
        clock = Clock()
        path = tmp_path / "token"
        path.write_text("one")
        credential = FileCredential(path, clock=clock)
        await credential.authorization()
        path.unlink()
        clock.now += 60
        assert await credential.authorization() == b"Bearer one"
        path.write_text("")
        clock.now += 60
        assert await credential.authorization() == b"Bearer one"

    @pytest.mark.parametrize("content", [None, b"", b"  \n", b"a b", b"canary\r\nX: y"])
    async def test_unusable(self, tmp_path: Path, content: bytes | None) -> None:
        """What is no token is an error that names the file and not its content."""
        path = tmp_path / "token"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(CredentialError) as caught:
            await FileCredential(path).authorization()
        assert str(path) in str(caught.value)
        assert "canary" not in str(caught.value).replace(str(path), "")
        assert "\n" not in str(caught.value)


class TestExec:
    """An exec plugin, run on a thread."""

    async def test_run_again_at_expiry(self) -> None:
        """The plugin is run once and again shortly before its credential expires."""
        clock = Clock()
        runs: list[int] = []

        def run() -> ExecResult:
            runs.append(1)
            return ExecResult(token=f"token-{len(runs)}", expires=clock.now + 100)

        credential = ExecCredential("plugin", run, self.no_certificate, clock=clock)
        assert await credential.authorization() == b"Bearer token-1"
        clock.now += 89
        assert await credential.authorization() == b"Bearer token-1"
        clock.now += 1
        assert await credential.authorization() == b"Bearer token-2"
        credential.invalidate()
        assert await credential.authorization() == b"Bearer token-3"
        assert "token-3" not in repr(credential)
        assert "canary" not in repr(ExecResult("canary", "canary", "canary"))

    async def test_at_hand(self) -> None:
        """What the plugin gave is at hand until it expires or is refused; then it must run again."""
        clock = Clock()
        results = [
            ExecResult(token="one", expires=clock.now + 100),
            ExecResult(token="two"),
            ExecResult(token="a b"),
            ExecResult(certificate="c", key="k"),
        ]
        credential = ExecCredential(
            "plugin", lambda: results.pop(0), lambda certificate, key: None, clock=clock
        )
        assert credential.at_hand() is None
        await credential.authorization()
        first = credential.at_hand()
        assert first is not None
        assert first.authorization == b"Bearer one"
        assert credential.at_hand() is first
        clock.now += 100
        assert credential.at_hand() is None
        await credential.authorization()
        second = credential.at_hand()
        assert second is not None
        assert second.authorization == b"Bearer two"
        credential.invalidate()
        assert credential.at_hand() is None
        with pytest.raises(CredentialError):
            await credential.authorization()
        assert credential.at_hand() is None
        credential.invalidate()
        assert await credential.authorization() is None
        without = credential.at_hand()
        assert without is not None
        assert without.authorization is None

    def no_certificate(self, certificate: str, key: str) -> None:
        """Refuse a certificate."""
        raise AssertionError("no certificate was given")

    async def test_one_run_for_all(self) -> None:
        """Many who need it at once wait for one run, which a leaving one does not end."""
        release = threading.Event()
        runs: list[int] = []

        def run() -> ExecResult:
            runs.append(1)
            assert release.wait(10)
            return ExecResult(token="t")

        credential = ExecCredential("plugin", run, self.no_certificate)
        waiting = [asyncio.ensure_future(credential.authorization()) for _ in range(5)]
        await turns()
        waiting[0].cancel()
        release.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert results[1:] == [b"Bearer t"] * 4
        assert len(runs) == 1

    async def test_certificate(self) -> None:
        """A certificate is loaded before anybody connects, once per certificate."""
        loaded: list[tuple[str, str]] = []
        credential = ExecCredential(
            "plugin",
            lambda: ExecResult(certificate="C", key="K"),
            lambda certificate, key: loaded.append((certificate, key)),
        )
        assert await credential.authorization() is None
        credential.invalidate()
        assert await credential.authorization() is None
        assert loaded == [("C", "K"), ("C", "K")]

    async def test_failures_are_not_kept(self) -> None:
        """A failed run is an error now and another try next time."""
        answers: list[ExecResult | None] = [None, ExecResult(token="t")]

        def run() -> ExecResult:
            answer = answers.pop(0)
            if answer is None:
                raise CredentialError("the exec plugin 'plugin' returned 1")
            return answer

        credential = ExecCredential("plugin", run, self.no_certificate)
        with pytest.raises(CredentialError):
            await credential.authorization()
        assert await credential.authorization() == b"Bearer t"

    async def test_hanging_plugin(self) -> None:
        """A plugin that does not end is an error for those who wait."""
        release = threading.Event()

        def run() -> ExecResult:
            release.wait(10)
            return ExecResult(token="t")

        credential = ExecCredential("plugin", run, self.no_certificate, timeout=0.01)
        with pytest.raises(CredentialError) as caught:
            await credential.authorization()
        assert "did not end within 0.01 seconds" in str(caught.value)
        release.set()
        assert await asyncio.wait_for(self.until_token(credential), 10) == b"Bearer t"

    async def until_token(self, credential: ExecCredential) -> bytes | None:
        """The token, as soon as the run that hung has ended."""
        while True:
            try:
                return await credential.authorization()
            except CredentialError:
                continue


@given(st.binary(max_size=20))
def test_bearer(token: bytes) -> None:
    """A token is written as it is, or refused: it cannot add a line."""
    try:
        value = bearer(token, "the test")
    except CredentialError:
        return
    assert value == b"Bearer " + token
    assert value.split() == [b"Bearer", token]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T01:01:00+01:00", 60.0),
        ("1970-01-01T00:01:00.5Z", 60.5),
        ("1970-01-01T00:01:00", 60.0),
    ],
)
def test_expiry(text: str | None, seconds: float | None) -> None:
    """Expiry times in every form that plugins print."""
    assert expiry(text, "the test") == seconds


@pytest.mark.parametrize("text", ["soon", "1970-13-01T00:00:00Z", 12])
def test_bad_expiry(text: object) -> None:
    """What is no time is an error, not a credential for ever."""
    with pytest.raises(CredentialError):
        expiry(text, "the test")


async def test_at_hand() -> None:
    """What never changes is always at hand, as one object; no repr shows it."""
    credential = StaticCredential("token", b"Bearer canary")
    assert credential.at_hand().authorization == b"Bearer canary"
    assert credential.at_hand() is credential.at_hand()
    assert "canary" not in repr(credential.at_hand())
    assert NoCredential().at_hand().authorization is None
    assert NoCredential().at_hand() is NoCredential().at_hand()
