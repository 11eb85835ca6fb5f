# events/README.md describes the sample events.

.PHONY: replay
replay: $(VENV)/standin  ## run one sample event through its function in this process (EVENT=events/x.json)
	@exec $(BIN)/python -m tapedeck_standin.samples.replay "$(EVENT)"
