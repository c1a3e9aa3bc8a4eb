"""The Dockerfile, read as far as it can be without building it."""

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
WITH_EXTRAS = re.compile(r"\$\{wheel\}\[([a-z0-9,]+)\]")


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word in capitals and the rest of its logical line."""

    word: str
    value: str


def instructions(text: str) -> tuple[Instruction, ...]:
    """The instructions of a Dockerfile, continuation lines joined, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    logical = re.sub(r"\\\n", " ", "\n".join(lines))
    found = []
    for line in logical.splitlines():
        word, _, value = line.strip().partition(" ")
        if word:
            found.append(Instruction(word.upper(), " ".join(value.split())))
    return tuple(found)


def stages(found: tuple[Instruction, ...]) -> tuple[tuple[Instruction, ...], ...]:
    """The instructions of each stage, FROM first."""
    starts = [index for index, one in enumerate(found) if one.word == "FROM"]
    return tuple(
        found[start:end] for start, end in zip(starts, [*starts[1:], len(found)], strict=True)
    )


ALL = instructions((ROOT / "Dockerfile").read_text(encoding="utf-8"))
BUILDER, RUNTIME = stages(ALL)


def values(stage: tuple[Instruction, ...], word: str) -> list[str]:
    """The values of every instruction of one word in a stage."""
    return [one.value for one in stage if one.word == word]


def commands(stage: tuple[Instruction, ...]) -> list[str]:
    """The shell commands of a stage, one by one."""
    return [part.strip() for run in values(stage, "RUN") for part in run.split("&&")]


def test_reads_instructions() -> None:
    """The reader joins continuation lines and leaves comments out, inside of them too."""
    found = instructions("# a\nFROM x AS y\nRUN a \\\n # why\n && b\nUSER 1\n")
    assert found == (
        Instruction("FROM", "x AS y"),
        Instruction("RUN", "a && b"),
        Instruction("USER", "1"),
    )
    assert len(stages((*found, *found))) == 2


def test_stages() -> None:
    """A builder and a runtime of the same slim image, so that the interpreter is the same."""
    assert BUILDER[0].value == "python:3.13-slim AS builder"
    assert RUNTIME[0].value == "python:3.13-slim"


def test_python_is_allowed() -> None:
    """The image's Python is one that the package accepts."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = project["requires-python"].removeprefix(">=")
    version = re.search(r"python:(\d+)\.(\d+)", RUNTIME[0].value)
    assert version is not None
    assert tuple(map(int, version.groups())) >= tuple(map(int, oldest.split(".")))
    assert "fast" in project["optional-dependencies"]
    assert project["scripts"]["auditproxy"] == "auditproxy.cli:main"


def test_one_set_of_pythons() -> None:
    """HD1: package, linters, image and CI agree on the versions: oldest, and the image's own."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    prefix = "Programming Language :: Python :: "
    known = [
        line.removeprefix(prefix)
        for line in settings["project"]["classifiers"]
        if line.startswith(prefix)
    ]
    oldest = settings["project"]["requires-python"].removeprefix(">=")
    image = RUNTIME[0].value.removeprefix("python:").removesuffix("-slim")
    assert known[0] == oldest == settings["tool"]["mypy"]["python_version"]
    assert settings["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    assert image in known


def test_ci_finds_the_images_python(tmp_path: Path) -> None:
    """HD1: CI runs the suite on the image's Python where one runs, and passes over a dead shim."""
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    image = RUNTIME[0].value.removeprefix("python:").removesuffix("-slim")
    found = re.search(r"^image=.*(?=^make test$)", script, re.MULTILINE | re.DOTALL)
    assert found is not None
    made = f"make .venv-{image}/.installed PYTHON="
    for number, (shim, pyenv, expected) in enumerate(
        (
            ("exit 127", "exit 1", f"no other Python {image} here"),
            (f"exec {sys.executable}", "exit 1", made),
            ("exit 127", f"echo {sys.prefix}", f"{made}{sys.prefix}/bin/python"),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, text in (
            (f"python{image}", f'{shim} "$@"'),
            ("pyenv", pyenv),
            ("python3", "case $1 in -c) exit 1;; esac; echo Python 3.0"),
            ("make", 'echo make "$@"'),
            ("timeout", 'echo timeout "$@"'),
        ):
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        done = subprocess.run(
            ["bash", "-euc", found[0]],
            cwd=ROOT,
            env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert expected in done.stdout
    assert script.rstrip().endswith("make test"), "pytest's summary is the last line"


def test_copies_exist() -> None:
    """What the builder copies is in the repository, is not ignored, and is all that is sent."""
    copied = [name for value in values(BUILDER, "COPY") for name in value.split()[:-1]]
    assert copied
    for name in copied:
        assert (ROOT / name).exists(), name
    assert {line[1:] for line in IGNORED if line.startswith("!")} == set(copied)
    assert "*" in IGNORED


def test_copies_what_the_package_names() -> None:
    """The files that pyproject.toml reads while building are copied."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    copied = {name for value in values(BUILDER, "COPY") for name in value.split()[:-1]}
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    needed = {
        "pyproject.toml",
        project["project"]["readme"],
        *project["project"]["license-files"],
        *wheel,
    }
    assert needed <= copied


def test_runtime_copies_only_the_environment() -> None:
    """The virtual environment comes over, to the same path: its scripts name it; and a folder."""
    environment, _ = values(RUNTIME, "COPY")
    assert environment == "--from=builder /opt/auditproxy /opt/auditproxy"
    assert not values(RUNTIME, "RUN")
    assert any("-m venv" in one and one.endswith(" /opt/auditproxy") for one in commands(BUILDER))


def test_folder_of_recordings() -> None:
    """The user of the image can write it, no other user can read it, and the manifests mount it."""
    folder = "/var/lib/auditproxy/recordings"
    assert f"install -d -m 0700 /image{folder}" in commands(BUILDER)
    (user,) = values(RUNTIME, "USER")
    parent = str(Path(folder).parent)
    _, copied = values(RUNTIME, "COPY")
    assert copied == f"--from=builder --chown={user} /image{parent} {parent}"
    component = ROOT / "manifests/components/session-recording/kustomization.yaml"
    assert f"mountPath: {folder}\n" in component.read_text(encoding="utf-8")


def test_every_extra_that_serves() -> None:
    """No flag of the image asks for an extra that it lacks; trails are read elsewhere."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (extras,) = (
        found[1] for one in commands(BUILDER) if (found := WITH_EXTRAS.search(one)) is not None
    )
    assert set(project["optional-dependencies"]) - {"demo", "explore", "test"} <= set(
        extras.split(",")
    )


def test_installs_by_constraints() -> None:
    """Every install is constrained, with the extras, and hatchling's version is given."""
    installs = [one for one in commands(BUILDER) if re.match(r"pip .*\binstall\b|pip install", one)]
    assert len(installs) == 2
    assert all("--constraint constraints.txt" in one for one in installs)
    assert WITH_EXTRAS.search(installs[-1])
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert re.search(r"^hatchling==", constraints, re.MULTILINE)
    assert re.search(r"^uvloop==", constraints, re.MULTILINE)


def test_non_root_by_number() -> None:
    """The user is a number, and the one of the Deployment."""
    assert values(RUNTIME, "USER") == ["65532:65532"]
    path = ROOT / "manifests/base/deployment.yaml"
    deployment = yaml.safe_load(path.read_text(encoding="utf-8"))
    context = deployment["spec"]["template"]["spec"]["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"]) == (65532, 65532)


def test_starts_the_proxy() -> None:
    """The image is the command; without arguments it serves."""
    assert json.loads(values(RUNTIME, "ENTRYPOINT")[0]) == ["auditproxy"]
    assert json.loads(values(RUNTIME, "CMD")[0]) == ["serve"]
    assert values(RUNTIME, "HEALTHCHECK") == ["NONE"]
    assert RUNTIME[-1].word == "CMD"


def test_writes_nothing() -> None:
    """Python writes no byte code and keeps no line back; the command is found on PATH."""
    environment = dict(
        pair.split("=", 1) for value in values(RUNTIME, "ENV") for pair in value.split()
    )
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert environment["PYTHONUNBUFFERED"] == "1"
    assert environment["PATH"].split(":")[0] == "/opt/auditproxy/bin"


@pytest.mark.parametrize("name", ["title", "description", "licenses", "base.name"])
def test_labels(name: str) -> None:
    """The image says what it is in the words of the OCI."""
    label = values(RUNTIME, "LABEL")[0]
    assert re.search(rf'org\.opencontainers\.image\.{re.escape(name)}="[^"]+"', label)


def test_names_no_host() -> None:
    """Nothing is fetched by address: images and packages come from where the builder is told to."""
    for one in ALL:
        assert "://" not in one.value
        assert not re.search(r"--(extra-)?index-url|curl|wget|apt-get", one.value)
