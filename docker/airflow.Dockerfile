# Airflow with the project's workflows: one image for each of its programs. Steps run in images of their own.
ARG BASE=python:3.12-slim

FROM ${BASE} AS packages
WORKDIR /build
ENV SOURCE_DATE_EPOCH=0 PYTHONDONTWRITEBYTECODE=1 UV_LINK_MODE=copy
COPY requirements/setup.txt requirements/airflow.txt ./
RUN pip install --no-cache-dir --quiet --root-user-action=ignore --require-hashes --requirement setup.txt
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv --quiet /venv && uv pip sync --quiet --python /venv/bin/python --require-hashes airflow.txt
COPY docker/trim.sh ./
RUN sh trim.sh /venv

FROM packages AS files
COPY airflow /airflow
COPY docker/airflow-program.sh /airflow/program.sh
RUN mkdir /airflow/logs && chmod 1777 /airflow/logs && sh trim.sh /airflow

FROM ${BASE}
COPY --from=packages /venv /venv
COPY --from=files /airflow /airflow
WORKDIR /airflow
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp USER=app \
    AIRFLOW_HOME=/tmp/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/airflow/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/airflow/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__EXECUTOR=LocalExecutor \
    AIRFLOW__CORE__PARALLELISM=2 \
    AIRFLOW__CORE__AUTH_MANAGER=airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager \
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=True \
    AIRFLOW__CORE__EXECUTION_API_SERVER_URL=http://airflow:8080/execution/ \
    AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL=30 \
    AIRFLOW__LOGGING__BASE_LOG_FOLDER=/airflow/logs \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["sh", "/airflow/program.sh"]
CMD ["api-server"]
HEALTHCHECK NONE
ARG GIT_SHA=unknown
ARG VERSION=0
ARG LOCK=unknown
LABEL org.opencontainers.image.title="tutoria-mlops-airflow" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${GIT_SHA}" \
      tutoria-mlops.lock="${LOCK}"
