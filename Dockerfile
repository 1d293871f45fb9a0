# Two images: `app` serves HTTP and has no torch; `worker` draws the samples.
#   docker build --target app -t dmae-app .      docker build --target worker -t dmae-worker .
# Pin the base by digest where images are built for production: --build-arg BASE_IMAGE=python@sha256:...
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/srv

# Wheels only: nothing is compiled, so no stage has a compiler. Every file is checked by its hash.
FROM base AS app-packages
COPY requirements/app.txt /tmp/app.txt
RUN python3 -m venv /opt/venv \
 && pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --no-deps \
      --require-hashes -r /tmp/app.txt \
 && pip uninstall --yes --quiet pip \
 && printf '#!/opt/venv/bin/python3\nfrom app.cli import main\n\nmain()\n' > /opt/venv/bin/dmae \
 && chmod 755 /opt/venv/bin/dmae \
 && install -d -m 700 -o 10001 -g 10001 /srv/signing

FROM base AS worker-packages
COPY requirements/worker.txt /tmp/worker.txt
RUN python3 -m venv /opt/venv \
 && pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --no-deps \
      --require-hashes -r /tmp/worker.txt \
 && pip uninstall --yes --quiet pip

FROM base AS shared
WORKDIR /srv
COPY smoothing smoothing
COPY model_store model_store
COPY jobs jobs
# A number, so that Kubernetes can see that it is not root; with a name, since Celery warns of those
# who have none.
RUN groupadd --gid 10001 dmae \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin dmae
ENV HOME=/tmp
USER 10001:10001

FROM shared AS app
COPY --from=app-packages /opt/venv /opt/venv
# A volume that is mounted here for the first time belongs to whom this belongs to.
COPY --from=app-packages --chown=10001:10001 --chmod=700 /srv/signing /srv/signing
COPY app app
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["python3", "-c", \
  "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:8000/livez', timeout=4)"]
# Uploads that have begun may end: longer than APP_BODY_TIMEOUT_S.
CMD ["python3", "-m", "uvicorn", "--factory", "app.main:from_environment", "--host", "0.0.0.0", \
  "--http", "app.http_protocol:HttpProtocol", "--ws", "none", \
  "--port", "8000", "--no-access-log", "--no-server-header", "--timeout-graceful-shutdown", "35"]

FROM shared AS worker
# glibc keeps the memory of a batch for the next one, instead of faulting it in again.
ENV MALLOC_MMAP_THRESHOLD_=33554432 \
    MALLOC_TRIM_THRESHOLD_=1073741824
COPY --from=worker-packages /opt/venv /opt/venv
COPY worker worker
# Healthy once its models are loaded and as long as its heartbeat is heard in Redis.
HEALTHCHECK --interval=15s --timeout=10s --start-period=180s --retries=3 CMD ["python3", "-c", \
  "import os, socket, sys; from jobs import store; from jobs.command import SyncRunner; from jobs.connection import make_redis; workers = SyncRunner(make_redis(os.environ['REDIS_URL'])).run(store.workers()); sys.exit(not any(w.hostname == socket.gethostname() and w.state == 'ready' for w in workers))"]
STOPSIGNAL SIGTERM
CMD ["python3", "-m", "worker"]
