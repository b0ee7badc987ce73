"""The plans that PostgreSQL really used for a read's statements, and what is asked of them."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from app.database import Query

LARGE_TABLE = 10_000  # rows; to scan fewer may be the best plan
SORT_LIMIT = 1_000  # rows of one sort
READ_LIMIT = 2_000  # rows that one scan may bring beyond ten for each row of the answer

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    mode: str
    text: str
    root: Node

    def nodes(self) -> Iterator[Node]:
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(node.get("Plans", ()))

    def faults(self, rows_of_table: dict[str, int]) -> Iterator[str]:
        """One sentence for each rule that the plan breaks."""
        answered = self.root["Actual Rows"]
        for node in self.nodes():
            loops, rows, kind = node["Actual Loops"], node["Actual Rows"], node["Node Type"]
            table = node.get("Relation Name", "")
            if kind.endswith("Seq Scan") and rows_of_table.get(table, 0) > LARGE_TABLE and loops:
                yield f"scans all of {table}"
            elif kind.endswith("Scan") and table and rows > 10 * answered + READ_LIMIT:
                yield f"reads {rows:.0f} rows of {table} to answer {answered:.0f}"
            for reason in ("Filter", "Index Recheck", "Join Filter"):
                removed = node.get(f"Rows Removed by {reason}", 0)
                if removed * loops > 10 * rows * loops + 100:
                    yield f"removes {removed * loops:.0f} rows of {table or kind} and keeps {rows * loops:.0f}"
            if kind.endswith("Sort") and (sorted_rows := node["Plans"][0]["Actual Rows"]) > SORT_LIMIT:
                yield f"sorts {sorted_rows:.0f} rows by {', '.join(node['Sort Key'])}"


class ExplainingConnection:
    """A Fetch that runs each statement twice, planned for its values and planned for any, and keeps both plans."""

    def __init__(self, connection: "PoolConnectionProxy[asyncpg.Record]") -> None:
        self._connection = connection
        self._logged: list[dict[str, Any]] = []
        self.plans: list[Plan] = []

    async def __aenter__(self) -> Self:
        # auto_explain reports the plan of the very statement that the driver sent; EXPLAIN makes one of its own.
        self._connection.add_log_listener(self._keep)
        await self._connection.execute("""
            LOAD 'auto_explain';
            SET auto_explain.log_min_duration = 0;
            SET auto_explain.log_analyze = on;
            SET auto_explain.log_timing = off;
            SET auto_explain.log_format = json;
            SET auto_explain.log_level = notice;
        """)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._connection.remove_log_listener(self._keep)
        await self._connection.execute("RESET ALL")

    def _keep(self, _connection: Any, message: Any) -> None:
        _, _, explanation = message.message.partition("plan:\n")
        if explanation:
            self._logged.append(json.loads(explanation))

    async def fetch(self, query: Query, **values: Any) -> list[asyncpg.Record]:
        arguments = query.arguments(values)
        rows: list[asyncpg.Record] = []
        for mode in ("custom", "generic"):
            await self._connection.execute(f"SET plan_cache_mode = force_{mode}_plan")
            self._logged.clear()
            rows = await self._connection.fetch(query.text, *arguments)
            await asyncio.sleep(0)  # the driver hands messages to its listeners one turn later
            found = [entry for entry in self._logged if entry["Query Text"] == query.text]
            assert len(found) == 1, f"{len(found)} plans were reported for {query.text}"
            self.plans.append(Plan(mode, query.text, found[0]["Plan"]))
        return rows
