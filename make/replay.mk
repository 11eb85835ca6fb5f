# docs/how-to/invoke-a-function.md describes the ways to run a function, events/README.md the event files.

.PHONY: replay
replay: $(VENV)/development  ## run one sample event through its function in this process (EVENT=events/x.json)
	@exec $(BIN)/python -m tapedeck_standin.samples.replay "$(EVENT)"
