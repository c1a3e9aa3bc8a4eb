"""Recordings of an exec by Kubernetes' client libraries equal what the container received and sent."""

from pathlib import Path

import pytest

from tests.fakes.clientexec import node_exec, python_exec
from tests.fakes.clientpackages import install_node_package
from tests.fakes.followed import followed


async def test_python(tmp_path: Path) -> None:
    """The package ``kubernetes``."""
    async with followed(tmp_path) as stage:
        await python_exec(stage, "hello")


@pytest.fixture(scope="module")
def node_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, made for this run only."""
    folder = tmp_path_factory.mktemp("node")
    install_node_package(folder)
    return folder


@pytest.mark.timeout(300)
async def test_node(node_package: Path, tmp_path: Path) -> None:
    """The package ``@kubernetes/client-node``."""
    async with followed(tmp_path) as stage:
        await node_exec(stage, node_package, "hello", "app")
