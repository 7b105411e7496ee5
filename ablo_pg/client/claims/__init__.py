"""Claims and presence: asking, waiting in line, holding, renewing, losing, releasing."""
