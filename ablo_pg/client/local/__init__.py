"""The local copy of rows, read without a round trip, and queued writes."""
