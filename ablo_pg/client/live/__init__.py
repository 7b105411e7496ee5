"""Live committed changes: the client's stream, and the subscriptions on it."""
