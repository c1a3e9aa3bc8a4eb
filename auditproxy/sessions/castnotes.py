"""What a recording says beside its streams: each a note, a JSON object with its ``type``.

A note is a line of its own with the event code NOTE. Players skip codes that they do not
know, so a note that a viewer should see has a label, which follows it as an asciicast marker.
Readers take the notes and ignore the labels: what a user typed can look like any label.
"""

from typing import Literal

import msgspec

from auditproxy.apis.session import Outcome

LONGEST_TEXT = 4096
"""Characters of one text in a note; what is over is cut."""
RecordingState = Literal["Complete", "Cut", "Failed"]
_LONGEST_LABEL = 200
_LARGEST_CODE = 1 << 31
"""Beyond any exit code, and below what JSON encoders refuse."""


class _Note(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    kw_only=True,
    rename="camel",
    tag_field="type",
):
    """One note."""

    @property
    def label(self) -> str:
        """The marker that players show; "" without one."""
        return ""


class CommandNote(_Note, frozen=True, kw_only=True, tag="Command"):
    """A line that was entered on the terminal; None where it was hidden."""

    line: str | None = None
    flags: tuple[str, ...] = ()
    folded: int = 0
    """It stands for so many lines, which came too fast to be noted; 0: for itself."""

    @property
    def label(self) -> str:
        """The line behind a dollar sign."""
        if self.folded:
            return f"$ ({self.folded} lines)"
        return _one_line("$ (hidden)" if self.line is None else f"$ {self.line}")


class InputClosedNote(_Note, frozen=True, kw_only=True, tag="InputClosed"):
    """The client closed standard input."""


class InputNote(_Note, frozen=True, kw_only=True, tag="Input"):
    """So many bytes of input were sent until here without a terminal; not all that will be.

    ``sha256`` is that of these, "" where some may be missing.
    """

    bytes: int = 0
    sha256: str = ""


class UnreadableNote(_Note, frozen=True, kw_only=True, tag="Unreadable"):
    """One direction could not be read from here on."""

    from_client: bool = False
    reason: str = ""

    @property
    def label(self) -> str:
        """What is missing from here on, and why."""
        side = "input" if self.from_client else "output"
        return _one_line(f"{side} unreadable: {self.reason}")


class GapNote(_Note, frozen=True, kw_only=True, tag="Gap"):
    """So many bytes are missing here: they were not read in time."""

    bytes: int = 0

    @property
    def label(self) -> str:
        """How much is missing."""
        return f"recording gap {self.bytes} bytes"


class StoppedNote(_Note, frozen=True, kw_only=True, tag="Stopped"):
    """No stream is recorded from here on; the session continued."""

    state: Literal["Cut", "Failed"] = "Cut"
    reason: str = ""

    @property
    def label(self) -> str:
        """Why nothing follows."""
        return _one_line(f"recording {self.state.lower()}: {self.reason}")


class UnfinishedNote(_Note, frozen=True, kw_only=True, tag="Unfinished"):
    """The recording was found without its end when the proxy started again."""

    @property
    def label(self) -> str:
        """Why there is no end."""
        return "recording unfinished: the proxy was killed"


class ConnectionOpenedNote(_Note, frozen=True, kw_only=True, tag="ConnectionOpened"):
    """A connection of a port-forward began."""

    connection: int = 0
    port: int = 0

    @property
    def label(self) -> str:
        """The port."""
        return f"connection {self.connection} to port {self.port}"


class ConnectionClosedNote(_Note, frozen=True, kw_only=True, tag="ConnectionClosed"):
    """A connection of a port-forward ended; ``bytes_in`` is what the client sent."""

    connection: int = 0
    port: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    duration_seconds: float = 0.0
    error: str = ""
    has_gap: bool = False
    """Something was not read in time while it was open."""

    @property
    def label(self) -> str:
        """The port and the bytes."""
        counts = f"{self.bytes_in} bytes in, {self.bytes_out} out"
        return f"connection {self.connection} to port {self.port} closed: {counts}"


class CopyNote(_Note, frozen=True, kw_only=True, tag="Copy"):
    """The session is a ``kubectl cp``: its tar stream is not recorded, only what is in it."""

    direction: str = ""
    path: str = ""

    @property
    def label(self) -> str:
        """The direction and the path."""
        return _one_line(f"kubectl cp, {self.direction}: {self.path}")


class CopiedFileNote(_Note, frozen=True, kw_only=True, tag="CopiedFile"):
    """One member of the tar stream; ``kind`` is file, directory, symlink, hardlink or other."""

    name: str = ""
    size: int = 0
    kind: str = "file"


class CopyEndNote(_Note, frozen=True, kw_only=True, tag="CopyEnd"):
    """What the tar stream held in all; ``fault`` says why its rest could not be read."""

    files: int = 0
    bytes: int = 0
    unnamed: int = 0
    """Members after the bound on names; they are counted in ``files``."""
    unread: int = 0
    """Bytes of the stream after a gap: neither read nor recorded."""
    fault: str = ""

    @property
    def label(self) -> str:
        """The counts."""
        files = "1 file" if self.files == 1 else f"{self.files} files"
        return f"copied {files}, {self.bytes} bytes"


class EndNote(_Note, frozen=True, kw_only=True, tag="End"):
    """The session ended; ``exit_code`` is None where the container's side did not say.

    ``missing_bytes`` of ``bytes_in`` and ``bytes_out`` are not in the recording. ``state`` is what
    the recording is worth: Complete if nothing is missing. ``input_sha256`` is that of the
    input without a terminal, "" where some of it may be missing.
    """

    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    bytes_in: int = 0
    bytes_out: int = 0
    missing_bytes: int = 0
    input_sha256: str = ""
    state: RecordingState = "Complete"

    @property
    def label(self) -> str:
        """The exit code, or the reason where there is none."""
        if self.exit_code is not None:
            return f"exit {self.exit_code}"
        return _one_line(f"end: {self.reason or 'unknown'}")


Note = (
    CommandNote
    | InputClosedNote
    | InputNote
    | UnreadableNote
    | GapNote
    | StoppedNote
    | UnfinishedNote
    | ConnectionOpenedNote
    | ConnectionClosedNote
    | CopyNote
    | CopiedFileNote
    | CopyEndNote
    | EndNote
)


def end_note(
    outcome: Outcome | None,
    reason: str,
    bytes_in: int,
    bytes_out: int,
    *,
    missing_bytes: int = 0,
    input_sha256: str = "",
    state: RecordingState = "Complete",
) -> EndNote:
    """The end of a session; ``reason`` counts where the container's side gives none."""
    told = outcome or Outcome(None)
    code = told.exit_code
    return EndNote(
        exit_code=code if code is not None and abs(code) < _LARGEST_CODE else None,
        reason=clean(told.reason or reason),
        message=clean(told.message),
        bytes_in=bytes_in,
        bytes_out=bytes_out,
        missing_bytes=missing_bytes,
        input_sha256=input_sha256,
        state=state,
    )


def clean(text: str, longest: int = LONGEST_TEXT) -> str:
    """Text that every reader of JSON takes: lone surrogates replaced, at most ``longest`` long."""
    if len(text) > longest:
        text = f"{text[: longest - 3]}..."
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _one_line(text: str) -> str:
    """For a list of markers: controls become spaces."""
    shown = "".join(char if char.isprintable() else " " for char in text[:_LONGEST_LABEL])
    return clean(shown, _LONGEST_LABEL)
