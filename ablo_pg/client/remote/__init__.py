"""The client's side of a relay: HTTP for calls, a live socket or an event stream for changes."""
