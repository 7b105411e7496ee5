"""What the console does when its relay goes, a key is revoked, a schema is pushed, or it rains."""

from __future__ import annotations

import pytest

from ablo_pg import define_schema
from ablo_pg.kernel.push import push_schema
from ablo_pg.schema.pushing import PushOptions
from ablo_pg.testing import DatabaseHandle

from .chromium import Page
from .conftest import Note, Site, Task, relay_process
from .test_page import IDS, LIVE, enter, say, shows

pytestmark = pytest.mark.anyio


async def test_it_says_that_the_relay_is_gone_and_goes_on_with_the_next(
    db: DatabaseHandle, page: Page
) -> None:
    with relay_process(db, 0, "--console") as url:
        site = Site(db, url)
        agent = site.caller("agent:a")
        agent.create("t1", title="before")
        agent.client.close()
        await enter(page, site, site.key())
        await page.wait_for(f"{IDS} === 't1'")
        loads = await page.run("performance.timeOrigin")
    await page.wait_for(shows("#connection", "Trying again in"))
    assert await page.run(f"{IDS}") == "t1", "what is known stays to be seen"
    site.sql(
        "insert into tasks (id, organization_id, title, status) values ('t2', %s, 'm', 'todo')",
        site.organization,
    )
    with relay_process(db, int(url.rpartition(":")[2]), "--console"):
        await page.run("document.querySelector('#retry').click()")
        await page.wait_for(LIVE)
        await page.wait_for(f"{IDS} === 't2,t1'")
        await page.wait_for(shows("#log tbody tr", "t2"))
        assert await page.run("document.querySelectorAll('#log tbody tr').length") == 2
        assert await page.run("performance.timeOrigin") == loads


async def test_a_filter_reads_its_rows_again_from_the_next_relay(
    db: DatabaseHandle, page: Page
) -> None:
    with relay_process(db, 0, "--console") as url:
        site = Site(db, url)
        agent = site.caller("agent:a")
        for name, status in (("t1", "todo"), ("t2", "done")):
            agent.create(name, title=name, status=status)
        agent.client.close()
        await enter(page, site, site.key())
        await say(page, "status = 'todo'")
        await page.wait_for(f"{IDS} === 't1'")
    await page.wait_for(shows("#connection", "Trying again in"))
    site.sql("update tasks set status = case id when 't1' then 'done' else 'todo' end")
    with relay_process(db, int(url.rpartition(":")[2]), "--console"):
        await page.run("document.querySelector('#retry').click()")
        await page.wait_for(f"{IDS} === 't2'")


async def test_a_revoked_key_ends_at_the_sign_in(site: Site, page: Page) -> None:
    site.caller("agent:a").create("t1", title="to be taken away")
    await enter(page, site, site.key())
    await page.wait_for(shows("#rows", "to be taken away"))
    site.sql(
        "select ablo.key_revoke(organization_id, id) from ablo.api_key where organization_id = %s",
        site.organization,
    )
    await page.wait_for(shows("#problem", "revoked"))
    assert "taken away" not in await page.run("document.documentElement.outerHTML")
    assert await page.run("sessionStorage.length") == 0


async def test_a_push_shows_its_version_and_models(own_site: Site, page: Page) -> None:
    await enter(page, own_site, own_site.key())
    await page.wait_for(shows("#schema dl", "Version"))
    before = await page.text("#schema dl")

    class Extra(Note):
        extra: str | None = None

    wider = define_schema(tasks=Task, notes=Note, extras=Extra)
    push_schema(own_site.db.admin_url, wider.spec, PushOptions())
    await page.wait_for(shows("#models", "extras"))
    assert await page.text("#schema dl") != before
    await page.wait_for(shows("#schema-versions li", "model added: extras"))
    versions = await page.text("#schema-versions")
    assert versions.index("Version 2 active") < versions.index("Version 1")
    assert "model added: tasks" in versions
    await page.wait_for(LIVE)


async def test_a_flood_leaves_a_bounded_page(site: Site, page: Page) -> None:
    await enter(page, site, site.key())

    for part in range(4):
        site.sql(
            "insert into tasks (id, organization_id, title, status) select 'r' || n, %s,"
            " repeat('x', 3000), 'todo' from generate_series(%s::int, %s::int) n",
            *(site.organization, part * 505 + 1, (part + 1) * 505),
        )
    await page.wait_for(shows("#log tbody tr", "r2020"))
    await page.wait_for("document.querySelectorAll('#rows tbody tr').length === 200")
    assert await page.run("document.querySelectorAll('#log tbody tr').length") <= 300
    assert "The 200 most recently updated rows" in await page.text("#rows-note")
    assert await page.run("document.documentElement.outerHTML.length") < 400_000


async def test_a_narrow_key_sees_its_models_only(site: Site, page: Page) -> None:
    agent = site.caller("agent:a")
    agent.create("t1", title="not for everybody")
    agent("POST", "models/notes", {"id": "n1", "data": {"text": "for everybody"}})
    await enter(page, site, site.key("user:narrow", operations=["notes.read"]))
    await page.wait_for(shows("#rows", "for everybody"))
    agent.update("t1", title="still not")
    agent("PATCH", "models/notes/n1", {"data": {"text": "for all of us"}})
    await page.wait_for(shows("#rows", "for all of us"))
    page_text = await page.run("document.documentElement.outerHTML")
    assert "not for everybody" not in page_text
    assert "still not" not in page_text


async def test_another_organization_is_not_there(site: Site, page: Page) -> None:
    site.caller("agent:a", "other").create("t1", title="of another organization")
    await enter(page, site, site.key())
    site.caller("agent:a", "other").create("t2", title="of another organization")
    site.caller("agent:a").create("t3", title="ours")
    await page.wait_for(f"{IDS} === 't3'")
    assert "another organization" not in await page.run("document.documentElement.outerHTML")
