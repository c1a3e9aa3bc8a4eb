"""Tables of the operator's own kinds."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.files.protobuftables import read_types
from auditproxy.files.trustedfile import Remarks
from tests.fakes.options import options
from tests.fakes.wire import envelope, number_field


def test_protobuf_tables(tmp_path: Path) -> None:
    """Tables of the operator's are merged over the built-in one; all faults name the file."""
    table, broken = tmp_path / "table.json", tmp_path / "broken.json"
    rows = '[[0, "@typemeta"], [1, "size", "v"]]'
    table.write_text(f'{{"kinds": {{"x.io/v1/Foo": "foo"}}, "types": {{"foo": {rows}}}}}')
    broken.write_text('{"kinds": {"Foo": "none"}, "types": {}}')
    types = read_types(options(protobuf_tables=(str(table),)), Remarks())
    body = envelope("x.io/v1", "Foo", number_field(1, 5))
    assert types is not None
    assert types.decode(body) == b'{"kind":"Foo","apiVersion":"x.io/v1","size":5}'
    with pytest.raises(Unusable) as raised:
        read_types(options(protobuf_tables=(str(broken), "/none")), Remarks())
    assert len(raised.value.faults) == 3
    assert f"--audit-protobuf-table {broken}: kinds: Foo: no message 'none'" in raised.value.faults
    assert read_types(options(), Remarks()) is None
