# More tests than `make test` runs. TAPEDECK_TEST_SIZE (fast, ci or deep) sets the number of seeds, examples and rounds.

# THIRD: 0 to 2, or auto, which the commit chooses: a third of the seeds, and of the cases that have tested neighbours.
.PHONY: test-ci
test-ci: $(VENV)/development  ## run what `make test` leaves out (marker ci) or makes smaller (marker sized) (THIRD)
	@# `make sdk-recipes` and `make public-programs` run what is ignored here, and print what ran.
	TAPEDECK_TEST_SIZE=ci TAPEDECK_TEST_THIRD="$(THIRD)" $(BIN)/pytest -n auto --dist worksteal --timeout 900 \
	  -m "(ci or sized) and not dynamodb_local_only" --durations 25 --ignore=tests/sdk/test_recipes.py --ignore=tests/sdk/test_languages.py \
	  --ignore=tests/public_programs

.PHONY: test-deep
test-deep: $(VENV)/development  ## run all tests at full size: 20,000 seeds, all races, all events in containers (hours)
	TAPEDECK_TEST_SIZE=deep $(BIN)/pytest -n auto --dist worksteal -m "not containers and not dynamodb_local_only" \
	  --timeout 3600
	TAPEDECK_TEST_SIZE=deep $(MAKE) --no-print-directory test-dynamodb-local
	TAPEDECK_TEST_SIZE=deep $(MAKE) --no-print-directory sam-test

# TENTH: 0 to 9, or auto, which the commit chooses. ONLY: a part of the names.
.PHONY: mutants
mutants: $(VENV)/development  ## break the code in one place at a time, and check that a test notices (TENTH, ONLY)
	@$(BIN)/python -m scripts.mutants --tenth "$(TENTH)" --only "$(ONLY)"

COUNT ?= 100
BUSY ?= 8
.PHONY: examples-under-load
examples-under-load: $(VENV)/development  ## run the examples of the READMEs COUNT times in a row beside BUSY busy processes
	@$(BIN)/python -m scripts.repeat_examples $(COUNT) --busy $(BUSY)
