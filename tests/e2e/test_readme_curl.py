"""The README's commands with curl alone run as they stand, against a relay."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ablo_pg.cluster import Server
from ablo_pg.testing import make_database

from .test_relay_process import make_key, relay

pytestmark = pytest.mark.smoke

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def commands() -> str:
    (found,) = re.findall(r"```bash\n(.*?)```", README.read_text(), re.DOTALL)
    return str(found)


def test_the_commands_do_what_they_say(
    commands: str, cluster: Server, kernel_template: str
) -> None:
    with (
        make_database(server=cluster, template=kernel_template) as db,
        relay(db, "--admin-url", db.admin_url) as process,
    ):
        environment = {"ABLO_API_URL": process.url, "ABLO_API_KEY": make_key(db), "PATH": PATH}
        done = subprocess.run(
            ["bash", "-u", "-c", commands], env=environment, capture_output=True, text=True
        )
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    pushed, made, read, listed, updated, stale, claimed, beat, written, released = answers
    assert pushed["version"] == 1
    assert made["clientTxId"] == "note-1"
    assert read["data"]["title"] == "Write"
    assert [row["id"] for row in listed["data"]] == ["n1"]
    assert updated["success"] is True
    assert stale["code"] == "stale_context"
    assert (claimed["id"], claimed["status"]) == ("my-claim", "active")
    assert beat["status"] == "held"
    assert written["success"] is True
    assert released["released"] is True
    deltas = events(done.stdout)
    assert [delta["actionType"] for delta in deltas] == ["I", "U", "U"]
    assert deltas[-1]["data"]["status"] == "done"


PATH = "/usr/local/bin:/usr/bin:/bin"


def events(text: str) -> list[dict[str, Any]]:
    """The deltas of a stream of events."""
    return [json.loads(found) for found in re.findall(r"^data: (\{.*\})$", text, re.MULTILINE)]
