"""WebSocket frames: where they begin and end, and their masks."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.sessions.wire.frames import BINARY, CLOSE, PING, TEXT, Frames, frame, unmask
from tests.fakes.websocket import made

FRAMES = st.lists(
    st.builds(
        made,
        st.sampled_from((0, TEXT, BINARY, PING)),
        st.sampled_from((0, 1, 125, 126, 300, 65535, 65536)),
        final=st.booleans(),
        masked=st.booleans(),
    ),
    max_size=6,
)


@given(FRAMES, st.data())
def test_frames(sent: list[bytes], data: st.DataObject) -> None:
    """C8: however frames are cut, it is known whether the next byte begins one."""
    whole = b"".join(sent)
    ends = {sum(map(len, sent[:count])) for count in range(len(sent) + 1)}
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    frames, start, passed = Frames(), 0, 0
    for cut in (*cuts, len(whole)):
        passed += sum(end - begin for _, begin, end in frames.follow(whole[start:cut]))
        start = cut
        assert frames.between == (cut in ends)
    assert not frames.closed
    assert passed == whole.count(b"p")
    messages = [one for one in sent if one[0] & 0x0F < 8]
    assert frames.in_message == (bool(messages) and not messages[-1][0] & 0x80)


def test_parts() -> None:
    """A payload comes as it arrives, with what its head says."""
    frames = Frames()
    raw = made(BINARY, 300, final=False, masked=True) + frame(CLOSE, b"\x03\xe8")
    ((one, start, end),) = frames.follow(raw[:10])
    assert (one.opcode, one.final, one.size, one.left, one.mask) == (
        BINARY,
        False,
        300,
        298,
        b"mask",
    )
    assert raw[start:end] == b"pp"
    first, second = frames.follow(raw[10:])
    assert first == (one, 0, 298)
    assert one.left == 0
    assert second[0].opcode == CLOSE
    assert frames.closed


def test_the_highest_bit_of_a_length_does_not_count() -> None:
    """x/net drops it: what follows is where the server looks for it."""
    frames = Frames()
    ((one, *_),) = frames.follow(b"\x82\xff" + struct.pack(">Q", 1 << 63 | 3) + b"mask" + b"ppp")
    assert (one.size, one.left) == (3, 0)
    assert frames.between


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_written_frames_are_read(size: int) -> None:
    """Each form of the length."""
    ((one, start, end),) = Frames().follow(frame(BINARY, b"p" * size))
    assert (one.size, one.left, end - start) == (size, 0, size)


@given(
    st.binary(max_size=50) | st.binary(min_size=2040, max_size=2060),
    st.binary(min_size=4, max_size=4),
    st.integers(0, 9),
)
def test_unmask(payload: bytes, mask: bytes, offset: int) -> None:
    """A mask put on twice is no mask, and is a byte-wise xor that begins anywhere."""
    once = unmask(payload, mask, offset)
    assert once == bytes(byte ^ mask[(index + offset) % 4] for index, byte in enumerate(payload))
    assert unmask(once, mask, offset) == payload
