"""Measurements: `python -m bench.NAME`, one JSON line per figure.

A figure is compared with a named yardstick measured in the same run, because absolute numbers of a
shared machine say little.
"""
