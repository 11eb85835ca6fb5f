"""Run the `tapedeck` command: `python -m tapedeck_standin`."""

from tapedeck_standin.cli import main

main(prog_name="tapedeck")
