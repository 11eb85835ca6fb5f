# The stand-in as a container's image, where there is an engine and a registry to take the base from.
BASE ?= python:3.13-slim

.PHONY: image
image:  ## build the stand-in's container image (BASE), where Docker and a registry are there
	@if ! docker info >/dev/null 2>&1; then echo "image: no Docker engine answers: not built"; \
	elif ! docker image inspect "$(BASE)" >/dev/null 2>&1 && ! docker pull --quiet "$(BASE)"; then \
	  echo "image: no registry gives $(BASE): not built"; \
	else docker build --build-arg BASE="$(BASE)" --tag tapedeck . && scripts/try-image tapedeck; fi
