"""`Ablo` and the twins of its parts. Each sends its calls to the async one, in a thread."""
