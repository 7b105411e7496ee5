"""The kernel on a real server: its routines, and what must hold however they are called."""
