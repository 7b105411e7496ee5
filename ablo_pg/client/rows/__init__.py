"""Reading and writing rows: callers' arguments -> requests of the kernel -> frozen values."""
