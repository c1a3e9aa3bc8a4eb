"""kubectl cp by its commands: those of its versions, and what only looks like them."""

import pytest

from auditproxy.sessions.copies import CopyDirection, FileCopy, copy_of, probed_path

TO, FROM = CopyDirection.TO_CONTAINER, CopyDirection.FROM_CONTAINER


@pytest.mark.parametrize(
    ("command", "copy"),
    [
        (("tar", "-xmf", "-", "-C", "/tmp"), FileCopy(TO, "/tmp")),
        (("tar", "-xmf", "-"), FileCopy(TO, "")),
        (
            ("tar", "--no-same-permissions", "--no-same-owner", "-xmf", "-", "-C", "/a b"),
            FileCopy(TO, "/a b"),
        ),
        (("tar", "cf", "-", "/etc/hosts"), FileCopy(FROM, "/etc/hosts")),
        (("sh", "-c", "tar cf - /etc/hosts | tail -c+1"), FileCopy(FROM, "/etc/hosts")),
        (("sh", "-c", "tar cf - '/a b' | tail -c+1025"), FileCopy(FROM, "/a b", 1024)),
        (("sh", "-c", r"tar cf - '/it'\''s' | tail -c+0"), FileCopy(FROM, "/it's")),
    ],
)
def test_copies(command: tuple[str, ...], copy: FileCopy) -> None:
    """kubectl 1.27 to 1.37, with its options."""
    assert copy_of(command) == copy


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("tar",),
        ("sh",),
        ("tar", "cf", "-"),
        ("tar", "cf", "-", "/a", "/b"),
        ("tar", "cf", "-", "--to-command=sh"),
        ("tar", "cf", "-", "-I", "sh"),
        ("tar", "-xmf", "-", "--to-command=sh"),
        ("tar", "-xmf", "-", "-C", "/a", "--to-command=sh"),
        ("sh", "-c", "tar cf - /a | tail -c+1; id"),
        ("sh", "-c", "tar cf - /a | tail -c+1\nid"),
        ("sh", "-c", "tar cf - $(id) | tail -c+1"),
        ("sh", "-c", "tar cf - `id` | tail -c+1"),
        ("sh", "-c", "tar cf - a;id | tail -c+1"),
        ("sh", "-c", "tar cf - 'a';id;'b' | tail -c+1"),
        ("sh", "-c", r"tar cf - 'a\';id;'\'b' | tail -c+1"),
        ("sh", "-c", "tar cf - -Ish | tail -c+1"),
        ("sh", "-c", "tar cf - '--use-compress-program=sh' | tail -c+1"),
        ("bash", "-c", "tar cf - /a | tail -c+1"),
        ("sh", "-c", "tar cf - /a | tail -c+1", "x"),
    ],
)
def test_what_is_no_copy(command: tuple[str, ...]) -> None:
    """Whatever could do something else is a session like any other."""
    assert copy_of(command) is None


def test_probe() -> None:
    """What kubectl asks before it copies to a container."""
    assert probed_path(("test", "-d", "/tmp")) == "/tmp"
    assert probed_path(("test", "-d", "/tmp", "-o", "x")) is None
    assert probed_path(()) is None
