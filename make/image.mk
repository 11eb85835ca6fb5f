# The stand-in's container image. Needs a Docker engine, and the base image locally or from a registry.
BASE ?= python:3.13-slim

.PHONY: image
image:  ## build the stand-in's container image (BASE), if Docker and a registry are available
	@if ! docker info >/dev/null 2>&1; then echo "image: not built, because no Docker engine responds"; \
	elif ! docker image inspect "$(BASE)" >/dev/null 2>&1 && ! docker pull --quiet "$(BASE)"; then \
	  echo "image: not built, because no registry provides $(BASE)"; \
	else docker build --build-arg BASE="$(BASE)" --tag tapedeck . && scripts/try-image tapedeck; fi
