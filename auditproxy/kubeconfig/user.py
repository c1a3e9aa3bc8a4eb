"""The credential of a kubeconfig's user: tokenFile, token, exec, username and password.

The first that is there counts.
"""

import base64
import os
import shutil
import ssl
from typing import Any

from auditproxy.kubeconfig.credentials import (
    Credential,
    CredentialError,
    ExecCredential,
    ExecResult,
    FileCredential,
    NoCredential,
    StaticCredential,
    bearer,
    expiry,
)
from auditproxy.kubeconfig.document import Entry, text_of
from auditproxy.kubeconfig.tls import load_chain


def credential_of(
    user: Entry, cluster: Entry, context: ssl.SSLContext | None, source: str
) -> Credential:
    """The user's credential; a certificate of an exec plugin goes into ``context``."""
    token_file = text_of(user, "tokenFile", source)
    if token_file:
        return FileCredential(user.directory / token_file)
    token = text_of(user, "token", source)
    if token:
        return StaticCredential("token", bearer(token.encode(), source))
    if user.get("exec"):
        return _exec_credential(user, cluster, context, source)
    name, password = text_of(user, "username", source), text_of(user, "password", source)
    if name:
        pair = base64.b64encode(f"{name}:{password}".encode())
        return StaticCredential("basic", b"Basic " + pair)
    return NoCredential()


def _exec_credential(
    user: Entry, cluster: Entry, context: ssl.SSLContext | None, source: str
) -> ExecCredential:
    from auditproxy.kubeconfig.execplugin import ExecPlugin, PluginError

    try:
        program = ExecPlugin.read(user["exec"], cluster, user.directory)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise CredentialError(
            f"{source}: exec needs command and apiVersion, args and env as lists"
        ) from None
    plugin = f"the exec plugin {program.command!r} of {source}"

    def run() -> ExecResult:
        try:
            status = program.run()
        except OSError as error:
            raise CredentialError(
                f"{plugin} cannot be run: {error.strerror}; install it or correct exec.command"
            ) from None
        except PluginError as error:
            raise CredentialError(f"{plugin} {error}; run it manually to see the error") from None
        return _exec_result(status, plugin)

    def load_certificate(certificate: str, key: str) -> None:
        if context is not None:
            load_chain(context, certificate.encode(), key.encode(), plugin)

    return ExecCredential(program.command, run, load_certificate)


def _is_unicode(text: str) -> bool:
    """Whether a text has no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_credential(credential: Credential, user: Entry, source: str) -> None:
    """See that what the credential is made of is there; raises CredentialError.

    As client-go, which reads a token file before the first request. Nothing is run.
    """
    if isinstance(credential, FileCredential):
        try:
            credential.check()
        except CredentialError as error:
            raise CredentialError(f"{source}: {error}") from None
    if isinstance(credential, ExecCredential):
        command = str(user["exec"]["command"])
        if not _is_installed(command, user):
            raise CredentialError(
                f"the exec plugin {command!r} of {source} cannot be run: program not found; "
                "install it or correct exec.command"
            )


def _is_installed(command: str, user: Entry) -> bool:
    """Whether the program is there, as it will be looked for: with the PATH of the entry's env."""
    variables = user["exec"].get("env") or ()
    path = next((each["value"] for each in variables if each.get("name") == "PATH"), None)
    name = str(user.directory / command) if os.sep in command else command
    return shutil.which(name, path=path) is not None


def _exec_result(status: Any, plugin: str) -> ExecResult:
    if not isinstance(status, dict):
        raise CredentialError(f"{plugin} returned no status")
    token = status.get("token") or ""
    certificate = status.get("clientCertificateData") or ""
    key = status.get("clientKeyData") or ""
    if not all(isinstance(text, str) for text in (token, certificate, key)):
        raise CredentialError(f"{plugin} returned a status whose members are not strings")
    if not token and not (certificate and key):
        raise CredentialError(f"{plugin} returned neither a token nor a certificate with its key")
    if not all(_is_unicode(text) for text in (token, certificate, key)):
        raise CredentialError(f"{plugin} returned text that is not valid Unicode")
    return ExecResult(token, certificate, key, expiry(status.get("expirationTimestamp"), plugin))
