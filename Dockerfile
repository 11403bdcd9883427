# The gateway in a container, in the steps of the Makefile: `make deb` builds, the package installs.
#
#   docker build -t nexus .
#   docker run -p 127.0.0.1:8000:8000 -v nexus-etc:/etc/nexus -v nexus-state:/var/lib/nexus \
#     -e NEXUS_ALLOW_UNAUTHENTICATED=1 nexus
#
# Inside a container every address is one that others reach, so it does not start before there is a key
# (`docker run --rm --user root -v nexus-etc:/etc/nexus nexus nexus keys add app`), or before that variable says that everybody who
# reaches the port may use the models. See docs/service.md.

ARG SWIFT=6.3
FROM swift:${SWIFT}-bookworm AS build
WORKDIR /src
COPY . .
RUN make deb

FROM debian:bookworm-slim
COPY --from=build /src/dist/nexus_*.deb /tmp/
RUN apt-get update \
    && apt-get install -y /tmp/nexus_*.deb \
    && rm -rf /tmp/nexus_*.deb /var/lib/apt/lists/*
USER nexus
WORKDIR /var/lib/nexus
ENV NEXUS_HOST=0.0.0.0 \
    NEXUS_CONFIG=/etc/nexus/nexus.toml \
    NEXUS_STATE_FILE=/var/lib/nexus/backends.json \
    STATE_DIRECTORY=/var/lib/nexus
VOLUME ["/etc/nexus", "/var/lib/nexus"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["nexus", "health"]
CMD ["nexus", "serve"]
