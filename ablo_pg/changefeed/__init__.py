"""From committed rows to subscribers: readers, the hub, and subscriptions that catch up.

WAL (pgoutput) or LISTEN + index reads -> Reader -> Hub -> Subscription -> its consumer
                                             ablo.delta -> catch-up -^

hub = Hub(PostgresLog(database))
reader = AutoReader(database_url, replication_url)      # or WalReader, ListenReader
task_group.start_soon(reader.run, hub)
async with hub.subscribe("acme", models={"Task"}, cursor=saved) as changes:
    async for delta in changes:
        ...
        saved = changes.cursor
"""

from ablo_pg.changefeed.auto import AutoReader
from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.listen import ListenReader
from ablo_pg.changefeed.reader import Reader, WalReader
from ablo_pg.changefeed.status import ReaderStatus
from ablo_pg.changefeed.subscription import Subscription

__all__ = [
    "AutoReader",
    "Hub",
    "ListenReader",
    "Reader",
    "ReaderStatus",
    "Subscription",
    "WalReader",
]
