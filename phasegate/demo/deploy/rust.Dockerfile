# The runtime of Rust scripts: a Python service that starts rustc, which needs a C linker.
ARG PYTHON_BASE=python:3.12-slim
ARG RUST_BASE=rust:1-slim

FROM ${RUST_BASE} AS rust

FROM ${PYTHON_BASE} AS base
# Public images come without compiled modules, and a read-only container would compile them at every start.
RUN python3 -m compileall -q -x 'test|lib2to3' "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"

FROM base AS packages
COPY deploy/requirements.txt /requirements.txt
# With --system-site-packages a base that brings a package already is taken at its word, so that nothing is downloaded.
RUN python3 -m venv --system-site-packages /opt/demo \
 && /opt/demo/bin/python -m pip install --no-cache-dir --disable-pip-version-check --requirement /requirements.txt

FROM base
COPY --from=rust /usr/local/rustup /usr/local/rustup
COPY --from=rust /usr/local/cargo/bin /usr/local/cargo/bin
# Slim images have no linker.
RUN command -v cc || { apt-get update \
 && apt-get install --yes --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*; }
LABEL org.opencontainers.image.title="phasegate demo: Rust runtime"
COPY --from=packages /opt/demo /opt/demo
COPY . /opt/demo/app/phasegate/demo
RUN python3 -m compileall -q /opt/demo/app
ENV PATH=/opt/demo/bin:/usr/local/cargo/bin:$PATH PYTHONPATH=/opt/demo/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo
USER 10001:10001
EXPOSE 9000
# It asks rustc for its version, so it fails where that is missing or broken.
HEALTHCHECK --interval=5s --timeout=10s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9000/health', timeout=8)"]
CMD ["python", "-m", "phasegate.demo.runtime", "--language", "rust", "--host", "0.0.0.0", "--port", "9000"]
