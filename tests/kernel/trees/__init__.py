"""Trees of expressions, against what Postgres makes of them."""
