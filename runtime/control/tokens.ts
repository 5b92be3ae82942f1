import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { CandlewireError } from "../error.ts";

/** The two bearer tokens. A viewer reads, an operator also changes. */
export type Tokens = {
  viewer: string;
  operator: string;
  /** `configured`: chosen by the operator; without them the API listens on loopback only. */
  source: "generated" | "configured";
};

/** Shorter tokens can be guessed. */
const MIN_LENGTH = 16;

/**
 * The tokens in `<dataDir>/tokens.json`; made there, mode 0600, when the file is missing. `configured` wins and is
 * written to the file too, so that local scripts have one place to look. Rejects with `control.bad_tokens` for a
 * file or a configuration that is wrong, never quoting a token (I6).
 */
export async function loadTokens(
  dataDir: string,
  configured?: { viewer: string; operator: string },
): Promise<Tokens> {
  const path = join(dataDir, "tokens.json");
  if (configured !== undefined) {
    const tokens = checked(configured, "the configuration");
    await write(path, tokens);
    return { ...tokens, source: "configured" };
  }
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw unusable(path, error);
    const tokens = { viewer: newSecret(), operator: newSecret() };
    await write(path, tokens);
    return { ...tokens, source: "generated" };
  }
  const tokens = checked(parse(text), path);
  // A file that others could read before is closed again.
  if (Deno.build.os !== "windows") await Deno.chmod(path, 0o600).catch(() => {});
  return { ...tokens, source: "generated" };
}

/** 256 random bits as text fit for a header, a cookie or a link. */
export function newSecret(): string {
  return randomBytes(32).toString("base64url");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function checked(value: unknown, where: string): { viewer: string; operator: string } {
  const { viewer, operator } = (value ?? {}) as Record<string, unknown>;
  const usable = (token: unknown) =>
    typeof token === "string" && token.length >= MIN_LENGTH && token.length <= 512 &&
    /^[\x21-\x7e]+$/.test(token);
  if (!usable(viewer) || !usable(operator) || viewer === operator) {
    throw new CandlewireError("control.bad_tokens", `Read the tokens from ${where}: they cannot be used`, {
      retry: "operator",
      hint:
        `Give two different tokens "viewer" and "operator" of ${MIN_LENGTH} to 512 visible ASCII characters, or delete the file to have new ones made`,
    });
  }
  return { viewer: viewer as string, operator: operator as string };
}

async function write(path: string, tokens: { viewer: string; operator: string }): Promise<void> {
  const { viewer, operator } = tokens;
  const temporary = `${path}.${crypto.randomUUID()}`;
  try {
    // Created with its mode: at no time can another user read it (I6).
    await Deno.writeTextFile(temporary, `${JSON.stringify({ viewer, operator }, null, 2)}\n`, {
      mode: 0o600,
      createNew: true,
    });
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw unusable(path, error);
  }
}

function unusable(path: string, cause: unknown): CandlewireError {
  return new CandlewireError("control.tokens_unusable", `Use the tokens file ${path}: it cannot be used`, {
    retry: "operator",
    hint: "Make the data folder writable for this user, or name another with --data-dir",
    cause,
  });
}
