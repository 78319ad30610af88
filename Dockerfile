# phasegate as an image, for CI:
#   docker build -t phasegate .
#   docker run --rm --network host --user "$(id -u):$(id -g)" -v "$PWD:/work" phasegate run plans/release.yaml -o gate
# Programs that a plan starts must be in the image: build one FROM this. Check kinds that look at containers, and stacks
# that Compose brings up, also need the engine's socket and the docker command.
ARG PYTHON_BASE=python:3.13-slim

FROM ${PYTHON_BASE} AS build
ARG EXTRAS=containers,http2
# For a base that brings the packages: --no-index --find-links=/wheels
ARG PIP_ARGUMENTS=
COPY . /src
RUN python3 -m venv /opt/phasegate \
 && /opt/phasegate/bin/python -m pip install --no-cache-dir --disable-pip-version-check ${PIP_ARGUMENTS} "/src[${EXTRAS}]" \
 && /opt/phasegate/bin/python -m pip uninstall --yes --quiet pip

FROM ${PYTHON_BASE}
LABEL org.opencontainers.image.title="phasegate" \
      org.opencontainers.image.description="Turns a written phase plan into a verdict that can be defended" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/phasegate /opt/phasegate
ENV PATH=/opt/phasegate/bin:$PATH PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /work
ENTRYPOINT ["phasegate"]
CMD ["--help"]
