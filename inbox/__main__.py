"""`python -m inbox …` is the same as the `inbox` command."""

from inbox.cli import main

if __name__ == "__main__":
    main()
