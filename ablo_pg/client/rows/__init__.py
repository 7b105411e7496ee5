"""Reading and writing rows: what callers pass -> requests of the kernel -> frozen values."""
