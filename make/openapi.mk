# The OpenAPI documents in docs/reference/openapi.
OPENAPI_VENV := .venv-openapi

.PHONY: openapi
openapi: $(VENV)/development  ## generate the OpenAPI documents (docs/reference/openapi)
	$(BIN)/python -m scripts.make_openapi

.PHONY: openapi-check
openapi-check: $(VENV)/development  ## check the OpenAPI documents against the code
	$(BIN)/python -m scripts.make_openapi --check

$(OPENAPI_VENV)/ready: requirements/openapi.txt | $(VENV)/uv
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(OPENAPI_VENV)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(OPENAPI_VENV)/bin/python --require-hashes -r $<
	touch $@

.PHONY: openapi-test
openapi-test: $(OPENAPI_VENV)/ready  ## test the stand-in against the OpenAPI documents, with schemathesis
	$(OPENAPI_VENV)/bin/python -m tests.openapi.conformance
