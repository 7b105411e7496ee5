"""The invariants of the engine, each with a checker, and mutants that the checker must catch."""
