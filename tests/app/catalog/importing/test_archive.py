"""Archives that would do harm: each is made here, and refused with a sentence, in little time and memory."""

import gzip
import io
import os
import struct
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from app.catalog.importing import ImportRefused
from app.catalog.importing.archive import EXTENSION_LIMIT, ArchiveLimits, members, shown
from app.catalog.importing.bounded_json import DEPTH_LIMIT, parsed
from app.catalog.importing.errors import RowRefused
from tests.support.curricula import entry, pack, packed

LIMITS = ArchiveLimits()
MEGABYTE = 1 << 20


def read(path: Path, limits: ArchiveLimits = LIMITS) -> dict[str, bytes]:
    return {member.name: member.read() for member in members(path, limits)}


def refusal(path: Path, limits: ArchiveLimits = LIMITS) -> str:
    with pytest.raises(ImportRefused) as caught:
        read(path, limits)
    return str(caught.value)


def test_plain_and_packed_archives_give_their_files(tmp_path: Path) -> None:
    long = "folder/" * 30 + "name.json"
    found = [entry("folder", type=tarfile.DIRTYPE), entry("a.json", b"[1]"), entry(long, b"[2]")]
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        path = pack(tmp_path / "a.tgz", found, form)
        assert read(path) == {"a.json": b"[1]", long: b"[2]"}
        plain = tmp_path / "a.tar"
        plain.write_bytes(gzip.decompress(path.read_bytes()))
        assert read(plain) == {"a.json": b"[1]", long: b"[2]"}


@pytest.mark.parametrize(
    "name", ["../up.json", "a/../../up.json", "/etc/passwd", "..", "a\\..\\up.json", "//server/share"]
)
def test_names_that_lead_outside(tmp_path: Path, name: str) -> None:
    path = pack(tmp_path / "a.tgz", [entry("good.json", b"[]"), entry(name, b"x")])
    assert refusal(path) == f'The archive names a file outside of itself: "{name}".'
    assert [found.name for found in tmp_path.iterdir()] == ["a.tgz"]


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE],
)
def test_links_and_devices(tmp_path: Path, kind: bytes) -> None:
    path = pack(tmp_path / "a.tgz", [entry("trap.json", type=kind, linkname="/etc/passwd")])
    assert refusal(path) == 'The archive holds a link, a device or a file with holes: "trap.json".'


def test_files_with_holes_in_both_formats(tmp_path: Path) -> None:
    modern = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.map": "0,1",
        "GNU.sparse.size": "9999999",
    }
    for path in (
        pack(tmp_path / "pax.tgz", [entry("holes.json", b"x", pax_headers=modern)]),
        pack(
            tmp_path / "gnu.tgz", [entry("holes.json", b"x", type=tarfile.GNUTYPE_SPARSE)], tarfile.GNU_FORMAT
        ),
    ):
        assert refusal(path) == 'The archive holds a link, a device or a file with holes: "holes.json".'


def test_a_bomb_is_stopped_by_its_ratio_long_before_its_end(tmp_path: Path) -> None:
    # 200 MB of zeros, itself made in pieces.
    path = tmp_path / "bomb.tgz"
    info = tarfile.TarInfo("zeros.json")
    info.size = 30 * MEGABYTE
    with gzip.open(path, "wb") as opened:
        opened.write(info.tobuf())
        for _ in range(200):
            opened.write(bytes(MEGABYTE))
    tracemalloc.start()
    try:
        assert refusal(path) == "The archive unpacks to more than 100 times its size."
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 * MEGABYTE


def test_sizes_and_numbers_are_bounded(tmp_path: Path) -> None:
    noise = os.urandom(3 * MEGABYTE)
    big = pack(tmp_path / "big.tgz", [entry("a", noise), entry("b", noise)])
    assert refusal(big, ArchiveLimits(unpacked_size=4 * MEGABYTE)) == "The archive unpacks to more than 4 MB."
    assert refusal(big, ArchiveLimits(packed_size=4 * MEGABYTE)) == f"{big} is larger than 4 MB."
    assert refusal(big, ArchiveLimits(member_size=MEGABYTE)) == '"a" in the archive is larger than 1 MB.'
    many = pack(tmp_path / "many.tgz", (entry(f"{number}") for number in range(LIMITS.members + 1)))
    assert refusal(many, ArchiveLimits(ratio=10_000)) == "The archive has more than 10,000 members."


def test_what_lies_behind_the_archive_counts_too(tmp_path: Path) -> None:
    content = gzip.decompress(pack(tmp_path / "a.tgz", [entry("a", b"x")]).read_bytes())
    path = packed(tmp_path / "tail.tgz", content + bytes(50 * MEGABYTE))
    assert refusal(path) == "The archive unpacks to more than 100 times its size."


def test_a_false_size_is_damage_or_too_large(tmp_path: Path) -> None:
    for size, sentence in (
        (1 << 40, "is larger than 32 MB."),
        (-512, "is larger than 32 MB."),
        (5000, "damaged"),
    ):
        info = tarfile.TarInfo("a.json")
        header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
        header[124:136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)  # type: ignore[attr-defined]
        header[148:156] = b"        "
        header[148:156] = b"%06o\0 " % sum(header)
        assert sentence in refusal(packed(tmp_path / "a.tgz", bytes(header) + b"x" * 512))


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_and_notes_do_not_fill_memory(tmp_path: Path, form: int) -> None:
    within = "n" * (EXTENSION_LIMIT // 2)
    path = pack(tmp_path / "a.tgz", [entry(within, b"x")], form)
    assert list(read(path)) == [within]
    assert len(shown(within)) == 303
    path = pack(tmp_path / "a.tgz", [entry("n" * (2 * MEGABYTE), b"x")], form)
    assert refusal(path) == "The archive holds a name, or notes on a file, of more than 16 KB."


def test_notes_of_files_that_are_past_are_forgotten(tmp_path: Path) -> None:
    notes = {"comment": "x" * 15_000}
    path = pack(tmp_path / "a.tgz", [entry(f"{number}", b"", pax_headers=notes) for number in range(2000)])
    tracemalloc.start()
    try:
        assert len(read(path, ArchiveLimits(ratio=10_000))) == 2000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * MEGABYTE


def test_a_chain_of_extended_headers_is_damage(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type = tarfile.GNUTYPE_LONGNAME
    info.size = 1
    path = packed(tmp_path / "a.tgz", (info.tobuf(tarfile.GNU_FORMAT) + b"n".ljust(512, b"\0")) * 3000)
    assert "damaged" in refusal(path, ArchiveLimits(ratio=10_000))


def test_damage_is_told_wherever_it_is(tmp_path: Path) -> None:
    whole = pack(
        tmp_path / "a.tgz", [entry("a", os.urandom(9000)), entry("b", os.urandom(9000))]
    ).read_bytes()
    path = tmp_path / "damaged.tgz"
    for content in (
        b"",
        b"{}",
        whole[:9000],
        whole[:-6],
        whole[:-8] + struct.pack("<I", 1) + whole[-4:],
        whole[:500] + b"\xff" * 50 + whole[550:],
        gzip.compress(bytes(gzip.decompress(whole)[:512]) + os.urandom(20_000)),
    ):
        path.write_bytes(content)
        assert "is no tar archive, or damaged or cut off" in refusal(path)
    broken = bytearray(gzip.decompress(whole))
    broken[512 + 9216 + 100] ^= 0xFF
    assert "damaged" in refusal(packed(path, bytes(broken)))
    assert (
        refusal(tmp_path / "none.tgz")
        == f"{tmp_path / 'none.tgz'} cannot be read: No such file or directory."
    )
    assert "cannot be read" in refusal(tmp_path)


def test_an_archive_is_read_from_a_stream_that_cannot_seek(tmp_path: Path) -> None:
    buffer = io.BytesIO(pack(tmp_path / "a.tgz", [entry("a", b"x")]).read_bytes())
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as opened:
        opened.write(buffer.getvalue())
    try:
        assert read(Path(f"/dev/fd/{reading}")) == {"a": b"x"}
    finally:
        os.close(reading)


def test_json_of_bounded_depth() -> None:
    inner = DEPTH_LIMIT - 1
    assert parsed(b"[" * inner + b"]" * inner) is not None
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"1}")):
        for depth in (DEPTH_LIMIT + 2, 1000, 1_000_000):
            content = opening * depth + (b"1" if closing == b"]" else b"") + closing * depth
            with pytest.raises(RowRefused, match=r"deeper than 32 levels|This is no JSON"):
                parsed(content)
    with pytest.raises(RowRefused, match="This is no JSON"):
        parsed(b'{"a": NaN}')
