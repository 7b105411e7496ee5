"""The daemon: HTTP, WebSocket and the console over one database; see `service`."""
