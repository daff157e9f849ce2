# The model's image: every step of the pipeline. `docker run IMAGE src.model.pipeline.train --batches 0`
ARG BASE=python:3.12-slim

FROM ${BASE} AS packages
WORKDIR /build
ENV SOURCE_DATE_EPOCH=0 PYTHONDONTWRITEBYTECODE=1 UV_LINK_MODE=copy
COPY requirements/setup.txt requirements/model.txt ./
RUN pip install --no-cache-dir --quiet --root-user-action=ignore --require-hashes --requirement setup.txt
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv --quiet /venv && uv pip sync --quiet --python /venv/bin/python --require-hashes model.txt
COPY docker/trim.sh ./
RUN sh trim.sh /venv

FROM packages AS source
COPY src /app/src
RUN find /app/src/api -mindepth 1 -delete && rmdir /app/src/api && mkdir -p /app/data /app/requirements \
    && cp model.txt /app/requirements/ && sh trim.sh /app

FROM ${BASE}
COPY --from=packages /venv /venv
COPY --from=source /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp USER=app MPLCONFIGDIR=/tmp/matplotlib TMPDIR=/app/data/tmp REVIEWS_TUNE_STORAGE=sqlite:////app/data/optuna.db
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "src"]
CMD ["--help"]
HEALTHCHECK NONE
ARG GIT_SHA=unknown
ARG VERSION=0
ARG LOCK=unknown
ENV REVIEWS_GIT_SHA=${GIT_SHA}
LABEL org.opencontainers.image.title="tutoria-mlops-model" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${GIT_SHA}" \
      tutoria-mlops.lock="${LOCK}"
