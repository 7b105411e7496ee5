"""What crosses the relay's doors, as pure functions: bodies in, bodies out. No I/O, no clock."""
