# The sidecar as an image: everything locked by hash, built apart, run without root.
#
#   docker build -t halo-sidecar .
#   docker run --network=container:my-agent -v halo:/var/lib/halo halo-sidecar
#
# It listens on loopback, as a sidecar shares its pod's network. Anywhere else give it a configuration with a token.

FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements.txt requirements-dev.txt ./
RUN python -m venv /opt/build \
    && /opt/build/bin/python -m pip install --no-cache-dir --require-hashes -r requirements-dev.txt \
    && python -m venv /opt/halo \
    && /opt/halo/bin/python -m pip install --no-cache-dir --require-hashes -r requirements.txt
COPY . .
RUN /opt/build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/halo/bin/python -m pip install --no-cache-dir --no-deps --no-index /dist/*.whl \
    && /opt/halo/bin/python -m compileall -q /opt/halo/lib

FROM python:3.12-slim
RUN groupadd --system --gid 10001 halo \
    && useradd --system --uid 10001 --gid halo --no-create-home --home-dir /var/lib/halo halo \
    && install --directory --owner=halo --group=halo --mode=0750 /var/lib/halo
COPY --from=build /opt/halo /opt/halo
ENV PATH=/opt/halo/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HALO_DATA_DIR=/var/lib/halo
USER 10001:10001
WORKDIR /var/lib/halo
VOLUME /var/lib/halo
# OTLP over gRPC and over HTTP, the control API, health and metrics.
EXPOSE 4317 4318 4320 13133
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["halo", "health"]
ENTRYPOINT ["halo"]
CMD ["serve"]
