# The figures are ratios within one run, each with its budget.
ROUNDS ?= 13
BEFORE ?=

.PHONY: bench
bench: $(VENV)/development  ## compare CPU time with botocore and FastAPI, measure the stand-in (ROUNDS; BEFORE=1: also its version before)
	@$(BIN)/python benchmarks/run.py --rounds $(ROUNDS) $(if $(BEFORE),--before)

.PHONY: cost
cost: $(VENV)/development  ## print what a million updates and calls cost on AWS, from counted requests
	@PYTHONPATH=$(PYTHONPATH):$(CURDIR) $(BIN)/python -m benchmarks.cost
