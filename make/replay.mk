# A sample event through its function (events/README.md).

.PHONY: replay
replay: $(VENV)/standin  ## run one sample event through its function here (EVENT=events/x.json)
	@exec $(BIN)/python -m tapedeck_standin.samples.replay "$(EVENT)"
