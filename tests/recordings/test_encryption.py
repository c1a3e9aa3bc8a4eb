"""age keys, and recordings that only their owner can read: by us, and with age and tar alone."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditproxy.apis.faults import Unusable
from auditproxy.apis.session import Carried, Channel, Outcome, Record
from auditproxy.apis.units import SECOND
from auditproxy.recordings.encryption import (
    FAULTS_SHOWN,
    DecryptionError,
    decryption_with,
    encryption_to,
    recipients_in,
)
from auditproxy.recordings.reading import NeedsIdentity, UnreadableRecording, read_events
from auditproxy.recordings.segments import SealedForm
from auditproxy.sessions.castnotes import EndNote, UnfinishedNote
from auditproxy.sessions.castreader import CastData, CastNote
from tests.documents import ROOT, blocks, run
from tests.fakes.recorded import Stores, a_session

pyrage = pytest.importorskip("pyrage")

SECRET = b"what was shown to alice\r\n"


class Key:
    """A pair of keys, the secret one in a file."""

    def __init__(self, folder: Path) -> None:
        identity = pyrage.x25519.Identity.generate()
        self.recipient = str(identity.to_public())
        self.path = folder / "identity.txt"
        self.path.write_text(f"# public key: {self.recipient}\n{identity}\n")


@pytest.fixture
def key(tmp_path: Path) -> Key:
    """A key that age-keygen could have made."""
    return Key(tmp_path)


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    """Stores of a folder that does not exist yet."""
    return Stores(tmp_path / "recordings")


def recorded(stores: Stores, key: Key) -> Path:
    """A finished recording of two segments and an end."""
    encrypt = encryption_to([key.recipient])
    recording = stores.new(new_form=lambda: SealedForm(encrypt)).open(
        a_session(), Record.OUTPUT, moment=0, columns=80, rows=24
    )
    for turn in range(2):
        recording.take(turn * SECOND, [Carried(Channel.STDOUT, SECRET)])
        recording.flush()
    return Path(recording.finish(3 * SECOND, Outcome(0)).path)


def output(path: Path, key: Key) -> bytes:
    """What the container wrote."""
    events = read_events(path, decryption_with(key.path))
    return b"".join(event.data for event in events if isinstance(event, CastData))


def test_only_the_owner_reads_it(stores: Stores, key: Key, tmp_path: Path) -> None:
    """Nothing of it is in the file, not even whose it is."""
    path = recorded(stores, key)
    assert path.name.endswith(".cast.age.tar")
    content = path.read_bytes()
    assert SECRET not in content
    assert b"alice" not in content
    assert output(path, key) == SECRET * 2
    with pytest.raises(NeedsIdentity, match="an identity is needed"):
        list(read_events(path))
    (tmp_path / "other").mkdir()
    other = Key(tmp_path / "other")
    with pytest.raises(UnreadableRecording, match="encrypted to other recipients"):
        output(path, other)


def test_with_age_and_tar_alone(stores: Stores, key: Key, tmp_path: Path) -> None:
    """The commands of docs/sessions.md give a recording that asciinema plays."""
    if shutil.which("age") is None:
        pytest.skip("age is not installed")
    recorded(stores, key).rename(tmp_path / "recording.cast.age.tar")
    key.path.rename(tmp_path / "key.txt")
    page = blocks(ROOT / "docs" / "sessions.md")
    (block,) = (one for one in page if one.what == "tests/recordings/test_encryption.py")
    run("\n".join(block.commands), tmp_path)
    cast = tmp_path / "recording.cast"
    pytest.importorskip("asciinema")
    done = subprocess.run(
        [sys.executable, "-m", "asciinema", "cat", str(cast)],
        capture_output=True,
        check=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "utf-8"},
    )
    assert done.stdout.count(SECRET.strip()) == 2


@pytest.mark.parametrize("sealed_again", [True, False])
def test_left_over(stores: Stores, key: Key, sealed_again: bool) -> None:
    """After kill -9 it is whole to its last segment, and marked while there is a key."""
    path = recorded(stores, key)
    whole = path.read_bytes()
    part = path.with_name(path.name + ".part")
    path.unlink()
    # Without the archive's end, the segment of the end, and a half of the one before.
    part.write_bytes(whole[: len(whole) - 1024 - 2048])
    encrypt = encryption_to([key.recipient])
    if sealed_again:
        stores.new(new_form=lambda: SealedForm(encrypt))
    else:
        stores.new()
    assert stores.files() == [path.name]
    events = list(read_events(path, decryption_with(key.path)))
    notes = [event.note for event in events if isinstance(event, CastNote)]
    assert notes == ([UnfinishedNote()] if sealed_again else [])
    assert SECRET in output(path, key)
    subprocess.run(["tar", "tf", str(path)], check=True, capture_output=True)


def test_ssh_keys(tmp_path: Path) -> None:
    """age takes them, and so does this."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    path = tmp_path / "id_ed25519"
    path.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
    )
    sealed = encryption_to([f"{public.decode()} alice@laptop"])(SECRET)
    assert decryption_with(path)(sealed) == SECRET


def test_damaged(key: Key) -> None:
    """A changed byte is found."""
    sealed = bytearray(encryption_to([key.recipient])(SECRET))
    sealed[-1] ^= 1
    with pytest.raises(DecryptionError):
        decryption_with(key.path)(bytes(sealed))


def test_faults(tmp_path: Path, key: Key) -> None:
    """Each wrong recipient has its line; nothing of a secret is quoted."""
    secret = key.path.read_text().splitlines()[1]
    with pytest.raises(Unusable) as raised:
        encryption_to([key.recipient, "age1x", secret])
    assert [fault.partition(" is")[0] for fault in raised.value.faults] == [
        "recipient 2",
        "recipient 3",
    ]
    assert secret not in str(raised.value)
    assert "recipient 3 is a secret key, which opens recordings" in raised.value.faults[1]
    with pytest.raises(Unusable, match="no recipient is given"):
        encryption_to([])
    with pytest.raises(Unusable, match="cannot be read: no such file"):
        decryption_with(tmp_path / "missing")
    for content in (b"", b"\xff", b"hello\n", secret[:-1].encode()):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(Unusable, match="bad is not a file of identities") as raised:
            decryption_with(tmp_path / "bad")
        assert secret[:20] not in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("OPENSSH PRIVATE KEY", "is a secret key, which opens recordings and does not belong"),
        ("CERTIFICATE", "is a PEM file; give a public one"),
    ],
)
def test_a_pem_file_as_recipients(kind: str, fault: str) -> None:
    """One fault, and not one for each of its lines."""
    text = f"-----BEGIN {kind}-----\n" + "b3BlbnNzaC1rZXk\n" * 9 + f"-----END {kind}-----\n"
    with pytest.raises(Unusable) as raised:
        encryption_to(recipients_in(text))
    (found,) = raised.value.faults
    assert fault in found


def test_many_faults_are_summed_up() -> None:
    """The file is another one."""
    with pytest.raises(Unusable) as raised:
        encryption_to(["hello"] * 20)
    assert len(raised.value.faults) == FAULTS_SHOWN + 1
    assert raised.value.faults[-1] == f"and {20 - FAULTS_SHOWN} more"


def test_several_identities(stores: Stores, key: Key, tmp_path: Path) -> None:
    """Whichever of them opens a recording."""
    (tmp_path / "other").mkdir()
    other = Key(tmp_path / "other")
    path = recorded(stores, key)
    events = list(read_events(path, decryption_with(other.path, key.path)))
    assert any(isinstance(event, CastData) for event in events)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The fault names the extra."""
    monkeypatch.setitem(sys.modules, "pyrage", None)
    with pytest.raises(Unusable, match=r"pip install '\.\[encryption\]'") as raised:
        encryption_to(["age1", "age1" + "q" * 58, "ssh-ed25519 AAAA user@host"])
    assert len(raised.value.faults) == 2
    assert "recipient 1 is not a public key" in raised.value.faults[1]
    with pytest.raises(Unusable, match=r"pip install '\.\[encryption\]'"):
        decryption_with(tmp_path)


def test_recipients_of_a_file() -> None:
    """Comments and empty lines are left out."""
    assert recipients_in("# ops\nage1a\n\n  ssh-ed25519 AAAA x  \n") == (
        "age1a",
        "ssh-ed25519 AAAA x",
    )


def test_the_end_is_encrypted_too(stores: Stores, key: Key) -> None:
    """How it ended is known to the owner alone."""
    events = list(read_events(recorded(stores, key), decryption_with(key.path)))
    end = [event.note for event in events if isinstance(event, CastNote)]
    assert end == [EndNote(exit_code=0, bytes_out=2 * len(SECRET))]
