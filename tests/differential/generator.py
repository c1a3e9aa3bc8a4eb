"""One worker's requests: made from the seed, and from what answers have told."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from tests.conformance.client import Answer
from tests.differential.client import ID_PREFIX, Request
from tests.differential.fixtures import ADMIN, EDITOR, NOBODY, VIEWER
from tests.differential.objects import Maker
from tests.differential.resources import BY_PATH, Resource, any_resource

NAMES = ("a", "b", "c", "d")
_REMEMBERED = 100_000
"""Bytes of an answer that is worth reading."""
_MEMORY = 300


class Worker:
    """Makes requests in a namespace of its own; ``learn`` is told every answer."""

    def __init__(self, seed: int, index: int, others: tuple[str, ...] = ()) -> None:
        self.chance = Random(f"{seed}/{index}")
        self.make = Maker(self.chance)
        self.namespace = f"w{index}"
        self.index = index
        self.namespaces = others
        self.objects: dict[str, dict[str, Any]] = {}
        """The last state seen of each object, by path."""
        self.places: dict[str, tuple[Resource, str, str]] = {}
        """Resource, namespace and name of the paths that were made here."""
        self.continues: dict[str, str] = {}
        self.resource_version = "0"
        self.made = 0
        self._seed = seed

    def next(self, scenarios: dict[Callable[["Worker"], Request], float]) -> Request:
        """The next request."""
        request = self.chance.choices(list(scenarios), list(scenarios.values()))[0](self)
        self.made += 1
        request.audit_id = f"{ID_PREFIX}{self._seed}-{self.index}-{self.made}"
        return request

    def learn(self, request: Request, answer: Answer) -> None:
        """Keep what later requests can refer to."""
        if answer.status not in (200, 201) or len(answer.body) > _REMEMBERED:
            return
        if not answer.header("content-type").startswith("application/json") or answer.header(
            "content-encoding"
        ):
            return
        try:
            found = json.loads(answer.body)
        except ValueError:
            return
        metadata = found.get("metadata") if isinstance(found, dict) else None
        if not isinstance(metadata, dict):
            return
        path = request.target.partition("?")[0]
        self.resource_version = metadata.get("resourceVersion") or self.resource_version
        if metadata.get("continue"):
            self.continues[path] = metadata["continue"]
        if "name" in metadata and found.get("kind") not in ("Status", "Scale"):
            if request.method == "DELETE":
                self.objects.pop(path, None)
                return
            if len(self.objects) >= _MEMORY:
                self.objects.pop(next(iter(self.objects)))
            own = path if path.endswith("/" + metadata["name"]) else f"{path}/{metadata['name']}"
            place = self._place(own)
            if place is not None:
                self.places[own] = place
                self.objects[own] = found

    def _place(self, path: str) -> tuple[Resource, str, str] | None:
        """What lies at a path, if it is an object of a type that we know."""
        prefix, _, rest = (
            path.partition("/namespaces/") if "/namespaces/" in path else (path, "", "")
        )
        if rest.count("/") == 2:
            namespace, plural, name = rest.split("/")
        else:
            prefix, plural, name = path.rsplit("/", 2) if path.count("/") > 3 else ("", "", "")
            namespace = ""
        resource = BY_PATH.get((prefix, plural))
        if resource is None or resource.namespaced != bool(namespace):
            return None
        return resource, namespace, name

    # What scenarios are made of.

    def resource(self) -> Resource:
        """Any resource type."""
        return any_resource(self.chance)

    def name(self, resource: Resource) -> str:
        """A name that this worker gives to objects of a type."""
        plain = self.chance.choice(NAMES)
        if resource.suffix:
            return f"w{self.index}{plain}{resource.suffix}"
        return plain if resource.namespaced else f"w{self.index}-{plain}"

    def where(self, resource: Resource) -> str:
        """A namespace, mostly the worker's own."""
        if not resource.namespaced:
            return ""
        if self.chance.random() < 0.03:
            return self.chance.choice(("nowhere", "default", "kube-system", "ending"))
        return self.namespace

    def known(self, resource: Resource, namespace: str) -> tuple[str, dict[str, Any] | None]:
        """A name and the last state that was seen of it, if one is known."""
        name = self.name(resource)
        for _ in range(3):
            path = resource.path(namespace, name)
            if path in self.objects:
                return name, self.objects[path]
            name = self.name(resource)
        return name, None

    def existing(self) -> tuple[Resource, str, str, dict[str, Any] | None]:
        """Resource, namespace, name and last state of an object that mostly is there."""
        if self.objects and self.maybe(0.65):
            path = self.chance.choice(list(self.objects))
            if path in self.places:
                return *self.places[path], self.objects[path]
        resource = self.resource()
        namespace = self.where(resource)
        return resource, namespace, *self.known(resource, namespace)

    def user(self) -> str:
        """Mostly the administrator: others are refused most of the time."""
        return self.chance.choices(
            (ADMIN, EDITOR, VIEWER, NOBODY, "alice", ""), (80, 8, 4, 3, 3, 2)
        )[0]

    def pick(self, *options: Any) -> Any:
        """One of them."""
        return self.chance.choice(options)

    def maybe(self, share: float) -> bool:
        """True in that share of cases."""
        return self.chance.random() < share
