# The documentation site.
DOCS_VENV := .venv-docs

$(DOCS_VENV)/ready: requirements/docs.txt | $(VENV)/uv
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(DOCS_VENV)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(DOCS_VENV)/bin/python --require-hashes -r $<
	touch $@

.PHONY: docs
docs: $(DOCS_VENV)/ready  ## build the documentation site (build/docs)
	$(DOCS_VENV)/bin/mkdocs build --quiet --strict
