# The documentation site. NO_MKDOCS_2_WARNING silences a notice about the theme's successor.
DOCS_VENV := .venv-docs
MERMAID := .cache/mermaid-11.17.2/mermaid.min.js
DOCS_PORT ?= 8000
MKDOCS := NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs

$(DOCS_VENV)/ready: requirements/docs.txt | $(VENV)/uv
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(DOCS_VENV)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(DOCS_VENV)/bin/python --require-hashes -r $<
	touch $@

$(MERMAID):
	$(PYTHON) scripts/fetch_mermaid.py $@

.PHONY: docs
docs: $(DOCS_VENV)/ready $(MERMAID)  ## build the documentation site (build/docs)
	$(MKDOCS) build --strict

.PHONY: docs-serve
docs-serve: $(DOCS_VENV)/ready $(MERMAID)  ## serve the documentation site on this machine and rebuild it on changes (DOCS_PORT)
	@$(PYTHON) -c 'import socket; socket.create_server(("127.0.0.1", $(DOCS_PORT)))' 2>/dev/null || \
	  { echo 'docs-serve: port $(DOCS_PORT) is not free. Choose another one, such as: make docs-serve DOCS_PORT=8001' >&2; exit 1; }
	$(MKDOCS) serve --dev-addr 127.0.0.1:$(DOCS_PORT)

.PHONY: docs-test
docs-test: docs  ## open every page of the built site in Chromium (skipped without Chromium)
	$(DOCS_VENV)/bin/pytest -c /dev/null --rootdir . --noconftest -p no:cacheprovider -q -s -rs tests/docs/built_site.py

.PHONY: docs-reference
docs-reference: $(VENV)/development  ## generate the tables of the reference pages, and llms.txt, from the code
	$(BIN)/python -m scripts.make_docs

.PHONY: docs-check
docs-check: $(VENV)/development  ## check the generated pages against the code, and measure the sentences
	$(BIN)/python -m scripts.make_docs --check
	$(BIN)/python -m scripts.measure_prose
