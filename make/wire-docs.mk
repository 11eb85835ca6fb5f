.PHONY: wire-docs
wire-docs: $(VENV)/development  ## generate the tables and examples of the wire reference (docs/reference/wire/)
	$(BIN)/python -m scripts.make_wire_docs

.PHONY: wire-docs-check
wire-docs-check: $(VENV)/development  ## check these tables and examples against the code and the data
	$(BIN)/python -m scripts.make_wire_docs --check
