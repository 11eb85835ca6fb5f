.PHONY: schemas
schemas: $(VENV)/development  ## generate the JSON Schemas of the engine protocol (schemas/)
	$(BIN)/python scripts/make_schemas.py

.PHONY: schemas-check
schemas-check: $(VENV)/development  ## check the JSON Schemas against the models
	$(BIN)/python scripts/make_schemas.py --check
