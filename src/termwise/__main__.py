"""`python -m termwise`: the commands, where `termwise` itself is not on the path."""

from termwise.cli import main

if __name__ == "__main__":
    main()
