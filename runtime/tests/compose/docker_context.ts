import { join } from "node:path";
import { ROOT } from "./load_compose.ts";

/** One instruction of a Dockerfile; `form` tells the JSON form from the shell's. */
export type Instruction = { name: string; text: string; words: string[]; form: "exec" | "shell" };

/** Instructions of a Dockerfile, comments and continued lines resolved. */
export function readDockerfile(text: string): Instruction[] {
  const joined = text.split("\n").filter((line) => !/^\s*#/.test(line)).join("\n").replaceAll(/\\\n/g, " ");
  return joined.split("\n").map((line) => line.trim()).filter((line) => line !== "").map((line) => {
    const [, name = "", rest = ""] = /^(\S+)\s*(.*)$/.exec(line)!;
    const json = /\[.*\]$/.exec(rest)?.[0];
    const exec = json !== undefined && json.startsWith('["');
    return {
      name: name.toUpperCase(),
      text: rest,
      words: exec ? JSON.parse(json) : rest.split(/\s+/),
      form: exec ? "exec" : "shell",
    };
  });
}

/** Whether a path relative to the context reaches a build: the last pattern of .dockerignore that matches it, or a folder above it, decides. */
export function inContext(path: string, patterns: readonly string[]): boolean {
  let kept = true;
  for (const pattern of patterns) {
    const negated = pattern.startsWith("!");
    const expression = RegExp(
      "^" + pattern.slice(negated ? 1 : 0)
        .replaceAll(/[.+^${}()|[\]]/g, "\\$&")
        .replaceAll("**/", "\0").replaceAll("*", "[^/]*").replaceAll("\0", "(?:.*/)?") +
        "(?:/.*)?$",
    );
    if (expression.test(path)) kept = negated;
  }
  return kept;
}

/** The patterns of .dockerignore, in order. */
export function ignorePatterns(): string[] {
  return Deno.readTextFileSync(join(ROOT, ".dockerignore")).split("\n").filter((line) =>
    line !== "" && !line.startsWith("#")
  );
}

/** Copies what a `COPY source target` would copy of this checkout into a folder; returns how many files. */
export function copyContext(source: string, target: string, patterns: readonly string[]): number {
  const from = join(ROOT, source);
  const stat = Deno.statSync(from);
  if (stat.isFile) {
    if (!inContext(source, patterns)) return 0;
    Deno.mkdirSync(join(target, ".."), { recursive: true });
    Deno.copyFileSync(from, target);
    return 1;
  }
  let count = 0;
  for (const entry of Deno.readDirSync(from)) {
    count += copyContext(`${source.replace(/\/$/, "")}/${entry.name}`, join(target, entry.name), patterns);
  }
  return count;
}
