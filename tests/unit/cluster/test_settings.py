"""The configuration text of a cluster."""

from __future__ import annotations

import pytest

from ablo_pg.cluster import ClusterSettings
from ablo_pg.cluster.settings import access_rules, configuration


def test_a_durable_cluster_keeps_fsync() -> None:
    text = configuration(ClusterSettings(), "/tmp/s", 5432, 18)
    assert "fsync" not in text
    assert "full_page_writes" not in text


def test_a_throwaway_cluster_skips_what_only_a_crash_needs() -> None:
    text = configuration(ClusterSettings(durable=False), "/tmp/s", 5432, 18)
    assert "fsync = 'off'" in text


@pytest.mark.parametrize(("durable", "major"), [(True, 18), (False, 15)])
def test_passwords_cost_less_only_where_they_are_thrown_away(durable: bool, major: int) -> None:
    throwaway = configuration(ClusterSettings(durable=False), "/tmp/s", 5432, 16)
    assert "scram_iterations = '1'" in throwaway
    text = configuration(ClusterSettings(durable=durable), "/tmp/s", 5432, major)
    assert "scram_iterations" not in text


def test_without_a_port_no_network_address_listens() -> None:
    assert "listen_addresses = ''" in configuration(ClusterSettings(), "/tmp/s", 5432, 18)


def test_a_tcp_port_listens_on_loopback_alone_and_asks_for_passwords() -> None:
    text = configuration(ClusterSettings(tcp_port=6000), "/tmp/s", 6000, 18)
    assert "listen_addresses = '127.0.0.1'" in text
    hosts = [line.split() for line in access_rules().splitlines() if line.startswith("host")]
    assert {line[-1] for line in hosts} == {"scram-sha-256"}
    assert {line[3] for line in hosts} == {"127.0.0.1/32"}


def test_values_are_quoted_and_the_caller_has_the_last_word() -> None:
    settings = ClusterSettings(extra={"log_line_prefix": "it's \\ %m", "wal_level": "replica"})
    text = configuration(settings, "/tmp/s", 5432, 18)
    assert r"log_line_prefix = 'it''s \\ %m'" in text
    assert "wal_level = 'replica'" in text
