# SPDX-License-Identifier: MIT
#
# docker build -t millrace --build-arg VERSION=0.1.0 . && docker run --rm millrace demo --for 30s
# docs/operations.md says how to run a query in it.

FROM debian:12-slim AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /millrace
# The downloads first: they stay cached while only the code changes.
COPY dev ./
RUN ./dev setup
COPY CMakeLists.txt ./
COPY src src
COPY migrations migrations
COPY web web
COPY examples/ad-campaigns examples/ad-campaigns
COPY tests/CMakeLists.txt tests/CMakeLists.txt
ARG VERSION=0.1.0
RUN cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release -DMILLRACE_VERSION="${VERSION}" \
    && ./dev build \
    && strip build/release/millrace

FROM debian:12-slim
# Packages of the base image's release: minimum versions, as its security updates move.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libuv1 libjansson4 libsqlite3-0 libzstd1 \
       libsnappy1v5 liblz4-1 zlib1g libcurl4 libssl3 libutf8proc2 libpcre2-8-0 libstdc++6 libmicrohttpd12 libyaml-0-2 \
       libwslay1 libjemalloc2 tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/millrace millrace
COPY --from=build /millrace/build/release/millrace /usr/local/bin/millrace
USER 10001
WORKDIR /var/lib/millrace
VOLUME ["/var/lib/millrace"]
HEALTHCHECK --interval=10s --timeout=3s CMD ["/usr/local/bin/millrace", "health"]
ENTRYPOINT ["/usr/local/bin/millrace"]
CMD ["--help"]
