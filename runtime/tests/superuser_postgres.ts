import { dirname, join } from "node:path";
import pg from "pg";
import type { TestPipeline } from "./pipeline_process.ts";

/** A connection as the owner of a test pipeline's embedded PostgreSQL, to do what no module may. */
export async function superuserOf(pipeline: TestPipeline): Promise<pg.Client & AsyncDisposable> {
  const read = async (path: string) => JSON.parse(await Deno.readTextFile(path));
  const { postgresPidFile } = await read(join(pipeline.dataDir, "run", "endpoints.json"));
  const { port, password } = await read(join(dirname(dirname(postgresPidFile)), "credentials.json"));
  const client = new pg.Client({
    host: "127.0.0.1",
    port,
    user: "candlewire",
    password,
    database: "candlewire",
  });
  // It is idle while a test breaks things, and the server's goodbye is an error then.
  client.on("error", () => {});
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}
