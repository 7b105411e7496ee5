"""The local copy of rows, read without a round trip, and the writes that are seen in it at once."""
