"""The console in a real browser, on a real socket: what others do appears and goes, no refresh."""

from __future__ import annotations

from pathlib import Path

import pytest

from .chromium import Page
from .conftest import Site

pytestmark = pytest.mark.anyio

HERE = "document.querySelectorAll('#rows tbody tr:not([data-flash=gone])')"
IDS = f"[...{HERE}].map(tr => tr.dataset.id).join()"
LIVE = "document.querySelector('#connection')?.className === 'live'"


def shows(selector: str, text: str) -> str:
    return f"document.querySelector('{selector}')?.innerText.includes({text!r})"


async def enter(page: Page, site: Site, key: str) -> None:
    await page.call("Page.navigate", url=f"{site.url}/console/")
    await page.wait_for("document.querySelector('#key')?.offsetParent")
    await page.type("#key", key)
    await page.wait_for(LIVE)


async def test_what_another_process_does_shows_at_once(
    site: Site, page: Page, pictures: Path
) -> None:
    agent, other = site.caller("agent:triage"), site.caller("agent:writer")
    await page.resize(1280, 800)
    await enter(page, site, site.key())
    loads = await page.run("performance.timeOrigin")

    agent.create("t1", title="Write the report")
    agent.create("t2", title="Answer the customer")
    await page.wait_for(f"{IDS} === 't2,t1'")
    agent.update("t1", status="doing", title="Write the report, urgent")
    await page.wait_for(f"{IDS} === 't1,t2'")
    assert "urgent" in await page.text("#rows tbody tr")
    await page.wait_for(shows("#log tbody tr", "update"))
    assert "agent:triage" in await page.text("#log tbody tr")
    assert "status" in await page.text("#log tbody tr")

    held = agent.claim("t1", "rewriting the summary")
    await page.wait_for(shows("#claims", "rewriting the summary"))
    await page.wait_for(shows('tr[data-id="t1"]', "agent:triage"))
    assert "left" in await page.text("#claims .held .left")
    other.claim("t1", "after you", queue=True)
    await page.wait_for(shows("#claims ol", "agent:writer"))
    await page.wait_for(shows("#people", "agent:triage"))
    await page.screenshot(pictures / "claimed.png")

    agent.release(held)
    await page.wait_for("!document.querySelector('#claims ol')")
    other("DELETE", "models/tasks/t1/claim")
    await page.wait_for("!document.querySelector('#claims ul li')")
    await page.wait_for("!document.querySelector('tr.claimed')")

    agent.delete("t2")
    await page.wait_for(f"{IDS} === 't1'")
    await page.wait_for("document.querySelectorAll('#rows tbody tr').length === 1")
    await page.wait_for(shows("#log tbody tr", "delete"))
    assert await page.run("performance.timeOrigin") == loads, "it was loaded again"


async def test_text_of_rows_stays_text(site: Site, page: Page) -> None:
    agent = site.caller("agent:a")
    evil = "<script>window.broken = 1</script><img src=x onerror='window.broken = 2'>"
    agent.create("<b>t</b>", title=evil, meta={"html": evil})
    await enter(page, site, site.key())
    await page.wait_for(shows("#rows tbody", "<script>"))
    agent.update("<b>t</b>", title=evil + "!", status="done")
    await page.wait_for(shows("#rows tbody", "'>!"))
    agent.claim("<b>t</b>", evil)
    await page.wait_for(shows("#claims", "onerror"))
    await page.run("document.querySelector('#rows button.id').click()")
    await page.wait_for(shows("#detail", "<script>"))
    assert (
        await page.run("document.querySelectorAll('#app img, #app script, #app b b').length") == 0
    )
    assert await page.run("window.broken") is None
    # Text it is because no markup is made; were it made, the policy would stop it.
    assert (
        await page.run(
            "(() => { try { document.body.innerHTML = '<p>'; } catch (e) { return e.name; } })()"
        )
        == "TypeError"
    )
    page.events.clear()


async def test_the_key_is_in_no_url_and_nobody_else_is_asked(site: Site, page: Page) -> None:
    key = site.key()
    await enter(page, site, key)
    urls = page.requested()
    assert any(url.startswith("ws") for url in urls)
    own = {site.url, site.url.replace("http", "ws")}
    assert not [url for url in urls if not any(url.startswith(f"{each}/") for each in own)]
    assert not [url for url in urls if key in url or key[3:12] in url]
    kept = await page.run("JSON.stringify([location.href, document.cookie, {...localStorage}])")
    assert key not in kept
    assert await page.run("sessionStorage.length") == 1
    # A reload goes on without asking; signing out forgets.
    await page.call("Page.reload")
    await page.wait_for(LIVE)
    await page.run("document.querySelector('#signout').click()")
    assert await page.run("sessionStorage.length") == 0
    await page.wait_for("document.querySelector('#key').offsetParent")


async def test_without_a_good_key_nothing_is_shown(site: Site, page: Page) -> None:
    site.caller("agent:a").create("t1", title="secret")
    await page.call("Page.navigate", url=f"{site.url}/console/")
    await page.wait_for("document.querySelector('#key')?.offsetParent")
    await page.type("#key", "sk_" + "A" * 30 + "390g5D")
    await page.wait_for(shows("#problem", "does not know"))
    assert "secret" not in await page.run("document.documentElement.outerHTML")
    assert await page.run("sessionStorage.length") == 0


async def say(page: Page, text: str) -> None:
    """Set the filter of rows, as a person who then presses Enter."""
    await page.run("(document.querySelector('#rows-filter').value = '')")
    await page.type("#rows-filter", text)
    await page.run("document.querySelector('#rows-filter').dispatchEvent(new Event('change'))")


async def test_a_filter_shows_the_rows_that_pass_it_as_they_come_and_go(
    site: Site, page: Page, pictures: Path
) -> None:
    agent = site.caller("agent:a")
    agent.create("t1", title="one", status="todo")
    agent.create("t2", title="two", status="done")
    await page.resize(390, 844)
    await enter(page, site, site.key())
    await page.wait_for(f"{IDS} === 't2,t1'")
    await say(page, "status = 'todo'")
    await page.wait_for(f"{IDS} === 't1'")
    agent.update("t2", status="todo")
    await page.wait_for(f"{IDS} === 't2,t1'")
    agent.update("t1", status="done")
    await page.wait_for(f"{IDS} === 't2'")
    await page.screenshot(pictures / "filter.png")
    assert (
        await page.run("document.querySelector('#models [aria-selected=true] .count').textContent")
        == "2"
    )

    await say(page, "title = 'three'")
    await page.wait_for(shows("#rows-note", "No row passes the filter"))
    await say(page, "colour = 'red'")
    await page.wait_for(shows("#rows-note", "colour"))
    await say(page, "")
    await page.wait_for(f"{IDS} === 't1,t2'")
