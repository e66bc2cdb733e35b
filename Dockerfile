# The page with the bundled models, for CPUs: the same image on a laptop, a server and a Space (docker SDK).
#
#   docker build -t biom-demo .
#   docker run --rm --read-only -p 127.0.0.1:7860:7860 biom-demo
#
# A digest may stand in the base's place: --build-arg BASE=python@sha256:...
ARG BASE=python:3.11.14-slim-bookworm

FROM ${BASE} AS packages
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN python -m venv --without-pip /venv
# By version alone: requirements.lock has the hashes of the package index's torch, which is the CUDA build.
RUN pip --python /venv/bin/python install --no-cache-dir --no-deps --index-url ${TORCH_INDEX} torch==2.13.0
COPY requirements.lock /
# All else by hash. pip follows what each package asks for, so a hole in the lock ends the build.
RUN pip --python /venv/bin/python install --no-cache-dir --only-binary :all: --require-hashes -r /requirements.lock

FROM ${BASE}
# Spaces runs images as user 1000.
RUN useradd --uid 1000 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin demo \
    && install --directory --owner demo --group demo /data
COPY --from=packages /venv /venv
WORKDIR /app
COPY LICENSE app.py ./
COPY biom_demo biom_demo/
COPY assets assets/
RUN /venv/bin/python -m compileall -q biom_demo app.py
# All that is ever written: fetched models and records in /data, visitors' uploads and downloads in /tmp.
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    HF_HOME=/data/huggingface \
    BIOM_CACHE=/data/pubmed \
    GRADIO_TEMP_DIR=/tmp/gradio \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860
VOLUME ["/data", "/tmp"]
EXPOSE 7860
USER 1000:1000
STOPSIGNAL SIGTERM
# Whether the page is up; whether the models are loaded too says /readyz.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; page = http.client.HTTPConnection('127.0.0.1', int(os.environ['GRADIO_SERVER_PORT']), timeout=4); page.request('GET', '/healthz'); sys.exit(page.getresponse().status != 200)"]
CMD ["python", "app.py"]
