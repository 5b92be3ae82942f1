import { isAbsolute, relative, resolve } from "node:path";
import { CandlewireError } from "../error.ts";
import type { RequestedPermissions } from "./manifest.ts";

/** The most that the operator allows modules of one sort. `null` allows whatever is asked for. */
export type Ceiling = {
  net: readonly string[] | null;
  read: readonly string[] | null;
  write: readonly string[] | null;
  calls: readonly string[] | null;
};

/** Nothing. */
export const NOTHING: Ceiling = { net: [], read: [], write: [], calls: [] };

/** Whatever is asked for: for the modules that come with the program. */
export const EVERYTHING: Ceiling = { net: null, read: null, write: null, calls: null };

/** What one instance may do, resolved; and what it asked for in vain. */
export type Grant = {
  net: string[];
  read: string[];
  write: string[];
  calls: string[];
  /** `net example.com:443`, as shown to operators. */
  refused: string[];
};

/**
 * What `${…}` stands for: one value, or several (the nodes of a cluster), or none (what the profile does not have). An
 * entry with a list is as many entries.
 */
export type References = Record<string, string | readonly string[]>;

/**
 * granted = requested ∩ ceiling, with references such as `${postgres}` put in. Pure. An entry is granted when the
 * ceiling has it or covers it: a folder covers what lies in it, a host without a port covers its ports. There is no way
 * to ask for run, ffi, env, sys or import (I6). Throws `permission.unknown_reference`.
 */
export function grantPermissions(
  requested: RequestedPermissions,
  ceiling: Ceiling,
  references: References = {},
): Grant {
  const grant: Grant = { net: [], read: [], write: [], calls: [], refused: [] };
  for (const kind of ["net", "read", "write", "calls"] as const) {
    const covers = COVERS[kind];
    const allowed = ceiling[kind]?.flatMap((entry) => resolveReferences(entry, references));
    for (const resolved of requested[kind].flatMap((raw) => resolveReferences(raw, references))) {
      const entry = NORMAL[kind](resolved);
      const granted = allowed === undefined || allowed.some((outer) => covers(NORMAL[kind](outer), entry));
      if (!granted) grant.refused.push(`${kind} ${entry}`);
      else if (!grant[kind].includes(entry)) grant[kind].push(entry);
    }
  }
  return grant;
}

/** Permission flags of `deno run`. Run, ffi, env and sys never appear. */
export function permissionFlags(grant: Grant): string[] {
  const flags: string[] = [];
  for (const kind of ["net", "read", "write"] as const) {
    // Deno splits the list at commas and reads ",," as one; an entry with a comma would otherwise be several.
    if (grant[kind].length > 0) {
      flags.push(`--allow-${kind}=${grant[kind].map((entry) => entry.replaceAll(",", ",,")).join(",")}`);
    }
  }
  return flags;
}

/** True when an access that Deno's audit tells of was granted. */
export function isGranted(grant: Grant, permission: string, value: string): boolean {
  if (permission !== "net" && permission !== "read" && permission !== "write") return false;
  const entry = NORMAL[permission](value);
  return grant[permission].some((outer) => COVERS[permission](outer, entry));
}

/** Shown to operators: `net 127.0.0.1:5432`, … */
export function describeGrant(grant: Grant): { granted: string[]; refused: string[] } {
  const granted = (["net", "read", "write", "calls"] as const).flatMap((kind) =>
    grant[kind].map((entry) => `${kind} ${entry}`)
  );
  return { granted, refused: [...grant.refused] };
}

const REFERENCE = /\$\{([a-zA-Z][\w.]*)\}/;

function resolveReferences(entry: string, references: References): string[] {
  const name = REFERENCE.exec(entry)?.[1];
  if (name === undefined) return [entry];
  const value = Object.hasOwn(references, name) ? references[name] : undefined;
  if (value === undefined) {
    const known = Object.keys(references).map((key) => `\${${key}}`).join(", ") || "none";
    throw new CandlewireError(
      "permission.unknown_reference",
      `Resolve permission "${entry}": no such reference`,
      { hint: `Known references: ${known}`, retry: "operator" },
    );
  }
  const values = typeof value === "string" ? [value] : value;
  // A value is put in as it is: what looks like a reference in it is none.
  return values.flatMap((one) => {
    const [before, after] = splitAt(entry, `\${${name}}`);
    return resolveReferences(after, references).map((rest) => before + one + rest);
  });
}

function splitAt(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return [text.slice(0, at), text.slice(at + mark.length)];
}

const NORMAL = {
  net: (entry: string) => entry.toLowerCase(),
  read: (entry: string) => resolve("/", entry),
  write: (entry: string) => resolve("/", entry),
  calls: (entry: string) => entry,
};

const COVERS = {
  net: (outer: string, inner: string) => outer === inner || (!hasPort(outer) && hostOf(inner) === outer),
  read: coversPath,
  write: coversPath,
  calls: (outer: string, inner: string) => outer === inner,
};

function hasPort(address: string): boolean {
  return /:\d+$/.test(address) && (!address.startsWith("[") || address.includes("]:"));
}

function hostOf(address: string): string {
  return hasPort(address) ? address.slice(0, address.lastIndexOf(":")) : address;
}

function coversPath(outer: string, inner: string): boolean {
  const path = relative(outer, inner);
  return path === "" || (!path.startsWith("..") && !isAbsolute(path));
}
