# The stand-in in a container: docker build -t tapedeck .
#   docker run --rm -p 127.0.0.1:3000:3000 -p 127.0.0.1:3443:3443 tapedeck
# Every client that reaches the container may use its control API: publish its ports to this machine only.
# Callbacks to the host or to other containers need further options: docs/how-to/docker.md.
# Configured by environment variables: tapedeck serve --help.
ARG BASE=python:3.13-slim
FROM ${BASE}

WORKDIR /opt/tapedeck
COPY requirements/standin.txt requirements/standin.txt
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements/standin.txt
COPY template.yaml ./
COPY functions functions
COPY layers/shared/tapedeck layers/shared/tapedeck
COPY engine/protocol/tapedeck_protocol engine/protocol/tapedeck_protocol
COPY engine/callflow/tapedeck_callflow engine/callflow/tapedeck_callflow
COPY standin standin
COPY packages/dynamodb-memory/src packages/dynamodb-memory/src

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/tapedeck/layers/shared:/opt/tapedeck/engine/protocol:/opt/tapedeck/engine/callflow:/opt/tapedeck/standin:/opt/tapedeck/packages/dynamodb-memory/src \
    PYTHONUNBUFFERED=1 \
    PORT=3000 \
    HTTPS_PORT=3443 \
    TAPEDECK_HOST=0.0.0.0 \
    TAPEDECK_CONTROL_FROM_ANYWHERE=1 \
    TAPEDECK_ALLOW_HOST=*
RUN python3 -m compileall -q /opt/tapedeck && useradd --create-home tapedeck
USER tapedeck
EXPOSE 3000 3443
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s \
    CMD ["python3", "-m", "tapedeck_standin", "wait", "--timeout", "3"]
CMD ["python3", "-m", "tapedeck_standin", "serve"]
