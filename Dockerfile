# The runtime: host, modules and the simulated exchange in one image, without the network once it is built.
FROM denoland/deno:2.9.6

WORKDIR /app
ENV DENO_DIR=/deno-dir \
    DENO_NO_UPDATE_CHECK=1 \
    NO_COLOR=1

# The lock alone decides this layer, so that a change of code downloads nothing.
COPY deno.json deno.lock ./
RUN ["deno", "install", "--frozen"]

COPY schema ./schema
COPY connectors ./connectors
COPY runtime ./runtime
# Every program that is started by path, so that a read-only container has nothing left to compile.
RUN deno cache --frozen runtime/main.ts runtime/producer/main.ts runtime/capture/main.ts runtime/consumer/main.ts \
      runtime/host/child.ts runtime/host/child_transform.ts runtime/docker/healthcheck.ts \
 && install -d -o deno -g deno -m 0700 /var/lib/candlewire

USER deno
EXPOSE 8787
VOLUME ["/var/lib/candlewire"]
HEALTHCHECK --interval=15s --timeout=5s --start-period=180s --retries=4 \
  CMD ["deno", "run", "--no-config", "--no-lock", "--cached-only", "--allow-net=127.0.0.1:8787", "runtime/docker/healthcheck.ts", "http://127.0.0.1:8787/readyz"]
ENTRYPOINT ["deno", "run", "-A", "--cached-only", "--frozen", "--v8-flags=--max-semi-space-size=4", "runtime/main.ts"]
CMD ["start", "--profile", "cluster", "--config", "runtime/docker/candlewire.json"]
