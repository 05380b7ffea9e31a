"""`python -m srdanet`: the same as the command `srdanet`."""

from srdanet.cli import main

main()
