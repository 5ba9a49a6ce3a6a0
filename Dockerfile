# Two images from one file: `train` runs any command on a workspace, `serve` (the last, so the default) answers and shows
# the pages. `make image` builds them with whatever this machine has; scripts/build_image.sh says how.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# Extras to bring along, such as dask or postgres; none by default.
ARG EXTRAS=""
WORKDIR /app
RUN python3 -m venv /opt/venv
# What we depend on changes less often than what we wrote, so it comes first and stays cached.
COPY setup.cfg pyproject.toml constraints.txt ./
RUN mkdir ds_workflow registry serving \
    && touch README.md LICENSE ds_workflow/__init__.py registry/__init__.py serving/__init__.py
# A certificate of the place that builds (a proxy's, say) comes in as a secret and stays in no layer.
RUN --mount=type=secret,id=ca,target=/run/secrets/ca.pem \
    if [ -s /run/secrets/ca.pem ]; then export PIP_CERT=/run/secrets/ca.pem; fi; \
    /opt/venv/bin/pip install --quiet --editable ".${EXTRAS:+[$EXTRAS]}" --constraint constraints.txt

FROM ${BASE} AS train
# The commit is asked for by name, since no git and no history come along; every run's lineage carries it.
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="champion-challenger-workflow" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${COMMIT}"
RUN useradd --uid 10001 --user-group --create-home --shell /usr/sbin/nologin flow \
    && install --directory --owner=flow --group=flow /workspace
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY setup.cfg pyproject.toml LICENSE ./
COPY config config
COPY docs/hypotheses docs/hypotheses
COPY registry registry
COPY ds_workflow ds_workflow
COPY serving serving
RUN /opt/venv/bin/python -m compileall -q registry ds_workflow serving
ENV PATH=/opt/venv/bin:$PATH \
    DS_WORKFLOW_HOME=/workspace \
    DS_WORKFLOW_COMMIT=${COMMIT} \
    MLFLOW_DISABLE_TELEMETRY=true \
    PYTHONUNBUFFERED=1
USER 10001:10001
VOLUME /workspace
WORKDIR /workspace
ENTRYPOINT ["ds-workflow"]
CMD ["--help"]

FROM train AS serve
EXPOSE 8000
# Ready is more than alive: every decided champion is loaded and its quick way is proven.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--workers", "2"]
