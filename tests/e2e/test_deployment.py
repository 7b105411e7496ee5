"""The files in deploy/ are valid, and their commands start a relay that becomes healthy."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ablo_pg.testing import DatabaseHandle

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
SERVICES = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
PROGRAMS = Path(sys.executable).parent


def instruction(name: str) -> list[str]:
    """The words of an instruction in exec form, its last JSON array."""
    (line,) = re.findall(rf"^{name}\b.*$", DOCKERFILE, re.MULTILINE)
    words: list[str] = json.loads(line[line.index("[") :])
    return words


def environment(**more: str) -> dict[str, str]:
    """What a container has: the programs of the image, and nothing of ours."""
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("ABLO", "PG"))
    }
    ours.pop("DATABASE_URL", None)
    return ours | {"PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"} | more


def wait_until_healthy(check: list[str], relay: subprocess.Popen[bytes]) -> None:
    while subprocess.run(check, capture_output=True, check=False).returncode:
        assert relay.poll() is None, "the relay ended"


def test_compose_makes_the_logins_once_and_its_relay_becomes_healthy(
    app_db: DatabaseHandle, tmp_path: Path
) -> None:
    script = SERVICES["connect"]["command"][0].replace("$$", "$").replace("chown ablo", "true")
    connect = [*SERVICES["connect"]["entrypoint"], script]
    given = environment(ABLO_ADMIN_URL=app_db.admin_url)
    subprocess.run(connect, cwd=tmp_path, env=given, check=True, capture_output=True)
    urls = (tmp_path / ".env").read_text()
    assert re.findall(r"^\w+", urls, re.MULTILINE) == ["DATABASE_URL", "ABLO_REPLICATION_URL"]
    subprocess.run(connect, cwd=tmp_path, env=given, check=True, capture_output=True)
    assert (tmp_path / ".env").read_text() == urls

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [port if word == "8787" else word for word in instruction("CMD")]
    command[command.index("0.0.0.0")] = "127.0.0.1"
    check = [word.replace("8787", port) for word in instruction("HEALTHCHECK")]
    check[0] = sys.executable
    relay = subprocess.Popen(
        [*instruction("ENTRYPOINT"), *command],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_healthy(check, relay)
        (stop,) = re.findall(r"^STOPSIGNAL (\w+)$", DOCKERFILE, re.MULTILINE)
        relay.send_signal(signal.Signals[stop])
        assert relay.wait(15) == 0
    finally:
        relay.kill()
        relay.wait()


def test_the_image_installs_the_extra_that_its_command_needs() -> None:
    assert instruction("CMD")[0] == "relay"
    assert re.findall(r"^RUN pip install .*\[(\w+)\]", DOCKERFILE, re.MULTILINE) == ["relay"]


def test_what_the_image_leaves_out_is_not_needed(tmp_path: Path) -> None:
    """The files that .dockerignore lets through make a wheel."""
    root = DEPLOY.parent
    kept = re.findall(r"^!(.*)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    for name in kept:
        copy: Any = shutil.copytree if (root / name).is_dir() else shutil.copy
        copy(root / name, tmp_path / name)
    program = "import hatchling.build; print(hatchling.build.build_wheel('.'))"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True)
    assert list(tmp_path.glob("*.whl"))


def test_compose_follows_the_specification() -> None:
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    subprocess.run([*checker, str(DEPLOY / "compose.yaml")], check=True, capture_output=True)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = (DEPLOY / "ablo-pg-relay.service").read_text()
    unit = unit.replace("/opt/ablo/bin/ablo-pg", str(PROGRAMS / "ablo-pg"))
    (tmp_path / "ablo-pg-relay.service").write_text(unit.replace("User=ablo", "User=daemon"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / "ablo-pg-relay.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "ablo-pg-relay" in done.stderr) == (0, False), done.stderr
