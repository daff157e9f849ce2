# MLflow's tracking server: versions and runs in Postgres, artifacts on a volume or in S3, handed out by the server.
ARG BASE=python:3.12-slim

FROM ${BASE} AS packages
WORKDIR /build
ENV SOURCE_DATE_EPOCH=0 PYTHONDONTWRITEBYTECODE=1 UV_LINK_MODE=copy
COPY requirements/setup.txt requirements/mlflow.txt ./
RUN pip install --no-cache-dir --quiet --root-user-action=ignore --require-hashes --requirement setup.txt
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv --quiet /venv && uv pip sync --quiet --python /venv/bin/python --require-hashes mlflow.txt
COPY docker/trim.sh ./
RUN sh trim.sh /venv

FROM packages AS files
COPY docker/mlflow-server.sh /mlflow/mlflow-server.sh
RUN mkdir /mlflow/artifacts && chown 10001:10001 /mlflow/artifacts && sh trim.sh /mlflow

FROM ${BASE}
COPY --from=packages /venv /venv
COPY --from=files /mlflow /mlflow
WORKDIR /mlflow
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp USER=app MPLCONFIGDIR=/tmp/matplotlib \
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false MLFLOW_DISABLE_TELEMETRY=true
USER 10001:10001
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --start-interval=1s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:5000/health', timeout=4)"]
ENTRYPOINT ["sh", "/mlflow/mlflow-server.sh"]
ARG GIT_SHA=unknown
ARG VERSION=0
ARG LOCK=unknown
LABEL org.opencontainers.image.title="tutoria-mlops-mlflow" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${GIT_SHA}" \
      tutoria-mlops.lock="${LOCK}"
