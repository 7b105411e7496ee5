"""Everything that speaks to Postgres: pool, one function per kernel routine, error translation."""
