"""Everything that talks to Postgres: pool, one function per kernel routine, error translation."""
