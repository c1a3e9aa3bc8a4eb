"""Objects made at random: mostly valid ones, with optional members and values that stress spelling."""

from random import Random
from typing import Any

from auditproxy.serializer.protobuf.table import TYPE_META, Field, builtin
from tests.differential.resources import Resource

WORDS = (
    "a",
    "web",
    "x-1",
    "Größe",
    "<&>\u2028",
    "",
    "1",
    "true",
    "ä" * 20,
    "tab\there",
    "\U0001f600",
)
QUANTITIES = (
    "1",
    "1.5Gi",
    "1024Mi",
    "0.1",
    "100m",
    "1000",
    "1e3",
    "2k",
    "0",
    "1Ki",
    "1.0",
    "5",
    "-1",
    "x",
)
TIMES = (
    "2026-01-01T00:00:00Z",
    "2026-11-27T10:11:12.5Z",
    "0001-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
)
MICRO_TIMES = ("2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00.123456Z")
NUMBERS = (0, 1, 2, 5, 30, 65535, 2147483647, -1)
APPS = ("web", "db", "cache")


class Maker:
    """Makes objects from one source of chance."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance

    def maybe(self, share: float) -> bool:
        """True in that share of cases."""
        return self.chance.random() < share

    def word(self) -> str:
        """A text."""
        return self.chance.choice(WORDS)

    def labels(self) -> dict[str, str]:
        """Labels that selectors ask for."""
        found = {"made": "differential", "app": self.chance.choice(APPS)}
        if self.maybe(0.3):
            found["tier"] = self.chance.choice(("front", "back"))
        return found

    def metadata(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        """Metadata of a new object."""
        found: dict[str, Any] = {"name": name}
        if resource.namespaced and self.maybe(0.5):
            found["namespace"] = namespace
        found["labels"] = self.labels()
        if self.maybe(0.4):
            found["annotations"] = {
                f"example.com/{self.chance.choice('abc')}": self.word()
                for _ in range(self.chance.randrange(3))
            }
        if self.maybe(0.05):
            found["finalizers"] = []
        if self.maybe(0.04):
            found["ownerReferences"] = [
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "name": "o",
                    "uid": "u",
                    "controller": True,
                }
            ]
        if self.maybe(0.03):
            found["creationTimestamp"] = self.chance.choice((None, *TIMES))
        if self.maybe(0.03):
            found["resourceVersion"] = self.chance.choice(("", "1", "0"))
        if self.maybe(0.03):
            found["uid"] = "8a3c5d1e-0000-4000-8000-000000000000"
        return found

    def new(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        """An object to create."""
        obj = resource.minimal()
        obj["metadata"] = self.metadata(resource, namespace, name)
        self._named(resource, obj, name)
        self.vary(resource, obj)
        if self.maybe(0.2):
            self.sprinkle(resource, obj, self.chance.choice((1, 1, 2, 4)))
        return obj

    def _named(self, resource: Resource, obj: dict[str, Any], name: str) -> None:
        """Members that go with the name."""
        if resource.kind == "CustomResourceDefinition":
            plural = name.partition(".")[0]
            obj["spec"]["names"] = {"plural": plural, "kind": plural.capitalize()}
        elif resource.kind == "APIService":
            obj["spec"].update(version=name.partition(".")[0], group="h.example.com")
        elif resource.kind == "Event":
            involved = obj.get("involvedObject") or obj.get("regarding") or {}
            involved["namespace"] = obj["metadata"].get("namespace", "default")
            if "namespace" not in obj["metadata"]:
                involved.pop("namespace")

    def vary(self, resource: Resource, obj: dict[str, Any]) -> None:
        """Change members that the kind is known by, so that objects mostly stay valid."""
        kind = resource.kind
        if kind in ("ConfigMap", "Secret") and self.maybe(0.7):
            member = "stringData" if kind == "Secret" and self.maybe(0.5) else "data"
            for other in ("stringData", "data", "binaryData"):
                if self.maybe(0.97):
                    obj.pop(other, None)
            plain = kind == "ConfigMap" or member == "stringData"
            obj[member] = {
                self.chance.choice(("k", "b.txt", "A_1")): self.word() if plain else "YQ=="
                for _ in range(self.chance.randrange(4))
            }
        for pod in _pod_specs(obj):
            self._pod(pod)
        spec = obj.get("spec")
        if isinstance(spec, dict):
            if "replicas" in spec or (kind in ("Deployment", "ReplicaSet") and self.maybe(0.5)):
                spec["replicas"] = self.chance.randrange(4)
            if kind == "Service" and self.maybe(0.3):
                spec["type"] = self.chance.choice(("ClusterIP", "NodePort", "ExternalName", "x"))
            for member in ("hard", "capacity"):
                if member in spec:
                    spec[member] = {key: self.quantity() for key in spec[member]}
            if kind == "Widget" and self.maybe(0.4):
                spec[self.chance.choice(("size", "colour", "unknown", "ratio"))] = (
                    self.chance.choice((1, 7, "red", 1.5, 11, None, {"a": []}))
                )
            if kind == "Gadget" and self.maybe(0.3):
                spec["any"] = {self.word() or "k": [1, 1.0, -0.0, 1e30, "x", None, {}]}

    def quantity(self) -> str:
        """A Quantity, mostly right, often not in canonical form."""
        return self.chance.choice(QUANTITIES[:-2] if self.maybe(0.97) else QUANTITIES)

    def _pod(self, spec: dict[str, Any]) -> None:
        """The spec of a pod."""
        container = spec["containers"][0]
        if self.maybe(0.5):
            # The long one is for objects whose size matters.
            for key in list(container):
                if key not in ("name", "image") and self.maybe(0.6):
                    del container[key]
            container.pop("volumeMounts", None)
            for key in ("volumes", "affinity", "tolerations", "securityContext"):
                if self.maybe(0.6):
                    spec.pop(key, None)
        if self.maybe(0.4):
            amount = self.quantity()
            container["resources"] = {"limits": {"cpu": amount}, "requests": {"cpu": amount}}
            if self.maybe(0.5):
                container["resources"]["limits"]["memory"] = self.quantity()
        container["image"] = f"example.com/i:{self.chance.randrange(3)}"
        if self.maybe(0.2):
            container["env"] = [{"name": "E", "value": self.word()}]
        if self.maybe(0.1):
            spec["containers"].append({"name": "d", "image": "i"})
        if self.maybe(0.05):
            spec["nodeSelector"] = {"a": "b"}
        if self.maybe(0.05):
            spec["hostNetwork"] = True

    def sprinkle(self, resource: Resource, obj: dict[str, Any], count: int) -> None:
        """Set members that may or may not make sense, by the table of types."""
        types = builtin()
        name = types.kinds.get(f"{resource.api_version}/{resource.kind}")
        if name is None:
            return
        for _ in range(count):
            place, message = obj, name
            for _ in range(self.chance.randrange(1, 7)):
                rows = [row for row in types.types[message] if row.name != TYPE_META]
                if not rows:
                    break
                row = self.chance.choice(rows)
                if "i" in row.flags:
                    message = row.message
                    continue
                if row.name in ("name", "namespace", "managedFields", "finalizers"):
                    continue
                there = place.get(row.name)
                if row.kind == "m" and isinstance(there, dict) and "m" not in row.flags:
                    place, message = there, row.message
                elif row.kind == "m" and isinstance(there, list) and there:
                    place, message = there[-1], row.message
                else:
                    place[row.name] = self._value(row, 2)
                    break

    def _value(self, row: Field, depth: int) -> Any:
        """A value of a member's type."""
        if "r" in row.flags:
            return [self._single(row, depth) for _ in range(self.chance.randrange(3))]
        if "m" in row.flags:
            return {
                self.chance.choice(("a", "b/c", "z")): self._single(row, depth)
                for _ in range(self.chance.randrange(3))
            }
        return self._single(row, depth)

    def _single(self, row: Field, depth: int) -> Any:
        pick = self.chance.choice
        match row.kind:
            case "m":
                rows = [r for r in builtin().types[row.message] if r.name not in (TYPE_META, "")]
                if depth == 0 or not rows:
                    return {}
                chosen = self.chance.sample(rows, min(len(rows), self.chance.randrange(3)))
                return {each.name: self._value(each, depth - 1) for each in chosen}
            case "b":
                return self.maybe(0.5)
            case "v" | "i" | "u":
                return pick(NUMBERS)
            case "d":
                return pick((0.5, 1.0, 1e21))
            case "y":
                return pick(("YQ==", "", "AAEC"))
            case "quantity":
                return self.quantity()
            case "intorstring":
                return pick((1, "50%", "http", 0))
            case "time":
                return pick(TIMES)
            case "microtime":
                return pick(MICRO_TIMES)
            case "duration":
                return pick(("1s", "1m0s", "90s"))
            case "strlist":
                return ["a"]
            case "s":
                return self.word()
            case _:
                return pick(({"a": 1}, {}, None))


def _pod_specs(obj: dict[str, Any]) -> list[dict[str, Any]]:
    """The specs of pods in an object, at any depth."""
    found: list[dict[str, Any]] = []
    places: list[Any] = [obj]
    while places:
        place = places.pop()
        if isinstance(place, dict):
            if isinstance(place.get("containers"), list) and place["containers"]:
                found.append(place)
            places += [v for k, v in place.items() if k in ("spec", "template", "jobTemplate")]
    return found
