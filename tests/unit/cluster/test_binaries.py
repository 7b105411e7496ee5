"""Finding binaries: packages are located, never imported; only versions 15 to 18 count."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ablo_pg.cluster import binaries, find_binaries
from ablo_pg.errors import AbloServerError


def make_install(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name in binaries.NEEDED:
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    return folder


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An import path on which only the test's own packages provide binaries."""
    monkeypatch.setattr(binaries, "SUPPORTED", range(15, 19))  # .ci/matrix narrows it
    monkeypatch.setattr(binaries, "PACKAGES", (("fake_postgres", ("new", "old")),))
    monkeypatch.setattr(binaries, "SYSTEM_FOLDERS", (str(tmp_path / "system/*/bin"),))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_package_is_located_without_being_imported(packages: Path) -> None:
    make_install(packages / "fake_postgres/new/bin", "18.1")
    (packages / "fake_postgres/__init__.py").write_text("raise RuntimeError('start-up code ran')")
    (packages / "fake_postgres.libs").mkdir()
    found = find_binaries()
    assert (found.provider, found.major) == ("fake_postgres", 18)
    assert found.parts == ("fake_postgres/new", "fake_postgres.libs")
    assert "fake_postgres" not in sys.modules


def test_a_package_with_an_old_server_falls_through_to_its_next_folder(packages: Path) -> None:
    make_install(packages / "fake_postgres/new/bin", "14.9")
    make_install(packages / "fake_postgres/old/bin", "16.2")
    (packages / "fake_postgres/__init__.py").touch()
    assert find_binaries().major == 16


def test_the_newest_supported_system_server_is_taken(packages: Path) -> None:
    for version in ("14.1", "15.3", "17.0", "19beta1"):
        make_install(packages / "system" / version / "bin", version)
    found = find_binaries("system")
    assert (found.provider, found.major) == ("system", 17)


def test_a_system_server_serves_when_no_package_is_installed(packages: Path) -> None:
    make_install(packages / "system/15/bin", "15.3 (Debian 15.3-1)")
    assert find_binaries("embedded").provider == "system"


def test_a_wish_for_the_system_server_is_not_silently_ignored(packages: Path) -> None:
    make_install(packages / "fake_postgres/new/bin", "18.1")
    (packages / "fake_postgres/__init__.py").touch()
    with pytest.raises(AbloServerError) as caught:
        find_binaries("system")
    assert caught.value.code == "embedded_postgres_unavailable"


def test_nothing_at_all_says_what_to_install(packages: Path) -> None:
    with pytest.raises(AbloServerError, match=r"ablo-pg\[embedded\]"):
        find_binaries()


def test_a_binary_that_does_not_run_is_no_server(packages: Path) -> None:
    folder = make_install(packages / "system/15/bin", "15.3")
    (folder / "postgres").write_text("not a program")
    with pytest.raises(AbloServerError):
        find_binaries()
