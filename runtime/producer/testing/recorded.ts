import { gunzipSync } from "node:zlib";

const FOLDER = new URL("../../../../shared/data/", import.meta.url);

/** True when the recorded market data lies beside the project. */
export const haveRecorded: boolean = (() => {
  try {
    return Deno.statSync(FOLDER).isDirectory;
  } catch {
    return false;
  }
})();

/** Ends the name of a test that is skipped without the recordings. */
export const skipReason: string = haveRecorded ? "" : " (skipped: ../shared/data is absent)";

/** A recorded file's text. */
export function recordedText(name: string): string {
  return new TextDecoder().decode(gunzipSync(Deno.readFileSync(new URL(name, FOLDER))));
}

/** Frames of a `<receive time> <frame>` recording, in order. */
export function recordedFrames(name: string): string[] {
  return recordedText(name).split("\n").filter((line) => line !== "").map((line) =>
    line.slice(line.indexOf(" ") + 1)
  );
}
