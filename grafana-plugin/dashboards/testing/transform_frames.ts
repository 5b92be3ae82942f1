import { fileURLToPath } from "node:url";
import type { DataTransformerConfig } from "@grafana/grafana-foundation-sdk/dashboard";
import type { Frame } from "./frame.ts";

const PLUGIN = fileURLToPath(new URL("../../", import.meta.url));
const SCRIPT = fileURLToPath(new URL("transform_frames.cjs", import.meta.url));

/** Why Grafana's transformations cannot run here; empty when they can. */
export const transformReason: string = await missing();

/** A panel's frames after its transformations, computed by Grafana's own library. */
export async function transformFrames(
  transformations: DataTransformerConfig[],
  frames: Frame[],
): Promise<Frame[]> {
  if (transformations.length === 0) return frames;
  const child = new Deno.Command("node", {
    args: [SCRIPT],
    cwd: PLUGIN,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify({ transformations, frames })));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  if (code !== 0) throw new Error(`Transform the frames: ${text.decode(stderr)}`);
  return JSON.parse(text.decode(stdout)) as Frame[];
}

async function missing(): Promise<string> {
  try {
    await Deno.stat(new URL("../../node_modules/@grafana/data/package.json", import.meta.url));
  } catch {
    return "grafana-plugin/node_modules is missing: run npm ci there";
  }
  try {
    const { code } = await new Deno.Command("node", { args: ["--version"], stdout: "null", stderr: "null" })
      .output();
    return code === 0 ? "" : "node does not run";
  } catch {
    return "node is not installed";
  }
}
