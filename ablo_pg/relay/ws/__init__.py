"""Live sockets: deltas, commits, claims and presence over one WebSocket.

endpoint   admission                  -> session   one socket's lifetime
session    frames in, in two lanes    -> syncing, commits, claims, presence (its handlers)
feed       deltas out: catches up, then is written to by the pump, with all other sockets
live_view  what an organization's sockets see of claims and presence, across relays
"""
