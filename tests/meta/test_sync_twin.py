"""The sync client is what .ci/sync_twin.py makes of the async one."""

from __future__ import annotations

import runpy

from .project import ROOT, relative


def test_writing_the_sync_twin_again_changes_nothing() -> None:
    generated = runpy.run_path(str(ROOT / ".ci" / "sync_twin.py"))["generate"]()
    assert len(generated) > 5
    differing = [relative(path) for path, text in generated.items() if path.read_text() != text]
    assert not differing, "run: python .ci/sync_twin.py"
