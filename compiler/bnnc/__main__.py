"""`python -m bnnc`."""

from bnnc.cli import main

if __name__ == "__main__":
    main()
