"""The comparison as a table, and the targets with their outcome."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.comparison import Figures

LEGEND = """
floor         by hand: Starlette, asyncpg, orjson; no GraphQL
lectern       as in production: limits, policies, metrics, masked errors
plain         Strawberry with aiodataloader, as their documentation shows it
plain-cached  the same with Strawberry's own parser and validation caches
CPU ms        of the server process, a request
of floor      requests a second as a share of the floor's
of plain      CPU a request as a share of plain's
SQL           statements a request
Medians of rounds, but p99 over all requests. Every answer was checked.
""".strip()


@dataclass(frozen=True, slots=True)
class Target:
    """`value` is a ratio that must be at most, or at least, `limit`."""

    sentence: str
    value: float
    limit: float
    at_most: bool

    @property
    def met(self) -> bool:
        return self.value <= self.limit if self.at_most else self.value >= self.limit


def targets(figures: Sequence[Figures]) -> list[Target]:
    """What this release promises; against plain Strawberry, without and with its caches."""
    by_key = {(one.query, one.contender): one for one in figures}
    found = []
    for plain in ("plain", "plain-cached"):
        if ("Q1", "lectern") in by_key and ("Q1", plain) in by_key:
            cost = by_key["Q1", "lectern"].cpu_ms_per_request / by_key["Q1", plain].cpu_ms_per_request
            speed = by_key["Q0", "lectern"].requests_per_second / by_key["Q0", plain].requests_per_second
            found += [
                Target(f"Q1: CPU a request, lectern / {plain}", cost, 1.10, at_most=True),
                Target(f"Q0: requests a second, lectern / {plain}", speed, 1.5, at_most=False),
            ]
    return found


def show(console: Console, figures: Sequence[Figures], fields: dict[str, int]) -> None:
    """Prints a table a query, then the targets."""
    for query, count in fields.items():
        table = Table(
            title=f"{query}: {count:,} fields", title_justify="left", box=SIMPLE_HEAD, pad_edge=False
        )
        table.add_column("contender", no_wrap=True)
        for heading in ("req/s", "p50 ms", "p99 ms", "CPU ms", "SQL", "of floor", "of plain"):
            table.add_column(heading, justify="right", no_wrap=True)
        chosen = {one.contender: one for one in figures if one.query == query}
        for name, one in chosen.items():
            table.add_row(
                name,
                f"{one.requests_per_second:,.1f}",
                f"{one.p50_ms:.1f}",
                f"{one.p99_ms:.0f}",
                f"{one.cpu_ms_per_request:.2f}",
                f"{one.statements_per_request:.2f}",
                _ratio(one.requests_per_second, chosen.get("floor"), "requests_per_second"),
                _ratio(one.cpu_ms_per_request, chosen.get("plain"), "cpu_ms_per_request"),
            )
        console.print(table)
    console.print(LEGEND, highlight=False, style="dim")
    for target in targets(figures):
        word = "at most" if target.at_most else "at least"
        outcome = "[green]met[/]" if target.met else "[red]missed[/]"
        console.print(f"{target.sentence}: {target.value:.2f} ({word} {target.limit}): {outcome}")


def _ratio(value: float, other: Figures | None, name: str) -> str:
    return "" if other is None else f"{value / getattr(other, name):.3f}"
