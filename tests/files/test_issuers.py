"""Which issuers are trusted: the file, the flags, and their faults."""

import sys
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.authentication.tokens.jws import ALGORITHMS
from auditproxy.files.issuers import (
    AUTHENTICATION_CONFIG,
    NOBODY_TRUSTED,
    OIDC_FLAGS,
    Trusted,
    read_authentication,
)
from auditproxy.files.trustedfile import Remarks
from auditproxy.options import AuthenticationOptions, Options
from auditproxy.options.authenticationfaults import authentication_faults
from tests.fakes.webhook import server_context

FLAGS: dict[str, Any] = {
    "oidc_issuer_url": "https://issuer.example",
    "oidc_client_id": "us",
    "oidc_groups_claim": "groups",
}
HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n"
ISSUER = """\
jwt:
- issuer: {url: "https://issuer.example", audiences: [us]}
  claimMappings: {username: {expression: claims.sub}}
"""


def read(**settings: Any) -> tuple[Trusted, list[str]]:
    """What settings mean, and their faults."""
    try:
        return read_authentication(AuthenticationOptions(**settings)) or NOBODY_TRUSTED, []
    except Unusable as error:
        return NOBODY_TRUSTED, list(error.faults)


@pytest.mark.parametrize(
    ("settings", "claims", "name"),
    [
        ({}, {"sub": "a"}, "https://issuer.example#a"),
        ({"oidc_username_prefix": "-"}, {"sub": "a"}, "a"),
        ({"oidc_username_prefix": "p:"}, {"sub": "a"}, "p:a"),
        ({"oidc_username_claim": "email"}, {"email": "a@b"}, "a@b"),
        ({"oidc_username_claim": "upn"}, {"upn": "a"}, "https://issuer.example#a"),
    ],
)
def test_username_of_the_flags(settings: dict[str, str], claims: dict[str, str], name: str) -> None:
    """kube-apiserver's rule of the prefix."""
    trusted, faults = read(**FLAGS, **settings)
    assert faults == []
    assert trusted.issuers[0].mapper.user(claims).username == name


def test_other_flags() -> None:
    """Groups, required claims and algorithms."""
    trusted, faults = read(
        **FLAGS,
        oidc_groups_prefix="g:",
        oidc_required_claim=("hd=e.com",),
        oidc_signing_algs=("ES256",),
    )
    (issuer,) = trusted.issuers
    assert faults == []
    user = issuer.mapper.user({"sub": "a", "groups": ["x"], "hd": "e.com"})
    assert user.groups == ("g:x",)
    assert issuer.jwt.signing_algorithms == {"ES256"}
    assert issuer.jwt.issuer.audiences == ("us",)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"oidc_issuer_url": "https://i"}, "must be specified together"),
        ({"oidc_client_id": "us"}, "must be specified together"),
        ({**FLAGS, "authentication_config": "x"}, "mutually exclusive"),
        ({**FLAGS, "oidc_required_claim": ("a",)}, "must be name=value"),
        ({**FLAGS, "oidc_signing_algs": ("HS256",)}, 'unsupported signing alg: "HS256"'),
        ({**FLAGS, "oidc_signing_algs": ()}, "must not be empty"),
    ],
)
def test_faults_of_the_flags(settings: dict[str, Any], says: str) -> None:
    """What shows without reading a file."""
    assert any(says in fault for fault in authentication_faults(AuthenticationOptions(**settings)))


def test_algorithms_of_the_flags() -> None:
    """The flag takes what signatures can be checked with, no more and no less."""
    for algorithm in (*ALGORITHMS, "HS256", "none"):
        settings = AuthenticationOptions(**FLAGS, oidc_signing_algs=(algorithm,))
        assert (authentication_faults(settings) == []) == (algorithm in ALGORITHMS)


def test_faults_of_the_issuer() -> None:
    """An issuer without TLS is refused, by flag as by file."""
    _, faults = read(**{**FLAGS, "oidc_issuer_url": "http://issuer.example"})
    assert any("https" in fault for fault in faults)


def test_file(tmp_path: Path) -> None:
    """The file's issuers; nothing without file and flags."""
    path = tmp_path / "config"
    path.write_text(HEAD + ISSUER, encoding="utf-8")
    trusted, faults = read(authentication_config=str(path))
    assert faults == []
    assert trusted.issuers[0].mapper.user({"sub": "a"}).username == "a"
    assert read() == (NOBODY_TRUSTED, [])


@pytest.mark.parametrize(
    ("settings", "by_file", "by_flags"),
    [
        ({"authentication_config": "c"}, ("c",), ()),
        ({**FLAGS, "oidc_ca_file": "ca"}, (), ("ca",)),
        (FLAGS, (), ()),
        ({}, (), ()),
    ],
)
def test_rows_exclude_each_other(
    settings: dict[str, Any], by_file: tuple[str, ...], by_flags: tuple[str, ...]
) -> None:
    """A change shows in the file of one row at most, and only that row reads anything."""
    given = Options(authentication=AuthenticationOptions(**settings))
    assert AUTHENTICATION_CONFIG.paths is not None
    assert OIDC_FLAGS.paths is not None
    assert AUTHENTICATION_CONFIG.paths(given, None) == by_file
    assert OIDC_FLAGS.paths(given, None) == by_flags
    idle = OIDC_FLAGS if by_file else AUTHENTICATION_CONFIG
    assert idle.read(given, Remarks()) is None


def test_anonymous_does_not_change(tmp_path: Path) -> None:
    """Where anonymous requests may go needs a restart; other changes do not."""
    path = tmp_path / "config"
    path.write_text(HEAD + ISSUER, encoding="utf-8")
    given = Options(authentication=AuthenticationOptions(authentication_config=str(path)))
    current = AUTHENTICATION_CONFIG.read(given, Remarks())
    assert AUTHENTICATION_CONFIG.read_again(given, Remarks(), current) is not current
    path.write_text(HEAD + ISSUER + "anonymous: {enabled: true}\n", encoding="utf-8")
    with pytest.raises(Unusable, match="anonymous cannot change at run time; restart to apply it"):
        AUTHENTICATION_CONFIG.read_again(given, Remarks(), current)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD + "jwt: [{}]\n", "jwt[0].issuer.url"),
        (HEAD + ISSUER.replace("claims.sub", "claims.sub +"), "Syntax error"),
        (
            HEAD + ISSUER.replace("[us]", "[us], certificateAuthority: nonsense"),
            "issuer.certificateAuthority is not a PEM bundle of certificates; give one",
        ),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_faults_of_the_file(tmp_path: Path, text: str | None, says: str) -> None:
    """Each names the flag."""
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    _, faults = read(authentication_config=str(path))
    assert any("--authentication-config" in fault and says in fault for fault in faults), faults


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expressions without the extra are one clear fault; without expressions it is not missed."""
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    path = tmp_path / "config"
    path.write_text(HEAD + ISSUER, encoding="utf-8")
    _, faults = read(authentication_config=str(path))
    assert any("pip install '.[cel]'" in fault for fault in faults)
    assert read(**FLAGS)[1] == []


def test_anonymous_twice(tmp_path: Path) -> None:
    """Anonymous access is said in one place."""
    path = tmp_path / "config"
    path.write_text(HEAD + "anonymous: {enabled: true}\n", encoding="utf-8")
    _, faults = read(authentication_config=str(path), anonymous_auth=False)
    assert any("excludes --anonymous-auth=false" in fault for fault in faults)


def test_authority_of_the_flags(tmp_path: Path) -> None:
    """--oidc-ca-file is the authority of the issuer's server."""
    _, ca = server_context(tmp_path)
    trusted, faults = read(**FLAGS, oidc_ca_file=str(ca))
    assert faults == []
    assert len(trusted.issuers[0].context.get_ca_certs()) == 1
    (tmp_path / "text").write_text("nothing")
    _, faults = read(**FLAGS, oidc_ca_file=str(tmp_path / "text"))
    assert faults == [
        f"--oidc-ca-file {tmp_path}/text is not a PEM bundle of certificates; give one"
    ]
    _, faults = read(**FLAGS, oidc_ca_file=str(tmp_path / "none"))
    assert any("--oidc-ca-file" in fault for fault in faults)


def test_documented_file(tmp_path: Path) -> None:
    """The example of docs/authentication.md is a configuration without faults."""
    page = (Path(__file__).parents[2] / "docs" / "authentication.md").read_text(encoding="utf-8")
    example = next(
        block.partition("```")[0]
        for block in page.split("```yaml\n")[1:]
        if "kind: AuthenticationConfiguration" in block
    )
    path = tmp_path / "config"
    path.write_text(example, encoding="utf-8")
    trusted, faults = read(authentication_config=str(path))
    assert faults == []
    claims = {"email": "a@b", "email_verified": True, "groups": ["dev"]}
    assert trusted.issuers[0].mapper.user(claims).groups == ("oidc:dev",)
    assert trusted.anonymous is not None
    assert trusted.anonymous.paths == ("/livez", "/readyz")
