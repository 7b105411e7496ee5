"""Files that declare tables, and the same tables in Postgres."""
