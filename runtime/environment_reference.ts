import { CandlewireError } from "./error.ts";
import type { ConfigPart } from "./config.ts";

const REFERENCE = /^\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?\}$/s;

/** Options of {@linkcode resolveEnvironment}. */
export type EnvironmentOptions = {
  /** Names the file in errors. */
  file: string;
  /** Paths (`a.b`) whose text is a reference for another program and stays as it is. */
  verbatim?: readonly string[];
};

/**
 * Replaces each string that is wholly `${env:NAME}` by that variable's text. `${env:NAME:-text}` takes `text` where the
 * variable is unset or empty; with an empty text (`${env:NAME:-}`) the key is left out, so that its own default holds.
 * A variable's text is taken as it is: it is never parsed, nor looked through for references.
 *
 * Throws `config.environment` that lists every variable that is missing and every reference that stands inside a longer
 * text, each with its key. Values never appear in it (I6).
 */
export function resolveEnvironment(
  part: ConfigPart,
  environment: Readonly<Record<string, string | undefined>>,
  options: EnvironmentOptions,
): ConfigPart {
  const problems: string[] = [];
  const resolve = (value: unknown, path: string): unknown => {
    if (Array.isArray(value)) {
      return value.map((item, index) => resolve(item, `${path}.${index}`)).filter((item) =>
        item !== undefined
      );
    }
    if (typeof value === "object" && value !== null) {
      return Object.fromEntries(
        Object.entries(value)
          .map(([key, inner]) => [key, resolve(inner, path === "" ? key : `${path}.${key}`)])
          .filter(([, inner]) => inner !== undefined),
      );
    }
    if (typeof value !== "string" || !value.includes("${env:") || options.verbatim?.includes(path)) {
      return value;
    }
    const match = REFERENCE.exec(value);
    if (match === null) {
      problems.push(`"${path}" holds a reference inside other text, or one without a proper name`);
      return value;
    }
    const [, name = "", fallback] = match;
    const found = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (found !== undefined && found !== "") return found;
    if (fallback === undefined) {
      problems.push(`"${path}" is ${value}, and that variable is ${found === undefined ? "unset" : "empty"}`);
    }
    return fallback === "" ? undefined : fallback;
  };
  const resolved = resolve(part, "") as ConfigPart;
  if (problems.length === 0) return resolved;
  throw new CandlewireError("config.environment", `Read ${options.file}: ${problems.join("; ")}`, {
    retry: "operator",
    hint:
      "Set the variable, or give a default by ${env:NAME:-text}; a reference must be the whole value of its key",
  });
}
