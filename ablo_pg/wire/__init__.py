"""The data that crosses the relay's interfaces, as pure functions: bodies in, bodies out."""
