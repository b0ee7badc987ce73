"""Archives from strangers: a tar, plain or gzip, read as a stream into memory, member by member.

Nothing is ever unpacked to the disk, and names serve only to be looked at; an archive that would do harm elsewhere is
refused as a whole all the same, since nobody makes one by accident.
"""

import io
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from app.catalog.importing.errors import ImportRefused
from app.catalog.importing.packed import PackedFile

NAME_LIMIT = 300
EXTENSION_LIMIT = 1 << 14
"""Bytes of an extended header, which tarfile reads into memory as one piece: long names and times need hundreds."""
_PIECE = 1 << 16
# What damaged or hostile bytes make gzip and tarfile raise; chains of extended headers make tarfile recurse.
_DAMAGE = (tarfile.TarError, zlib.error, EOFError, OSError, RecursionError, ValueError, OverflowError)

_EXTENSIONS = {
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
}
_NOT_PLAIN = "The archive holds a link, a device or a file with holes"


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Sizes in bytes."""

    members: int = 10_000
    member_size: int = 32 << 20
    packed_size: int = 64 << 20
    unpacked_size: int = 256 << 20
    ratio: int = 100
    """Unpacked to packed. Text packs to a fifth, rarely to a thirtieth; a bomb to a thousandth."""
    ratio_from: int = 1 << 20
    """The ratio counts once this much was unpacked: few zeros pack well too."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive."""

    name: str
    size: int
    _path: Path
    _content: IO[bytes]

    def read(self) -> bytes:
        """All of it, once, before the next member is asked for. Raises ImportRefused for damage."""
        try:
            return self._content.read()
        except _DAMAGE as error:
            raise _damaged(self._path, error) from None


def members(path: Path, limits: ArchiveLimits) -> Iterator[Member]:
    """The archive's files, in its order. Raises ImportRefused, also in the middle, for what is unsafe or damaged."""
    packed = PackedFile(path)
    try:
        if (packed.bytes_total or 0) > limits.packed_size:
            raise ImportRefused(f"{path} is larger than {_megabytes(limits.packed_size)}.")
        stream = _BoundedStream(packed, limits)
        # `r|` never seeks, so that a header with a false size cannot lead it back.
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictHeader, bufsize=_PIECE) as archive:
            count = 0
            while (header := archive.next()) is not None:
                # tarfile would remember every header, and what extends it, until the end.
                archive.members.clear()  # type: ignore[attr-defined]
                count += 1
                if count > limits.members:
                    raise ImportRefused(f"The archive has more than {limits.members:,} members.")
                _check(header, limits)
                content = None if header.isdir() else archive.extractfile(header)
                if content is not None:
                    yield Member(header.name, header.size, path, content)
        # Behind the archive's end stands gzip's checksum of all that was read.
        while stream.read(_PIECE):
            pass
    except _DAMAGE as error:
        raise _damaged(path, error) from None
    finally:
        packed.close()


def shown(name: str) -> str:
    """A member's name for a terminal: of bounded length, without control characters."""
    text = "".join(character if character.isprintable() else "?" for character in name[:NAME_LIMIT])
    return text if len(name) <= NAME_LIMIT else f"{text}..."


class _StrictHeader(tarfile.TarInfo):
    """tarfile takes a broken header, or none, behind a good member for the archive's end; to us it is damage."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_StrictHeader":
        header = super().frombuf(buf, encoding, errors)
        # Here, since tarfile reads what follows such a header before it shows us anything.
        if header.type in _EXTENSIONS and not 0 <= header.size <= EXTENSION_LIMIT:
            raise ImportRefused("The archive holds a name, or notes on a file, of more than 16 KB.")
        if header.type == tarfile.GNUTYPE_SPARSE:
            raise ImportRefused(f'{_NOT_PLAIN}: "{shown(header.name)}".')
        return header

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> "_StrictHeader":
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from None


class _BoundedStream(io.RawIOBase):
    """The unpacked bytes, until they are too many, or too many for the packed ones."""

    def __init__(self, packed: PackedFile, limits: ArchiveLimits) -> None:
        self._packed = packed
        self._limits = limits
        self._unpacked = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        # One piece at a time, so that the limits are looked at before the next one is unpacked.
        piece = self._packed.stream.read(_PIECE if size < 0 else min(size, _PIECE))
        self._unpacked += len(piece)
        limits, unpacked = self._limits, self._unpacked
        if unpacked > limits.unpacked_size:
            raise ImportRefused(f"The archive unpacks to more than {_megabytes(limits.unpacked_size)}.")
        if unpacked > limits.ratio_from and unpacked > limits.ratio * self._packed.bytes_read:
            raise ImportRefused(f"The archive unpacks to more than {limits.ratio} times its size.")
        return piece


def _check(header: tarfile.TarInfo, limits: ArchiveLimits) -> None:
    name = shown(header.name)
    path = PurePosixPath(header.name)
    if path.is_absolute() or ".." in path.parts or "\\" in header.name or "\0" in header.name:
        raise ImportRefused(f'The archive names a file outside of itself: "{name}".')
    if header.isdir():
        return
    # Sparse files are a bomb without any compression: a name, a size, and no bytes.
    if header.type not in {tarfile.REGTYPE, tarfile.AREGTYPE} or header.issparse():
        raise ImportRefused(f'{_NOT_PLAIN}: "{name}".')
    if not 0 <= header.size <= limits.member_size:
        raise ImportRefused(f'"{name}" in the archive is larger than {_megabytes(limits.member_size)}.')


def _damaged(path: Path, error: BaseException) -> ImportRefused:
    return ImportRefused(f"{path} is no tar archive, or damaged or cut off ({error}).")


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MB"
