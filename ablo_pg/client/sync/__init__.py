"""`Ablo` and the twins of its parts. Each only sends to the async one, on the loop's own thread."""
