# Ratios within one run, each with its budget.
ROUNDS ?= 13

.PHONY: bench
bench: $(VENV)/development  ## compare an update with bare botocore and FastAPI, and count the requests of list pages (ROUNDS)
	@$(BIN)/python benchmarks/run.py --rounds $(ROUNDS)
