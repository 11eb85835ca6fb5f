# The functions in Lambda's own containers; scripts/prepare-sam-local brings what Docker lacks.

# The functions' folders are uploaded as they are: bytecode of this machine's Python would only change their hashes.
.PHONY: sam-build
sam-build: $(VENV)/development  ## build what `sam local` and `sam deploy` take (.aws-sam/)
	find functions -name __pycache__ -prune -exec rm -rf {} +
	UV="$(CURDIR)/$(BIN)/uv" $(BIN)/sam build

.PHONY: sam-test
sam-test: $(VENV)/development  ## the functions in Lambda containers, called by Twilio's SDK
	scripts/prepare-sam-local
	$(MAKE) --no-print-directory sam-build
	TAPEDECK_CONTAINERS=1 $(BIN)/pytest -m containers tests/sam

.PHONY: sam-clean
sam-clean:  ## remove what these made: the build, our own Lambda image, our own Docker engine
	scripts/prepare-sam-local --clean
	rm -rf .aws-sam
