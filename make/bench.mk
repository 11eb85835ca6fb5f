# The figures are ratios within one run, each with its budget.
ROUNDS ?= 13

.PHONY: bench
bench: $(VENV)/development  ## compare CPU time with botocore and FastAPI, and count DynamoDB requests (ROUNDS)
	@$(BIN)/python benchmarks/run.py --rounds $(ROUNDS)
