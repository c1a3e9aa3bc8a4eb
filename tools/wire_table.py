"""Makes the table of types from checkouts of k8s.io/api and k8s.io/apimachinery.

    python tools/wire_table.py --release 1.37 --api PATH --apimachinery PATH \
        [--module apiextensions-apiserver=PATH ...] > auditproxy/serializer/protobuf/kubernetes.json

Field numbers and types come from each generated.proto, JSON names, order and the
rules of omission from the Go structs' tags in the same folder, kinds from the
structs that embed TypeMeta and from register.go's group. Messages whose protobuf
is hand-written (Time, Quantity, ...) are values of their own. docs/protobuf.md
tells the format.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from auditproxy.serializer.protobuf.table import TYPE_META, Field, WireTable, dump

SPECIAL = {
    "apimachinery/pkg/apis/meta/v1.Time": "time",
    "apimachinery/pkg/apis/meta/v1.MicroTime": "microtime",
    "apimachinery/pkg/apis/meta/v1.Duration": "duration",
    "apimachinery/pkg/apis/meta/v1.FieldsV1": "fieldsv1",
    "apimachinery/pkg/apis/meta/v1.Verbs": "strlist",
    "apimachinery/pkg/api/resource.Quantity": "quantity",
    "apimachinery/pkg/util/intstr.IntOrString": "intorstring",
    "apimachinery/pkg/runtime.RawExtension": "rawext",
    "apimachinery/pkg/runtime.Unknown": "unknown",
    "apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON": "json",
    "apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrArray": "jspoa",
    "apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrBool": "jspob",
    "apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrStringArray": "jspos",
}
"""Messages whose JSON is not an object of their fields."""

SCALARS = {
    "string": "s",
    "bool": "b",
    "int32": "i",
    "int64": "v",
    "uint32": "u",
    "uint64": "u",
    "double": "d",
    "bytes": "y",
}

DEFAULTS = {
    ("api/authentication/v1.TokenRequestSpec", "expirationSeconds"): "3600",
    ("api/core/v1.GRPCAction", "service"): '""',
    ("api/flowcontrol/v1.LimitedPriorityLevelConfiguration", "nominalConcurrencyShares"): "30",
    ("api/networking/v1.IngressClassParametersReference", "scope"): '"Cluster"',
    ("api/networking/v1beta1.IngressClassParametersReference", "scope"): '"Cluster"',
}
"""Required pointers that the server fills (pkg/apis/*/*/defaults.go); code that no tag tells."""

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_PROTO_MESSAGE = re.compile(r"^message (\w+) \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_PROTO_FIELD = re.compile(
    r"(?:(optional|repeated|required) ([\w.]+)|map<string, ([\w.]+)>) (\w+) = (\d+)"
)
_GO_STRUCT = re.compile(r"^type (\w+) struct \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_GO_FIELD = re.compile(r"^\s*(?:(\w+)\s+)?([*\[\]\w.]+)\s*`([^`]*)`", re.MULTILINE)
_JSON_TAG = re.compile(r'json:"([^"]*)"')
_PROTOBUF_TAG = re.compile(r'protobuf:"([^"]*)"')


_GO_ALIAS = re.compile(r"^type (\w+) (\w+)\.(\w+)$", re.MULTILINE)
_GO_IMPORT = re.compile(r'^\s*(\w+) "k8s\.io/([^"]*)"', re.MULTILINE)
META = "apimachinery/pkg/apis/meta/v1"

Struct = list[tuple[str, str, str]]
"""Fields of a Go struct: name (empty when embedded), type, tag."""


class ProtoField(NamedTuple):
    """One field as generated.proto has it; a map's type is its values'."""

    label: str
    type: str
    name: str
    number: int


def proto_messages(text: str) -> dict[str, list[ProtoField]]:
    """The messages of a generated.proto."""
    found = {}
    for name, body in _PROTO_MESSAGE.findall(_COMMENT.sub("", text)):
        found[name] = [
            ProtoField(label or "map", kind or of_map, field, int(number))
            for label, kind, of_map, field, number in _PROTO_FIELD.findall(body)
        ]
    return found


def go_structs(text: str) -> dict[str, Struct]:
    """The structs of a Go file: field's name (empty when embedded), type, tag."""
    return {
        name: _GO_FIELD.findall(body)
        for name, body in _GO_STRUCT.findall(re.sub(r"(?m)^\s*//.*$", "", text))
    }


def structs_of(folder: Path, modules: dict[str, Path]) -> dict[str, Struct]:
    """The structs of a package, those included that are other packages' under a new name."""
    found: dict[str, Struct] = {}
    for path in sorted(folder.glob("*.go")):
        if path.name.startswith("zz_") or path.name == "generated.pb.go":
            continue
        text = path.read_text(encoding="utf-8")
        found.update(go_structs(text))
        imports = dict(_GO_IMPORT.findall(text))
        for name, package, original in _GO_ALIAS.findall(text):
            module, _, rest = imports.get(package, "").partition("/")
            if module in modules and rest:
                other = structs_of(modules[module] / rest, modules)
                found.setdefault(name, other.get(original, []))
    return found


def message(name: str, fields: list[ProtoField], struct: Struct, package: str) -> tuple[Field, ...]:
    """The rows of one message in the order of its struct."""
    by_number = {field.number: field for field in fields}
    rows: list[Field] = []
    for _, go_type, tag in struct:
        json_tag, protobuf_tag = _JSON_TAG.search(tag), _PROTOBUF_TAG.search(tag)
        inline = json_tag is not None and ",inline" in json_tag[1]
        if go_type.endswith("TypeMeta") and inline and protobuf_tag is None:
            rows.append(Field(0, TYPE_META))
            continue
        if protobuf_tag is None or json_tag is None:
            continue
        number = next(int(part) for part in protobuf_tag[1].split(",") if part.isdigit())
        field = by_number.get(number)
        if field is None:
            continue
        shown, *options = json_tag[1].split(",")
        kind, target = SCALARS.get(field.type, ""), ""
        if not kind:
            target = absolute(field.type, package)
            kind = SPECIAL.get(target, "m")
            if kind == "m" and target.endswith(".ExtraValue"):
                kind = "strlist"
        inlined = "inline" in options or not shown
        flags = "".join(
            letter
            for letter, holds in (
                ("o", "omitempty" in options),
                ("z", "omitzero" in options),
                ("p", go_type.startswith("*")),
                ("r", field.label == "repeated"),
                ("i", inlined),
                ("m", field.label == "map"),
            )
            if holds
        )
        default = DEFAULTS.get((name, shown), "")
        rows.append(
            Field(
                number,
                "" if inlined else shown,
                kind,
                flags,
                target if kind == "m" else "",
                default,
            )
        )
    return tuple(rows)


def absolute(kind: str, package: str) -> str:
    """A message's name in the table: ``api/core/v1.Pod``."""
    if "." not in kind:
        return f"{package}.{kind}"
    path, _, name = kind.removeprefix(".k8s.io.").rpartition(".")
    for module in (
        "apiextensions-apiserver",
        "kube-aggregator",
        "apimachinery",
        "apiserver",
        "api",
    ):
        if path.startswith(module + "."):
            return f"{module}/{path.removeprefix(module + '.').replace('.', '/')}.{name}"
    return f"{path.replace('.', '/')}.{name}"


def group_of(folder: Path) -> str | None:
    """The API group that a folder's register.go names; None where it registers none."""
    path = folder / "register.go"
    found = re.search(r'GroupName\s*=\s*"([^"]*)"', path.read_text()) if path.exists() else None
    return found[1] if found else None


def table(modules: dict[str, Path], release: str) -> WireTable:
    """The table of all API groups of the modules, by module name and checkout."""
    kinds: dict[str, str] = {}
    types: dict[str, tuple[Field, ...]] = {}
    for module, root in modules.items():
        for proto in sorted(root.rglob("generated.proto")):
            folder = proto.parent
            if {"testdata", "testapigroup", "example", "examples"} & set(folder.parts):
                continue
            package = f"{module}/{folder.relative_to(root).as_posix()}"
            structs = structs_of(folder, modules)
            group = group_of(folder)
            for name, fields in proto_messages(proto.read_text(encoding="utf-8")).items():
                full = f"{package}.{name}"
                if full in SPECIAL or name == "ExtraValue":
                    continue
                rows = message(full, fields, structs.get(name, []), package)
                types[full] = rows
                if group is not None and rows and rows[0].name == TYPE_META:
                    kinds["/".join(filter(None, (group, folder.name, name)))] = full
                    if package == META and not name.startswith("PartialObjectMetadata"):
                        # Every group has these kinds; v1 is how Status and options are sent.
                        kinds.setdefault(f"v1/{name}", full)
    if f"{META}.PartialObjectMetadata" in types:
        # An alias there, which has no protobuf of its own.
        kinds["meta.k8s.io/v1beta1/PartialObjectMetadata"] = f"{META}.PartialObjectMetadata"
    return WireTable(kinds, types, release)


def main() -> int:
    """Write the table to standard output."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--release", default="", help="Kubernetes release that the table is of")
    parser.add_argument("--api", type=Path, required=True, help="checkout of k8s.io/api")
    parser.add_argument("--apimachinery", type=Path, required=True, help="of k8s.io/apimachinery")
    parser.add_argument(
        "--module", action="append", default=[], metavar="NAME=PATH", help="another one, repeatable"
    )
    arguments = parser.parse_args()
    modules = {"api": arguments.api, "apimachinery": arguments.apimachinery}
    for extra in arguments.module:
        name, _, path = extra.partition("=")
        modules[name] = Path(path)
    sys.stdout.buffer.write(dump(table(modules, arguments.release)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
