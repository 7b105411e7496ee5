"""The way over a relay: HTTP for calls, a live socket or an event stream for what it sends."""
