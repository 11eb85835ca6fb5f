# Everything in full: all seeds of the simulation, all rounds and examples, as CI runs them.

.PHONY: test-all
test-all: $(VENV)/development  ## the same in full: 20,000 seeds of the simulation, every round and example (CI=1)
	CI=1 $(BIN)/pytest -n auto --timeout 3600
