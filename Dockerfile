# CPU: docker build -t sharp . && docker run --rm -v "$PWD:/work" sharp photo.jpg --weights preview
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY sharp_cli sharp_cli
COPY weights weights
COPY examples/coffee.png examples/coffee.png
# uv knows where the CPU builds of torch are.
RUN pip install --no-cache-dir uv==0.13.* \
 && uv venv /opt/sharp \
 && uv pip install --no-cache --python /opt/sharp --torch-backend cpu --compile-bytecode '.[heic,serve]'

FROM python:3.12-slim
COPY --from=build /opt/sharp /opt/sharp
# Downloaded weights and compiled kernels outlive a container in this volume.
ENV PATH=/opt/sharp/bin:$PATH SHARP_CACHE=/cache/weights NUMBA_CACHE_DIR=/cache/kernels HF_HOME=/cache/hub
RUN useradd --create-home --uid 1000 sharp && install -d -o sharp -g sharp /cache /work
USER 1000
VOLUME /cache
WORKDIR /work
ENTRYPOINT ["sharp"]
CMD ["--help"]
