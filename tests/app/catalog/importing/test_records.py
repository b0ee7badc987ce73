"""Broken files: each costs its own lines, with their numbers, and nothing else."""

import gzip
from pathlib import Path

import pytest

from app.catalog.importing.errors import ImportRefused, RowRefused
from app.catalog.importing.lines import LINE_LIMIT, Lines
from app.catalog.importing.records import Records


def read(
    path: Path, content: bytes, *, delimiter: str = ",", encoding: str = "utf-8"
) -> list[tuple[int, list[str] | str]]:
    """Line and fields, or line and reason."""
    file = path / "file.csv"
    file.write_bytes(content)
    lines = Lines(file, encoding)
    try:
        return [
            (line, str(fields) if isinstance(fields, RowRefused) else fields)
            for line, fields in Records(iter(lines), delimiter)
        ]
    finally:
        lines.close()


def test_rows_with_their_first_line(tmp_path: Path) -> None:
    content = b'a,b\n1,"two\nlines"\n\n3,4\r\n5,"say ""yes"""\n'
    assert read(tmp_path, content) == [
        (1, ["a", "b"]),
        (2, ["1", "two\nlines"]),
        (5, ["3", "4"]),
        (6, ["5", 'say "yes"']),
    ]


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbftitle\n") == [(1, ["title"])]


def test_other_delimiters_and_encodings(tmp_path: Path) -> None:
    content = "titel;größe\nÜbung;1,5\n"
    expected = [(1, ["titel", "größe"]), (2, ["Übung", "1,5"])]
    for encoding in ("latin-1", "utf-16", "cp1252"):
        assert read(tmp_path, content.encode(encoding), delimiter=";", encoding=encoding) == expected


def test_a_quote_that_never_closes_costs_one_row(tmp_path: Path) -> None:
    rows = read(tmp_path, b'a,b\n1,"open\n' + b"".join(b"%d,x\n" % number for number in range(2, 500)))
    assert rows[1] == (2, "A quote is never closed.")
    assert rows[2:] == [(number + 1, [str(number), "x"]) for number in range(2, 500)]


def test_a_quote_that_meets_another_rows_quote_costs_one_row(tmp_path: Path) -> None:
    rows = read(tmp_path, b'a,b\n1,"open\n2,"fine"\n3,x\n')
    assert rows[1][0] == 2
    assert "quotes" in rows[1][1]
    assert rows[2:] == [(3, ["2", "fine"]), (4, ["3", "x"])]


def test_a_quote_that_takes_in_a_whole_file_is_bounded(tmp_path: Path) -> None:
    line = b"x" * 999 + b"\n"
    rows = read(tmp_path, b'a\n"' + line * 300)
    assert rows[1][0] == 2
    assert "over 131,072 characters" in rows[1][1]
    assert len(rows) == 301
    assert rows[-1] == (301, ["x" * 999])


def test_many_such_quotes_in_a_row_each_cost_one_row(tmp_path: Path) -> None:
    rows = read(tmp_path, b"a\n" + b'"open\n' * 50 + b"good\n")
    assert [line for line, _ in rows] == list(range(1, 53))
    assert rows[-1] == (52, ["good"])


def test_a_line_without_end_is_skipped_as_a_whole(tmp_path: Path) -> None:
    rows = read(tmp_path, b"a\n" + b"x" * (5 * LINE_LIMIT) + b"\ngood\n")
    assert rows == [(1, ["a"]), (2, "The line is longer than 131,072 characters."), (3, ["good"])]


def test_bytes_that_do_not_fit_the_encoding_are_marked_in_their_own_line(tmp_path: Path) -> None:
    rows = read(tmp_path, b"a\nfine\nbr\xfcck\nfine too\n")
    assert [fields for _, fields in rows] == [["a"], ["fine"], ["br\udcffck"], ["fine too"]]


def test_gzip_is_told_by_its_content(tmp_path: Path) -> None:
    assert read(tmp_path, gzip.compress(b"a\n1\n")) == [(1, ["a"]), (2, ["1"])]


def test_what_can_be_read_of_a_damaged_gzip_file_is_read(tmp_path: Path) -> None:
    whole = gzip.compress(b"a\n" + b"".join(b"%d\n" % (number * 7919) for number in range(20_000)))
    rows = read(tmp_path, whole[: len(whole) // 2])
    assert len(rows) > 1000
    assert rows[1] == (2, ["0"])
    assert "damaged or cut off" in rows[-1][1]
    assert not any("damaged" in fields for _, fields in rows[:-1])


def test_a_small_gzip_file_that_unpacks_into_one_huge_line(tmp_path: Path) -> None:
    rows = read(tmp_path, gzip.compress(b"a\n" + b"x" * 50_000_000))
    assert rows == [(1, ["a"]), (2, "The line is longer than 131,072 characters.")]


def test_bytes_read_are_those_on_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "file.csv.gz"
    file.write_bytes(gzip.compress(b"a\n" * 100_000))
    lines = Lines(file, "utf-8")
    assert sum(1 for _ in lines) == 100_000
    assert lines.bytes_read == lines.bytes_total == file.stat().st_size
    lines.close()


@pytest.mark.parametrize(
    ("name", "encoding", "reason"),
    [
        ("missing.csv", "utf-8", "No such file"),
        (".", "utf-8", "directory"),
        ("there.csv", "klingon", "no text encoding named klingon"),
        ("there.csv", "base64", "no text encoding named base64"),
    ],
)
def test_what_cannot_be_opened(tmp_path: Path, name: str, encoding: str, reason: str) -> None:
    (tmp_path / "there.csv").write_bytes(b"a\n")
    with pytest.raises(ImportRefused, match=reason):
        Lines(tmp_path / name, encoding)
