"""The metrics of a relay, in the Prometheus text format.

Counters and histograms are updated by the code that does the work; states (subscribers, lag, pool)
are read when metrics are requested. No label carries an organization, a participant, a key or a
row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.reader import Reader
from ablo_pg.db.pool import Database
from ablo_pg.relay.health import Health
from ablo_pg.relay.lanes import CommitLanes

SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0)
BATCH: Final = (1, 2, 4, 8, 16, 32, 50)
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class RelayMetrics:
    """The relay's own registry; /metrics answers `text()`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.sockets = 0
        self.requests = self._count(
            "ablo_http_requests", "Requests answered", "route", "method", "status"
        )
        self.request_seconds = self._spread(
            "ablo_http_request_seconds",
            "From the head of a request to the end of its answer",
            SECONDS,
            "route",
        )
        self.commits = self._count(
            "ablo_commits", "Commits by outcome: confirmed, or an error's code", "outcome"
        )
        self.batch = self._spread("ablo_commit_batch_size", "Size of commit batches", BATCH)
        self.claims = self._count(
            "ablo_claims", "Claims requested: active, queued, or an error's code", "outcome"
        )
        self.claim_wait_seconds = self._spread(
            "ablo_claim_wait_seconds", "From queuing to the grant", SECONDS
        )
        self.rate_limited = self._count(
            "ablo_rate_limited", "Requests refused by a key's rate limit"
        )
        self.task_failures = self._count(
            "ablo_task_failures",
            "Failures of background tasks; each is retried",
            "task",
        )
        self.sockets_closed = self._count("ablo_sockets_closed", "Sockets that ended", "code")
        self.deliveries = self._count("ablo_deliveries", "Deltas written to subscribers")

    def _count(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _spread(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)

    def watch(
        self, reader: Reader, hub: Hub, lanes: CommitLanes, health: Health, database: Database
    ) -> None:
        """Also report the state of these."""
        read = partial(self._states, reader, hub, lanes, health, database)
        self.registry.register(_States(read))

    def text(self) -> bytes:
        """Return everything in the text format."""
        return generate_latest(self.registry)

    def _states(
        self, reader: Reader, hub: Hub, lanes: CommitLanes, health: Health, database: Database
    ) -> Iterable[Metric]:
        status = reader.status
        kind = GaugeMetricFamily("ablo_reader", "The reader in use: 1 for it", labels=("kind",))
        for each in ("wal", "listen", "none"):
            kind.add_metric((each,), float(each == status.kind))
        yield kind
        yield _gauge("ablo_stream_lag_seconds", "Age of the stream's latest delta", status.lag)
        yield _gauge("ablo_stream_lag_bytes", "WAL written and not yet passed on", status.lag_bytes)
        channels = list(hub.channels.values())
        yield _gauge("ablo_subscribers", "Live subscribers", sum(map(len, channels)))
        queued = sum(channel.queued for channel in channels)
        yield _gauge("ablo_queue_deltas", "Deltas queued for their subscriber", queued)
        yield CounterMetricFamily(
            "ablo_subscriber_disconnections",
            "Disconnections of subscribers from the live stream",
            hub.disconnected,
        )
        yield _gauge("ablo_sockets", "Open sockets", self.sockets)
        yield _gauge("ablo_commit_lanes", "Organizations with a commit in flight", len(lanes))
        yield _gauge("ablo_ready", "Whether /ready reports ready", float(health.ready))
        yield _gauge(
            "ablo_canary_age_seconds",
            "Seconds since the latest received canary was sent",
            health.age,
        )
        for name, value in database.pool_stats().items():
            if name in ("pool_size", "pool_available", "requests_waiting"):
                yield _gauge(
                    f"ablo_pool_{name.removeprefix('pool_')}", "The pool of connections", value
                )


class _States(Collector):
    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        return self._read()

    def describe(self) -> Iterable[Metric]:
        return ()


def _gauge(name: str, text: str, value: float | None) -> Metric:
    gauge = GaugeMetricFamily(name, text)
    if value is not None:
        gauge.add_metric((), float(value))
    return gauge
