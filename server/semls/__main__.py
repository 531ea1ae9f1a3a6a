"""The entry point of `semls` and `python -m semls`."""

import signal
import sys


def main() -> int:
    """Run the command line. Ctrl-C ends the process at once, as there is nothing to clean up."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a parent may have set SIG_IGN
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from semls.cli import main as cli  # a slow import, during which Ctrl-C must not print a traceback

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
