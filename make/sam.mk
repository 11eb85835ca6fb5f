# Build the functions and run them in Lambda containers. scripts/prepare-sam-local installs missing tools.

# The function folders are uploaded unchanged, and bytecode files would change their hashes.
.PHONY: sam-build
sam-build: $(VENV)/development  ## build for `sam local` and `sam deploy` (.aws-sam/)
	find functions -name __pycache__ -prune -exec rm -rf {} +
	UV="$(CURDIR)/$(BIN)/uv" $(BIN)/sam build

.PHONY: sam-local
sam-local: $(VENV)/development  ## prepare `sam local`: containers, seeded tables, and commands to type
	@scripts/prepare-sam-local
	@$(MAKE) --no-print-directory sam-build >/dev/null
	@$(BIN)/python -m scripts.sam_local start

.PHONY: sam-local-seed
sam-local-seed:  ## reset the tables of `make sam-local` to the sample data
	@$(BIN)/python -m scripts.sam_local seed

.PHONY: sam-local-stop
sam-local-stop:  ## stop the emulated AWS of `make sam-local`
	@$(BIN)/python -m scripts.sam_local stop

.PHONY: sam-test
sam-test: $(VENV)/development  ## test the commands of `make sam-local`, and Twilio's SDK with containers
	scripts/prepare-sam-local
	TAPEDECK_CONTAINERS=1 $(BIN)/pytest -m containers tests/sam

.PHONY: sam-clean
sam-clean:  ## remove the build, and the Lambda image and Docker engine that prepare-sam-local made
	[ ! -e build/sam-local ] || $(BIN)/python -m scripts.sam_local stop
	scripts/prepare-sam-local --clean
	rm -rf .aws-sam build/sam-local
