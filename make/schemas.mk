.PHONY: schemas
schemas: $(VENV)/standin  ## write the JSON Schemas of the media contract to schemas/
	$(BIN)/python scripts/make_schemas.py

.PHONY: schemas-check
schemas-check: $(VENV)/standin  ## check these against the models
	$(BIN)/python scripts/make_schemas.py --check
