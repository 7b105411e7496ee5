"""The direct connection to a database: no daemon, the kernel's routines over a pool."""
