# syntax=docker/dockerfile:1

# One image for every process of a mesh. It holds the packages, the pages, the examples and a node, and no secrets.
#
#   docker build -t deltamesh .
#   docker run --rm deltamesh --help              a command of `deltamesh`
#   docker run … --entrypoint deltamesh-router …  the router
#
# For an application of your own: FROM deltamesh, and COPY its module to /mesh.


# ---- what pages load that is not ours

FROM node:22-slim AS web
WORKDIR /build/web
COPY web/package.json web/package-lock.json ./
RUN npm install --no-save --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund --no-update-notifier


# ---- the packages, in an environment that is copied as a whole

FROM python:3.11-slim AS package
# of setup.cfg: what an image has to have beside the packages themselves
ARG EXTRAS=postgres,parameters
WORKDIR /build/source
COPY requirements/constraints.txt requirements/
RUN python -m venv /opt/deltamesh \
    && /opt/deltamesh/bin/python -m pip install --constraint requirements/constraints.txt --upgrade pip
COPY setup.cfg pyproject.toml README.md LICENSE ./
COPY components components
COPY router/deltamesh_router router/deltamesh_router
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/deltamesh/bin/python -m pip wheel --no-deps --build-constraint requirements/constraints.txt --wheel-dir wheel . \
    && /opt/deltamesh/bin/python -m pip install --constraint requirements/constraints.txt \
        --build-constraint requirements/constraints.txt "$(echo wheel/deltamesh-*.whl)[$EXTRAS]"
# volumes begin as copies of folders in the image, with their owner
RUN mkdir -p /build/empty


# ---- the image

FROM python:3.11-slim
ENV PATH=/opt/deltamesh/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp
COPY --from=package /opt/deltamesh /opt/deltamesh
COPY --from=package --chown=10001:10001 /build/empty /var/lib/deltamesh
COPY web /mesh/web
# of what npm has brought, only what pages load
COPY --from=web /build/web/node_modules/wampy /mesh/web/node_modules/wampy
COPY --chmod=755 deploy/image /usr/local/bin
COPY deploy/node /mesh/node
COPY examples /mesh/examples
WORKDIR /mesh
USER 10001:10001
EXPOSE 8080 8081 8444
ENTRYPOINT ["deltamesh-component"]
CMD ["--help"]
