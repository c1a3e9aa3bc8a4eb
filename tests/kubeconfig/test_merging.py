"""Files as one: the rules of kubectl, and the same as the package ``kubernetes`` where it has them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.kube_config import KubeConfigMerger

from auditproxy.kubeconfig.merging import LISTS, EmptyError, MalformedError, merge, read

NAMES = st.sampled_from(["a", "b", "c", "d"])
CONTENTS = st.dictionaries(st.sampled_from(["server", "user", "token"]), st.text("xyz"), min_size=1)


def entries(member: str) -> Any:
    """A list of a kubeconfig."""
    return st.lists(
        st.builds(lambda name, content: {"name": name, member: content}, NAMES, CONTENTS),
        max_size=4,
    )


DOCUMENTS = st.fixed_dictionaries(
    {"apiVersion": st.just("v1")},
    optional={each: entries(member) for each, member in LISTS.items()},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For all examples."""
    return tmp_path_factory.mktemp("kubeconfigs")


@settings(max_examples=150, deadline=None)
@given(documents=st.lists(DOCUMENTS, min_size=1, max_size=3))
def test_entries_are_those_of_the_package(folder: Path, documents: list[dict[str, Any]]) -> None:
    """Whatever the files have, each name has the entry and the file that the package gives."""
    paths = []
    for number, document in enumerate(documents):
        paths.append(folder / str(number))
        paths[-1].write_text(yaml.safe_dump(document))
    theirs = KubeConfigMerger(":".join(map(str, paths))).config
    merged = merge([read(str(path)) for path in paths])
    for each, member in LISTS.items():
        ours = getattr(merged, each)
        for name in "abcd":
            try:
                node = theirs[each].get_with_name(name)
            except ConfigException:
                assert name not in ours
            else:
                assert ours[name].content == node.value[member]
                assert ours[name].path == node.path


def test_the_first_current_context_counts(tmp_path: Path) -> None:
    """As kubectl has it: a file without one is passed over, a later one changes nothing."""
    paths = []
    for number, text in enumerate(
        ("current-context: ''", "current-context: b", "current-context: c")
    ):
        paths.append(tmp_path / str(number))
        paths[-1].write_text(text)
    assert merge([read(str(path)) for path in paths]).current_context == "b"


def test_no_content_is_an_empty_one(tmp_path: Path) -> None:
    """An entry with its name alone has no settings, and no file has to have every list."""
    path = tmp_path / "config"
    path.write_text("users: [{name: u}, {name: v, user: }]\nclusters:\n")
    merged = merge([read(str(path))])
    assert [(name, each.content) for name, each in merged.users.items()] == [("u", {}), ("v", {})]
    assert not merged.clusters
    assert merged.current_context == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", EmptyError),
        ("- 1", MalformedError),
        ("canary", MalformedError),
        ("users: canary", MalformedError),
        ("users: [canary]", MalformedError),
        ("users: [{user: {token: canary}}]", MalformedError),
        ("users: [{name: 1, user: {token: canary}}]", MalformedError),
        ("users: [{name: [canary]}]", MalformedError),
    ],
)
def test_malformed(text: str, kind: type[MalformedError], tmp_path: Path) -> None:
    """What kubectl cannot read either is refused, and nothing of it is shown."""
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(kind) as caught:
        merge([read(str(path))])
    assert caught.value.path == str(path)
    assert "canary" not in str(caught.value).replace(str(path), "")


def test_no_repr_shows_a_secret(tmp_path: Path) -> None:
    """R19: files, entries and the whole hold tokens."""
    path = tmp_path / "config"
    path.write_text("users: [{name: u, user: {token: canary}}]")
    document = read(str(path))
    assert "canary" not in repr(document) + repr(merge([document]))
