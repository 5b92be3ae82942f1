import { join } from "node:path";
import { fileURLToPath } from "node:url";

const DATA = fileURLToPath(new URL("../../../shared/data/", import.meta.url));

/** The recordings of BTCUSDT and ETHUSDT that lie beside the project. */
export const RECORDED_FILES = ["btcusdt_20240808.gz", "ethusdt_20240808.gz"].map((name) => join(DATA, name));
export const RECORDED_SYMBOLS = ["BTCUSDT", "ETHUSDT"];

/** Whether they are missing: what needs them is skipped, and says so. */
export const recordingsAbsent = RECORDED_FILES.some((file) => {
  try {
    return !Deno.statSync(file).isFile;
  } catch {
    return true;
  }
});
