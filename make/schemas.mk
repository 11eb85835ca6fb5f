.PHONY: schemas
schemas: $(VENV)/standin  ## write the JSON Schemas of the media contract (schemas/)
	$(BIN)/python scripts/make_schemas.py

.PHONY: schemas-check
schemas-check: $(VENV)/standin  ## hold these to the models
	$(BIN)/python scripts/make_schemas.py --check
