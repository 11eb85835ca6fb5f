.PHONY: aws-models
aws-models: $(VENV)/standin  ## cut botocore's service descriptions to what the layer uses
	$(BIN)/python scripts/trim_botocore.py

.PHONY: aws-models-check
aws-models-check: $(VENV)/standin  ## hold these to the pinned botocore
	$(BIN)/python scripts/trim_botocore.py --check
