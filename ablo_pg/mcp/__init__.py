"""A server of the Model Context Protocol: an agent's framework works on a relay's rows.

`server` speaks the protocol, with the official `mcp` package; `tools` has what it offers; `session`
has one agent's calls: the relay's HTTP API under one key, and the claims that it holds, which are
renewed while it lives and released when it ends. What a key may not do, no tool offers.
"""
