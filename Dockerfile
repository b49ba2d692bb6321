# syntax=docker/dockerfile:1
# One image for every part of the team set-up, from the lock that development uses.
#   docker build -t headroom:local .                             what production runs
#   docker build -t headroom-sandbox:local --target sandbox .    the same and the sandbox cloud
# Release builds pin the digest as well: --build-arg PYTHON_IMAGE=python:3.12.14-slim-trixie@sha256:...
ARG PYTHON_IMAGE=python:3.12.14-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ARG UV_VERSION=0.13.9
RUN pip install --no-cache-dir "uv==${UV_VERSION}" && python -m venv /opt/venv
WORKDIR /opt/headroom
COPY requirements.txt ./
RUN uv pip install --no-cache --compile-bytecode --python /opt/venv/bin/python -r requirements.txt
COPY tools/link_package.sh tools/
COPY dags dags
COPY plugins plugins
COPY sql sql
COPY include include
RUN tools/link_package.sh /opt/venv \
    && python -m compileall -q --invalidation-mode unchecked-hash dags plugins include

FROM build AS build-sandbox
COPY requirements-dev.txt ./
RUN uv pip install --no-cache --compile-bytecode --python /opt/venv/bin/python -r requirements.txt -r requirements-dev.txt

FROM ${PYTHON_IMAGE} AS base
# 50000:0 is the official Airflow chart's user. /entrypoint is what the chart's probes call.
# A new named volume takes over the owner of the folder it is mounted on.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 50000 --gid 0 --no-create-home --home-dir /opt/airflow --shell /usr/sbin/nologin headroom \
    && install -d -o 50000 -g 0 -m 0775 /opt/airflow /srv/headroom /var/log/airflow \
    && printf '#!/bin/sh\nexec "$@"\n' > /entrypoint \
    && chmod 0755 /entrypoint
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    NUMBA_CACHE_DIR=/tmp/numba \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/headroom/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/headroom/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False
WORKDIR /opt/airflow
USER 50000:0
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["airflow", "version"]

FROM base AS sandbox
COPY --from=build-sandbox /opt/headroom /opt/headroom
COPY --from=build-sandbox /opt/venv /opt/venv

FROM base AS headroom
COPY --from=build /opt/headroom /opt/headroom
COPY --from=build /opt/venv /opt/venv
