.PHONY: aws-models
aws-models: $(VENV)/development  ## trim botocore's service models to the operations that the layer uses
	$(BIN)/python scripts/trim_botocore.py

.PHONY: aws-models-check
aws-models-check: $(VENV)/development  ## check the trimmed service models against the pinned botocore
	$(BIN)/python scripts/trim_botocore.py --check
