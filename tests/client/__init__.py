"""The client on a database and over a relay."""
