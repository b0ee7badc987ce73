import asyncio
import shutil
from pathlib import Path

import pytest

AUDITS = Path(__file__).parents[2] / "e2e"


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
@pytest.mark.skipif(
    not (AUDITS / "node_modules").exists(), reason="run `npm install --no-package-lock` in tests/e2e first"
)
async def test_all_audits_of_graphql_http(server):
    process = await asyncio.create_subprocess_exec(
        "node",
        AUDITS / "graphql_http_audits.mjs",
        f"{server.url}/graphql",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()

    assert output.decode().splitlines() == ["61 of 61 audits are ok"]
    assert process.returncode == 0
