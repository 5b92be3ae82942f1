import { join } from "node:path";
import { ROOT } from "./load_compose.ts";

/** Variables of an env file that have a value. */
export function readEnvFile(path: string): Record<string, string> {
  return Object.fromEntries(
    Deno.readTextFileSync(path).split("\n").filter((line) => /^[A-Z_]+=./.test(line)).map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

/** The command of .env.example that makes `.env`. */
export function envCommand(): string {
  const text = Deno.readTextFileSync(join(ROOT, ".env.example"));
  const line = text.split("\n").find((line) => line.startsWith("#   ("));
  if (line === undefined) throw new Error("Find the command in .env.example: no line starts with '#   ('");
  return line.slice(4);
}

/** Makes `.env` in a new folder as a user does, by the documented command. The caller removes the folder. */
export async function makeEnvFile(): Promise<{ folder: string; file: string; code: number; again: number }> {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-env-" });
  await Deno.copyFile(join(ROOT, ".env.example"), join(folder, ".env.example"));
  const run = async () =>
    (await new Deno.Command("sh", { args: ["-c", envCommand()], cwd: folder, stderr: "null" }).output()).code;
  const code = await run();
  const file = join(folder, ".env");
  const made = await Deno.readTextFile(file);
  const again = await run();
  if (await Deno.readTextFile(file) !== made) throw new Error("Make .env again: it was overwritten");
  return { folder, file, code, again };
}
