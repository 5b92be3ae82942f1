/**
 * Makes `generated/`: TypeScript of the messages and services that Grafana speaks with a backend. `backend.proto` is
 * grafana-plugin-sdk-go's own, from the Go module proxy; the two others are beside this file. Needs `go` and `npx`.
 *
 * `deno run -A --config deno.json grafana-plugin/backend/protocol/generate.ts`
 */
import { fileURLToPath } from "node:url";
import { join } from "node:path";

const SDK = "github.com/grafana/grafana-plugin-sdk-go@v0.298.0";
const PACKAGES = ["@bufbuild/buf@1.75.0", "@bufbuild/protoc-gen-es@2.17.0"];

async function run(cwd: string, command: string, ...args: string[]): Promise<string> {
  const { code, stdout } = await new Deno.Command(command, { args, cwd, stderr: "inherit" }).output();
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}`);
  return new TextDecoder().decode(stdout);
}

const here = fileURLToPath(new URL(".", import.meta.url));
const work = await Deno.makeTempDir({ prefix: "candlewire-proto-" });
try {
  const { Dir } = JSON.parse(await run(work, "go", "mod", "download", "-json", SDK));
  await Deno.mkdir(join(work, "proto"));
  await Deno.writeFile(
    join(work, "proto", "backend.proto"),
    await Deno.readFile(join(Dir, "proto", "backend.proto")),
  );
  for (const name of ["go_plugin.proto", "health.proto"]) {
    await Deno.copyFile(join(here, "proto", name), join(work, "proto", name));
  }
  await Deno.writeTextFile(join(work, "buf.yaml"), "version: v2\nmodules:\n  - path: proto\n");
  await Deno.writeTextFile(
    join(work, "buf.gen.yaml"),
    `version: v2
plugins:
  - local: ./node_modules/.bin/protoc-gen-es
    out: ${JSON.stringify(join(here, "generated"))}
    opt: [target=ts, import_extension=ts]
`,
  );
  await Deno.writeTextFile(join(work, "package.json"), "{}");
  await run(work, "npm", "install", "--no-audit", "--no-fund", "--no-save", ...PACKAGES);
  await Deno.remove(join(here, "generated"), { recursive: true }).catch(() => {});
  await run(work, join(work, "node_modules/.bin/buf"), "generate");
} finally {
  await Deno.remove(work, { recursive: true });
}
