# The tests at full size, as in CI.

.PHONY: test-all
test-all: $(VENV)/development  ## run the tests at full size: 20,000 seeds of the simulation, all examples (CI=1)
	CI=1 $(BIN)/pytest -n auto --timeout 3600
