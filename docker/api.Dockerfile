# The API's image: it answers with a model, and holds nothing that trains one. `docker run -p 127.0.0.1:8000:8000 IMAGE`
ARG BASE=python:3.12-slim

FROM ${BASE} AS packages
WORKDIR /build
ENV SOURCE_DATE_EPOCH=0 PYTHONDONTWRITEBYTECODE=1 UV_LINK_MODE=copy
COPY requirements/setup.txt requirements/api.txt ./
RUN pip install --no-cache-dir --quiet --root-user-action=ignore --require-hashes --requirement setup.txt
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv --quiet /venv && uv pip sync --quiet --python /venv/bin/python --require-hashes api.txt
COPY docker/trim.sh ./
RUN sh trim.sh /venv

FROM packages AS source
COPY src src
RUN mkdir -p /app/data /app/src/model && cp src/__init__.py src/__main__.py /app/src/ && cp -r src/api /app/src/ \
    && cp -r src/model/__init__.py src/model/core /app/src/model/ && sh trim.sh /app

FROM ${BASE}
COPY --from=packages /venv /venv
COPY --from=source /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp USER=app REVIEWS_API_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --start-interval=1s --retries=3 \
    CMD ["python", "-m", "src.api.probe"]
ENTRYPOINT ["python", "-m", "src"]
CMD ["src.api"]
ARG GIT_SHA=unknown
ARG VERSION=0
ARG LOCK=unknown
LABEL org.opencontainers.image.title="tutoria-mlops-api" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${GIT_SHA}" \
      tutoria-mlops.lock="${LOCK}"
