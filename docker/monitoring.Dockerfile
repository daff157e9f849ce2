# Monitoring's image: references and checks. `docker run IMAGE src.monitoring.check`
ARG BASE=python:3.12-slim

FROM ${BASE} AS packages
WORKDIR /build
ENV SOURCE_DATE_EPOCH=0 PYTHONDONTWRITEBYTECODE=1 UV_LINK_MODE=copy
COPY requirements/setup.txt requirements/monitoring.txt ./
RUN pip install --no-cache-dir --quiet --root-user-action=ignore --require-hashes --requirement setup.txt
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv --quiet /venv && uv pip sync --quiet --python /venv/bin/python --require-hashes monitoring.txt
COPY docker/trim.sh ./
RUN sh trim.sh /venv

FROM packages AS source
COPY src /app/src
RUN rm -rf /app/src/api /app/src/model/pipeline /app/src/model/learners && mkdir -p /app/data /app/requirements \
    && cp monitoring.txt /app/requirements/ && sh trim.sh /app

FROM ${BASE}
COPY --from=packages /venv /venv
COPY --from=source /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp USER=app MPLCONFIGDIR=/tmp/matplotlib TMPDIR=/app/data/tmp
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "src"]
CMD ["--help"]
HEALTHCHECK NONE
ARG GIT_SHA=unknown
ARG VERSION=0
ARG LOCK=unknown
ENV REVIEWS_GIT_SHA=${GIT_SHA}
LABEL org.opencontainers.image.title="tutoria-mlops-monitoring" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${GIT_SHA}" \
      tutoria-mlops.lock="${LOCK}"
