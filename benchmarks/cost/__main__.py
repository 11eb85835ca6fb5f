"""Print the bill, the prices and what is assumed: `python -m benchmarks.cost`."""

import sys

from benchmarks.cost.bill import price_list, report

if __name__ == "__main__":
    sys.stdout.write(f"{report()}\n\n{price_list()}\n")
