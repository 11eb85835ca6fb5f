# The documentation, typed as a reader does, the recipes for SDKs, and public programs. All install packages.

.PHONY: test-tutorials
test-tutorials: $(VENV)/development  ## type the tutorials and how-to guides into a shell, in an empty folder
	$(BIN)/pytest -n auto --dist worksteal -m "" tests/tutorials

.PHONY: sdk-recipes
sdk-recipes: $(VENV)/development  ## run the SDK recipes and one scenario in each language that is present, and print which ran
	@$(BIN)/pytest -m "" -q -rps tests/sdk/test_recipes.py tests/sdk/test_languages.py \
	  tests/sdk/test_twilio_python.py::test_recipe \
	  tests/sdk/test_signalwire_python.py::test_recipe tests/sdk/test_node.py::test_recipe

.PHONY: public-programs
public-programs: $(VENV)/development  ## run public programs that use the vendors' APIs, unmodified, and print which ran
	@$(BIN)/pytest -m "" -q -rps tests/public_programs
