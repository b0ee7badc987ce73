# The image of every program: `lectern serve` by default, `docker run ... migrate` and the like for the others.
# It runs as a user without rights and writes nothing: start it with --read-only. Settings: docs/operations.md.

FROM python:3.11-slim-bookworm AS build
WORKDIR /srv/lectern
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
# First what changes rarely; the commands are those of deploy/bootstrap.sh, a test compares them.
COPY requirements.lock ./
RUN python -m venv .venv
RUN .venv/bin/python -m pip install --require-hashes --no-deps --progress-bar off -r requirements.lock
COPY pyproject.toml README.md alembic.ini ./
COPY alembic alembic
COPY app app
COPY graphql_schema graphql_schema
COPY loaders loaders
COPY workers workers
RUN .venv/bin/python -m pip install --no-deps --no-index --no-build-isolation -e .
# Nobody can write byte code later.
RUN .venv/bin/python -m compileall -q app graphql_schema loaders workers alembic

FROM python:3.11-slim-bookworm
WORKDIR /srv/lectern
COPY --from=build /srv/lectern /srv/lectern
ENV PATH=/srv/lectern/.venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ENV LECTERN_HTTP_HOST=0.0.0.0 LECTERN_HTTP_PORT=8000
EXPOSE 8000
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
# Whether the process lives; /readyz, which also asks the services, is for the proxy.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['LECTERN_HTTP_PORT'] + '/healthz', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["lectern"]
CMD ["serve"]
