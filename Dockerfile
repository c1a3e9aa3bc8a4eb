# auditproxy: the image of manifests/base. Build it from a clone: docker build -t auditproxy .

# The builder has pip and hatchling; the image that runs has only what they made.
FROM python:3.13-slim AS builder

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /src
COPY constraints.txt ./
# hatchling from constraints.txt as well, hence no isolated build below.
RUN pip install --constraint constraints.txt hatchling \
 && python -m venv --without-pip /opt/auditproxy

COPY pyproject.toml README.md LICENSE ./
COPY auditproxy ./auditproxy
RUN pip wheel --no-build-isolation --no-deps --wheel-dir /dist . \
 && wheel="$(echo /dist/auditproxy-*.whl)" \
 && pip --python /opt/auditproxy/bin/python install --only-binary :all: \
      --constraint constraints.txt "${wheel}[fast,cbor,cel,encryption,kafka,nats,otlp,s3,tracing]" \
 # Compiled once here: the file system of the running container is read-only.
 && /opt/auditproxy/bin/python -m compileall -q /opt/auditproxy/lib \
 && /opt/auditproxy/bin/auditproxy version \
 # Where recordings go. A new volume of Docker takes over its owner and mode.
 && install -d -m 0700 /image/var/lib/auditproxy/recordings


FROM python:3.13-slim

LABEL org.opencontainers.image.title="auditproxy" \
      org.opencontainers.image.description="An authenticating reverse proxy in front of kube-apiserver that writes its audit trail" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="python:3.13-slim"

COPY --from=builder /opt/auditproxy /opt/auditproxy
COPY --from=builder --chown=65532:65532 /image/var/lib/auditproxy /var/lib/auditproxy

# Nothing is written but to mounted folders: no byte code, and no line waits in a buffer.
ENV PATH=/opt/auditproxy/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# By number, so that Kubernetes can see that it is not root; the same as in manifests/base.
USER 65532:65532
WORKDIR /tmp

EXPOSE 6443 8081

# Kubernetes asks /livez and /readyz itself; a second opinion would only disagree.
HEALTHCHECK NONE

ENTRYPOINT ["auditproxy"]
CMD ["serve"]
