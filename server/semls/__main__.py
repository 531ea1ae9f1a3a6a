"""`python -m semls`."""

import signal
import sys


def main() -> int:
    """Run a command, which Ctrl-C ends at once: it has nothing to clean up."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # it may be ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from semls.cli import main as cli  # takes a while, in which Ctrl-C must not print a traceback

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
