"""The tool that makes the table of types as docs/protobuf.md says, over a small checkout of our own."""

import json
import subprocess
import sys
from pathlib import Path

from auditproxy.serializer.protobuf import table as wiretable
from auditproxy.serializer.protobuf.table import Field

ROOT = Path(__file__).parent.parent

PROTO = """
syntax = "proto2";
package k8s.io.api.foo.v1;
// message Not { optional string a = 1; }
message Foo {
  // +optional
  optional .k8s.io.apimachinery.pkg.apis.meta.v1.ObjectMeta metadata = 1;
  repeated string many = 3;
  map<string, .k8s.io.apimachinery.pkg.api.resource.Quantity> sizes = 4;
  optional int32 count = 2;
  optional Source source = 5;
  optional .k8s.io.apimachinery.pkg.apis.meta.v1.Time when = 6;
}
message Source {
  optional bytes data = 1;
}
"""
TYPES = """
package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Foo is an object.
type Foo struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty" protobuf:"bytes,1,opt,name=metadata"`
	// type Not struct {
	Count *int32 `json:"count,omitempty" protobuf:"varint,2,opt,name=count"`
	Many []string `json:"many" protobuf:"bytes,3,rep,name=many"`
	Sizes ResourceList `json:"sizes,omitempty" protobuf:"bytes,4,rep,name=sizes"`
	Source `json:",inline" protobuf:"bytes,5,opt,name=source"`
	When metav1.Time `json:"when,omitzero" protobuf:"bytes,6,opt,name=when"`
}

type Source struct {
	Data []byte `json:"data" protobuf:"bytes,1,opt,name=data"`
}
"""


def test_small_checkout(tmp_path: Path) -> None:
    """Numbers from the definitions, names, order and flags from the tags, the group from register.go."""
    folder = tmp_path / "api" / "foo" / "v1"
    folder.mkdir(parents=True)
    (folder / "generated.proto").write_text(PROTO)
    (folder / "types.go").write_text(TYPES)
    (folder / "register.go").write_text('const GroupName = "foo.example.com"\n')
    (tmp_path / "apimachinery").mkdir()
    checkouts = ("--api", tmp_path / "api", "--apimachinery", tmp_path / "apimachinery")
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "wire_table.py", "--release", "1.99", *checkouts],
        capture_output=True,
        timeout=60,
        check=True,
    )
    table = wiretable.parse(done.stdout)
    assert table.release == "1.99"
    assert table.kinds == {"foo.example.com/v1/Foo": "api/foo/v1.Foo"}
    assert table.types["api/foo/v1.Source"] == (Field(1, "data", "y"),)
    assert table.types["api/foo/v1.Foo"] == (
        Field(0, "@typemeta"),
        Field(1, "metadata", "m", "o", "apimachinery/pkg/apis/meta/v1.ObjectMeta"),
        Field(2, "count", "i", "op"),
        Field(3, "many", "s", "r"),
        Field(4, "sizes", "quantity", "om"),
        Field(5, "", "m", "i", "api/foo/v1.Source"),
        Field(6, "when", "time", "z"),
    )


def test_the_installed_table_is_the_tool_s_own_spelling() -> None:
    """What is in the package is what the tool writes: dumped again, it is the same file."""
    path = ROOT / "auditproxy" / "serializer" / "protobuf" / "kubernetes.json"
    raw = path.read_bytes()
    assert json.loads(raw)["release"]
    assert wiretable.dump(wiretable.parse(raw)) == raw
