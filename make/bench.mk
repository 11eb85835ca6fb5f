# Ratios within one run, each beside its budget.
ROUNDS ?= 13

.PHONY: bench
bench: $(VENV)/development  ## what an update costs beside bare botocore and FastAPI, and what a page of a list does (ROUNDS)
	@$(BIN)/python benchmarks/run.py --rounds $(ROUNDS)
