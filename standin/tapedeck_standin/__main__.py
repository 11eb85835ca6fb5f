"""`python -m tapedeck_standin` is the command `tapedeck`."""

from tapedeck_standin.cli import main

main(prog_name="tapedeck")
