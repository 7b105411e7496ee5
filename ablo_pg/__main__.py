"""`python -m ablo_pg` is `ablo-pg`."""

from ablo_pg.cli import main

if __name__ == "__main__":
    main()
