"""Bytes in Redis: there and back, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from app.cache.envelope import GENERATION_BYTES, UNPACKED_LIMIT, Envelope, pack, unpack

envelopes = st.builds(
    Envelope,
    generation=st.binary(min_size=GENERATION_BYTES, max_size=GENERATION_BYTES),
    ends_at=st.floats(0, 1e11),
    seconds=st.floats(0, 3600, width=32),
    body=st.binary(max_size=3000) | st.binary(max_size=20).map(lambda part: part * 300),
)


@given(envelopes, st.integers(0, 2000))
def test_there_and_back(envelope: Envelope, compress_above: int) -> None:
    assert unpack(pack(envelope, compress_above=compress_above)) == envelope


@given(st.binary())
def test_noise(noise: bytes) -> None:
    assert unpack(noise) is None or noise.startswith(b"Lc")


@given(envelopes, st.data())
def test_a_part_of_what_was_compressed_is_nothing(envelope: Envelope, data: st.DataObject) -> None:
    body = b"%b%b" % (envelope.body, b"x" * 100)
    packed = pack(Envelope(envelope.generation, envelope.ends_at, envelope.seconds, body), compress_above=0)
    cut = packed[: data.draw(st.integers(0, len(packed) - 1))]
    found = unpack(cut)
    assert found is None or (packed[2] == 0 and body.startswith(found.body))


def test_compression_is_used_where_it_helps() -> None:
    def size(body: bytes) -> int:
        return len(pack(Envelope(b"x" * 8, 1.0, 1.0, body), compress_above=100))

    assert size(b"a" * 100) == 123
    assert size(b"a" * 101) < 60
    assert size(bytes(range(256)) * 1) == 279, "no smaller when compressed"


def test_time_to_compute_is_bounded() -> None:
    found = unpack(pack(Envelope(b"x" * 8, 1.0, 1e300, b"7"), compress_above=100))
    assert found == Envelope(b"x" * 8, 1.0, 3600.0, b"7")


def test_more_than_the_limit_is_nothing() -> None:
    packed = pack(Envelope(b"x" * 8, 1.0, 1.0, b"a" * (UNPACKED_LIMIT + 1)), compress_above=100)
    assert unpack(packed) is None
