"""`python -m semls`."""

import sys

from semls.cli import main

if __name__ == "__main__":
    sys.exit(main())
