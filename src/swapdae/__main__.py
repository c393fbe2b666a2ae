"""`python -m swapdae` is `swapdae`."""

from swapdae.cli import main

main()
