import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { readCommandLine } from "../../cli.ts";
import { readConfig } from "../../config.ts";
import { until } from "../until.ts";
import { copyContext, ignorePatterns, inContext, readDockerfile } from "./docker_context.ts";
import { ROOT } from "./load_compose.ts";

const read = (path: string) => Deno.readTextFileSync(join(ROOT, path));
const instructions = readDockerfile(read("Dockerfile"));
const all = (name: string) => instructions.filter((one) => one.name === name);
const only = (name: string) => {
  const found = all(name);
  assert.equal(found.length, 1, `${found.length} ${name}`);
  return found[0]!;
};

Deno.test("the image is of the Deno that CI uses, exposes the API's port and runs as its user", () => {
  const version = /deno@(\d+\.\d+\.\d+)/.exec(read(".ci/run"))![1];
  assert.equal(only("FROM").text, `denoland/deno:${version}`);
  assert.equal(only("EXPOSE").text, String(readConfig().listen.port));
  const user = only("USER");
  assert.ok(!/^(root|0)/.test(user.text));
  assert.ok(
    instructions.indexOf(user) >
      instructions.findLastIndex((one) => one.name === "RUN" || one.name === "COPY"),
  );
  assert.equal(only("ENTRYPOINT").form, "exec", "a shell in between would keep SIGTERM from the program");
  assert.equal(all("ADD").length, 0);
});

Deno.test("the image's command is one that the program reads, with a configuration that lies in it", () => {
  const entry = only("ENTRYPOINT").words;
  assert.equal(entry.at(-1), "runtime/main.ts");
  assert.deepEqual(entry.slice(0, 2), ["deno", "run"]);
  const { command, configFile } = readCommandLine(only("CMD").words);
  assert.equal(command, "start");
  const file = JSON.parse(read(configFile!));
  assert.deepEqual(JSON.parse(only("VOLUME").text), [file.dataDir]);
  assert.ok(only("HEALTHCHECK").text.includes(`http://127.0.0.1:${file.listen.port}/readyz`));
});

Deno.test("secrets, data and tests stay out of the build", () => {
  const patterns = ignorePatterns();
  for (
    const path of [
      ".env",
      "runtime/docker/.env",
      "data/live/tokens.json",
      ".git/config",
      "runtime/tests/run.ts",
      "runtime/main_test.ts",
      "runtime/bench/run.ts",
      "grafana-plugin/node_modules/a/b.js",
    ]
  ) assert.ok(!inContext(path, patterns), `${path} goes into the build`);
  for (
    const path of [
      "deno.json",
      "deno.lock",
      "runtime/main.ts",
      "runtime/docker/candlewire.json",
      "schema/postgres/0001_market_tables.sql",
      "connectors/debezium-postgres.json",
    ]
  ) {
    assert.ok(inContext(path, patterns), `${path} is kept out of the build`);
  }
});

Deno.test("what the image holds is whole: it runs from its cache, names what is missing, answers its healthcheck and ends cleanly", async () => {
  const app = await Deno.makeTempDir({ prefix: "candlewire-image-" });
  const data = await Deno.makeTempDir({ prefix: "candlewire-image-data-" });
  try {
    const patterns = ignorePatterns();
    for (const { words } of all("COPY")) {
      const sources = words.slice(0, -1);
      const target = words.at(-1)!;
      for (const source of sources) {
        const to = join(app, target === "./" ? source : target);
        assert.ok(copyContext(source, to, patterns) > 0, `COPY ${source} copies nothing`);
      }
    }
    const cached = all("RUN").map((one) => one.text).find((text) => text.includes("deno cache"))!;
    const programs = [...cached.matchAll(/runtime\/\S+\.ts/g)].map(([path]) => path);
    // Every module that is started by its manifest is compiled while the image is built.
    for (const folder of Deno.readDirSync(join(app, "runtime"))) {
      const manifest = join(app, "runtime", folder.name, "manifest.json");
      try {
        const { entry = "main.ts" } = JSON.parse(Deno.readTextFileSync(manifest));
        assert.ok(
          programs.includes(`runtime/${folder.name}/${entry}`),
          `${folder.name} is not in RUN deno cache`,
        );
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) {
          throw error;
        }
      }
    }
    for (const path of readByCode(join(ROOT, "runtime"), patterns)) {
      assert.ok(exists(join(app, path)), `${path} is read by the program and not in the image`);
    }
    const deno = (args: string[]) =>
      new Deno.Command(Deno.execPath(), { args, cwd: app, stdout: "piped", stderr: "piped" });
    const cache = await deno(["cache", "--frozen", "--quiet", ...programs]).output();
    assert.equal(cache.code, 0, new TextDecoder().decode(cache.stderr));

    const entry = only("ENTRYPOINT").words.slice(1);
    const described = await deno([...entry, "start", "--print-config"]).output();
    assert.equal(described.code, 0, new TextDecoder().decode(described.stderr));
    assert.match(new TextDecoder().decode(described.stdout), /^cassandra\.keyspace = /m);

    // Without its variables the image's own command says which are missing.
    const bare = await new Deno.Command(Deno.execPath(), {
      args: [...entry, ...only("CMD").words],
      cwd: app,
      stdout: "piped",
      stderr: "piped",
      clearEnv: true,
      env: { HOME: data, PATH: Deno.env.get("PATH") ?? "", DENO_DIR: await denoDir() },
    }).output();
    assert.equal(bare.code, 1);
    assert.match(
      new TextDecoder().decode(bare.stderr),
      /config\.environment.*"tokens\.viewer" is \$\{env:VIEWER_TOKEN\}/,
    );

    await using exchange = await startExchange(deno, [
      ...entry,
      "exchange",
      "--port",
      "0",
      "--set",
      `exchange.market.folder=${data}/market`,
    ]);
    const health = (path: string) =>
      deno([
        "run",
        "--no-config",
        "--no-lock",
        "--cached-only",
        `--allow-net=${new URL(exchange.url).host}`,
        "runtime/docker/healthcheck.ts",
        `${exchange.url}${path}`,
      ]).output();
    assert.equal((await health("/api/v3/ping")).code, 0);
    const bad = await health("/api/v3/nothing");
    assert.equal(bad.code, 1);
    assert.match(new TextDecoder().decode(bad.stderr), /nothing: 404/);
    // SIGTERM is a clean end, as `docker stop` wants it.
    assert.equal(await exchange.stop(), 0);
  } finally {
    await Deno.remove(app, { recursive: true });
    await Deno.remove(data, { recursive: true });
  }
});

/** Paths in the repository that the image's programs look for beside themselves. */
function readByCode(folder: string, patterns: readonly string[]): string[] {
  return [...Deno.readDirSync(folder)].flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory) return readByCode(path, patterns);
    if (!path.endsWith(".ts") || !inContext(path.slice(ROOT.length), patterns)) return [];
    return [...Deno.readTextFileSync(path).matchAll(/new URL\(\s*"(\.[^"]+)",\s*import\.meta\.url/g)]
      .map(([, target]) => fileURLToPath(new URL(target!, pathToFileURL(path))))
      // What is not in the repository either is made by the program.
      .filter((target) => target.startsWith(ROOT) && exists(target))
      .map((target) => target.slice(ROOT.length));
  });
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

async function startExchange(deno: (args: string[]) => Deno.Command, args: string[]) {
  const process = deno(args).spawn();
  let text = "";
  let status: Deno.CommandStatus | undefined;
  // Read to the end, so that it never waits for us.
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) text += chunk;
  };
  const reading = Promise.all([read(process.stdout), read(process.stderr)]);
  void Promise.all([process.status, reading]).then(([ended]) => status = ended);
  const signal = (name: Deno.Signal) => {
    try {
      process.kill(name);
    } catch {
      // It is gone.
    }
  };
  const stop = async () => {
    signal("SIGTERM");
    try {
      return await until("the exchange to end", 90_000, () => status?.code, () => text);
    } catch (error) {
      signal("SIGKILL");
      throw error;
    }
  };
  try {
    const url = await until("the exchange's address", 90_000, () => {
      return status === undefined ? /Exchange on (http:\/\/\S+)/.exec(text)?.[1] : "ended";
    }, () => text);
    if (url === "ended") throw new Error(`The exchange ended: ${text}`);
    return { url, stop, [Symbol.asyncDispose]: async () => void await stop() };
  } catch (error) {
    signal("SIGKILL");
    throw error;
  }
}

async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}
