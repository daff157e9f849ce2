# Postgres where the official image cannot be pulled: Debian's package on our base, with the same variables and volume.
ARG BASE=python:3.12-slim
FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql && rm -rf /var/lib/apt/lists/* \
    && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/ && mkdir -p /var/lib/postgresql/data && chown postgres: /var/lib/postgresql/data \
    && chmod 3777 /var/run/postgresql
COPY docker/postgres.sh /postgres.sh
# hadolint ignore=DL3066
USER postgres
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT
ENTRYPOINT ["sh", "/postgres.sh"]
