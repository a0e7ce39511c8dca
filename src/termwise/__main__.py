"""`python -m termwise`: the commands."""

from termwise.cli import main

if __name__ == "__main__":
    main()
