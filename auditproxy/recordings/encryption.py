"""age keys: recipients, for which recordings are encrypted, and identities, which read them.

The proxy has recipients alone and cannot read what it wrote. The package pyrage is imported where
it is used: it comes with the extra ``encryption``.

Format: age-encryption.org/v1, and the recipients of SSH keys that age takes as well.
"""

import errno
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from auditproxy.apis.faults import Unusable, missing_extra
from auditproxy.recordings.appending import reason_of

Encrypt = Callable[[bytes], bytes]
Decrypt = Callable[[bytes], bytes]

_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}|ssh-(?:ed25519|rsa) [A-Za-z0-9+/]+=*")
_SECRET = re.compile(r"AGE-SECRET-KEY-", re.IGNORECASE)
_PEM = "-----"
_NOT_HERE = "which opens recordings and does not belong on the proxy's machine"
_PUBLIC = "give a public one: age1..., as age-keygen -y KEY.txt prints it, or the .pub file of SSH"
FAULTS_SHOWN = 3
"""Recipients that are named as not valid; the file is probably another one."""
_LARGEST_FILE = 1024 * 1024


class DecryptionError(ValueError):
    """What was to be decrypted is damaged, or encrypted to others."""


def encryption_to(recipients: Sequence[str]) -> Encrypt:
    """Encrypts bytes to all of the recipients: ``age1...``, ``ssh-ed25519 ...``, ``ssh-rsa ...``.

    What it returns raises OSError. Raises Unusable with a line for each recipient that is not
    valid.
    """
    faults: list[str] = []
    try:
        pyrage = _pyrage()
    except Unusable as error:
        pyrage = None
        faults += error.faults
    keys = []
    for number, text in enumerate(recipients, 1):
        key = _recipient(text, pyrage)
        if key is not None:
            keys.append(key)
        else:
            faults.append(_fault_of(number, text))
    if any(text.startswith(_PEM) for text in recipients):
        secret = any("PRIVATE KEY--" in text for text in recipients)
        faults = [f"{f'is a secret key, {_NOT_HERE}' if secret else 'is a PEM file'}; {_PUBLIC}"]
    elif len(faults) > FAULTS_SHOWN:
        faults = [*faults[:FAULTS_SHOWN], f"and {len(faults) - FAULTS_SHOWN} more"]
    if not recipients:
        faults.append("no recipient is given; give a public key such as age1...")
    if pyrage is None or faults:
        raise Unusable(*faults)

    def encrypt(content: bytes) -> bytes:
        try:
            sealed: bytes = pyrage.encrypt(content, keys)
        except pyrage.EncryptError:
            raise OSError(errno.EIO, "encryption failed") from None
        return sealed

    encrypt(b"")
    return encrypt


def _fault_of(number: int, text: str) -> str:
    if _SECRET.match(text):
        return f"recipient {number} is a secret key, {_NOT_HERE}; {_PUBLIC}"
    return f"recipient {number} is not a public key of age or SSH; {_PUBLIC}"


def _recipient(text: str, pyrage: ModuleType | None) -> Any:
    """The public key of a recipient, None for what is not one; without the package its text.

    Without the package only the form is checked.
    """
    words = text.split()
    is_ssh = bool(words) and words[0].startswith("ssh-")
    text = " ".join(words[:2]) if is_ssh else text.strip()
    if pyrage is None:
        return text if _RECIPIENT.fullmatch(text) else None
    try:
        return (
            pyrage.ssh.Recipient.from_str(text)
            if is_ssh
            else (pyrage.x25519.Recipient.from_str(text))
        )
    except pyrage.RecipientError:
        return None


def recipients_in(text: str) -> tuple[str, ...]:
    """The recipients of a file: one a line, without comments and empty lines."""
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def decryption_with(*paths: Path) -> Decrypt:
    """Decrypts with the identities of files, which age-keygen or ssh-keygen wrote.

    What it returns raises DecryptionError. Raises Unusable, which quotes nothing of the files.
    """
    pyrage = _pyrage()
    identities = [each for path in paths for each in _identities(path, pyrage)]

    def decrypt(sealed: bytes) -> bytes:
        try:
            content: bytes = pyrage.decrypt(sealed, identities)
        except pyrage.DecryptError:
            raise DecryptionError("damaged, or encrypted to other recipients") from None
        return content

    return decrypt


def _identities(path: Path, pyrage: ModuleType) -> list[Any]:
    """Those of one file; raises Unusable."""
    identities: list[Any]
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE)
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {reason_of(error)}") from None
    try:
        if b"PRIVATE KEY--" in content:
            identities = [pyrage.ssh.Identity.from_buffer(content)]
        else:
            lines = recipients_in(content.decode("ascii"))
            identities = [pyrage.x25519.Identity.from_str(line) for line in lines]
    except (pyrage.IdentityError, ValueError):
        identities = []
    if not identities:
        raise Unusable(
            f"{path} is not a file of identities; give one that age-keygen wrote, or an SSH key "
            "without a passphrase"
        )
    return identities


def _pyrage() -> ModuleType:
    try:
        import pyrage
    except ImportError:
        raise Unusable(f"encrypted recordings need {missing_extra('encryption')}") from None
    module: ModuleType = pyrage
    return module
