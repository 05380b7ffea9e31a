"""Entry point of the command, and `python -m srdanet`.

Loading takes the better part of a second, and an interrupt in it has nothing to clean up: it ends the process quietly.
"""

from __future__ import annotations

import os
import signal


def main() -> None:
    """Run the command; Ctrl-C and SIGTERM end it with exit code 130, at any time."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: os._exit(130))
    from srdanet.cli import main as run

    run()


if __name__ == "__main__":
    main()
