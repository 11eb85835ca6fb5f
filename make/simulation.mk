# Every test at full size, as CI runs them.

.PHONY: test-all
test-all: $(VENV)/development  ## all tests at full size: 20,000 seeds of the simulation, all examples (CI=1)
	CI=1 $(BIN)/pytest -n auto --timeout 3600
