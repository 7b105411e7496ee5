"""Claims and presence: acquiring, waiting, holding, renewing, losing, releasing."""
