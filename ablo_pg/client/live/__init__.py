"""Committed changes as they come: the client's stream, and the subscriptions on it."""
