# The controller: what users talk to. Build it from the folder above: docker build -f deploy/controller.Dockerfile .
ARG PYTHON_BASE=python:3.12-slim

FROM ${PYTHON_BASE} AS base
# Public images come without compiled modules, and a read-only container would compile them at every start.
RUN python3 -m compileall -q -x 'test|lib2to3' "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"

FROM base AS packages
COPY deploy/requirements.txt /requirements.txt
# With --system-site-packages a base that brings a package already is taken at its word, so that nothing is downloaded.
RUN python3 -m venv --system-site-packages /opt/demo \
 && /opt/demo/bin/python -m pip install --no-cache-dir --disable-pip-version-check --requirement /requirements.txt

FROM base
LABEL org.opencontainers.image.title="phasegate demo: controller"
COPY --from=packages /opt/demo /opt/demo
COPY . /opt/demo/app/phasegate/demo
RUN python3 -m compileall -q /opt/demo/app
ENV PATH=/opt/demo/bin:$PATH PYTHONPATH=/opt/demo/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=10s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/health', timeout=8)"]
CMD ["python", "-m", "phasegate.demo.controller", "--host", "0.0.0.0", "--port", "8080"]
