# The figures are ratios within one run, each with its budget.
ROUNDS ?= 13

.PHONY: bench
bench: $(VENV)/development  ## compare CPU time with botocore and FastAPI, and count DynamoDB requests (ROUNDS)
	@$(BIN)/python benchmarks/run.py --rounds $(ROUNDS)

.PHONY: cost
cost: $(VENV)/development  ## print what a million updates and calls cost on AWS, from counted requests
	@PYTHONPATH=$(PYTHONPATH):$(CURDIR) $(BIN)/python -m benchmarks.cost
