"""Folders as a university has them: small ones of our own, and the real one where this machine has it."""

import csv
import gzip
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

COURSES = "code_module,code_presentation,module_presentation_length"
VLE = "id_site,code_module,code_presentation,activity_type,week_from,week_to"
INFO = "code_module,code_presentation,id_student,gender,imd_band,final_result"
REGISTRATIONS = "code_module,code_presentation,id_student,date_registration,date_unregistration"
HEADERS = {"courses": COURSES, "vle": VLE, "studentInfo": INFO, "studentRegistration": REGISTRATIONS}
SMALL = {
    "courses": ["AAA,2013J,268", "BBB,2014B,241"],
    "vle": [
        "1,AAA,2013J,resource,,",
        "2,AAA,2013J,url,3,3",
        "3,AAA,2013J,resource,3,5",
        "4,BBB,2014B,page,,",
    ],
    # In another order than the registrations.
    "studentInfo": [
        "BBB,2014B,11,F,20-30%,Distinction",
        "AAA,2013J,14,M,,Withdrawn",
        "AAA,2013J,11,F,20-30%,Pass",
        "AAA,2013J,12,M,10-20,Fail",
        "AAA,2013J,13,F,10-20,Withdrawn",
        "AAA,2013J,15,F,10-20,Fail",
    ],
    "studentRegistration": [
        "AAA,2013J,11,-159,",
        "AAA,2013J,12,10,",
        "AAA,2013J,13,-53,-5",
        "AAA,2013J,14,-92,",
        "AAA,2013J,15,,300",
        "BBB,2014B,11,-1,",
    ],
}


def university(folder: Path, **files: Iterable[str]) -> Path:
    """A folder of SMALL, with other lines for the files that are named; vle is packed."""
    folder.mkdir(exist_ok=True)
    for name, header in HEADERS.items():
        text = "\n".join([header, *files.get(name, SMALL[name])]) + "\n"
        if name == "vle":
            (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def real_university() -> tuple[Path, dict[str, dict[str, str]]]:
    """The real files and, by presentation, what they are expected to add up to; skips the test where there are none."""
    shared = Path(os.environ.get("LECTERN_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
    sums = shared / "learners" / "oulad_by_presentation.csv"
    if not sums.exists():
        pytest.skip("The real learners (shared/data/learners beside the project) are not on this machine.")
    with sums.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    return sums.parent, {f"{row['code_module']}-{row['code_presentation']}": row for row in rows}
