import { CandlewireError } from "../error.ts";
import type { Position } from "../change/record.ts";
import type { ModuleContext } from "../host/module_context.ts";
import { Capture } from "./capture.ts";
import type { CaptureConfig } from "./config.ts";
import { JournalSink } from "./sink/journal.ts";

/** The module's parameters: its configuration, PostgreSQL's place, and the journal's folder. */
export type CaptureParameters = CaptureConfig & {
  postgres: { host: string; port: number; database: string; user: string };
  journalFolder: string;
};

/** How often the journal is measured and retention applied. */
const HOUSEKEEPING_MS = 2000;

/**
 * Captures PostgreSQL's changes into the journal. Answers `journal` with what it holds, and takes `log.acknowledged`
 * with the positions below which no reader needs it any more. Tells the consumer of appended records.
 */
export default async function main(context: ModuleContext): Promise<void> {
  const { postgres, journalFolder, ...config } = context.parameters as unknown as CaptureParameters;
  const password = context.secrets.postgresPassword;
  if (password === undefined) {
    throw new CandlewireError(
      "capture.no_password",
      "Start capture: it was given no password of PostgreSQL",
      {
        retry: "operator",
        hint: "Give the module the secret postgresPassword",
      },
    );
  }
  context.health("starting", "Opening the journal");
  await using sink = await JournalSink.open(journalFolder, {
    origin: context.origin,
    partitions: config.partitions,
    epoch: context.epoch,
    limits: config.journal,
  });
  const capture = new Capture(context, {
    login: { ...postgres, password },
    config,
    sink,
    onAppend: notifier(context),
  });
  context.handle("journal", () => ({ ...sink.stats(), resnapshots: capture.resnapshots }));
  context.handle("log.acknowledged", (parameters) => {
    const { group, positions } = acknowledgement(parameters);
    sink.acknowledge(group, positions);
    return {};
  });
  const housekeeping = setInterval(() => {
    try {
      const removed = sink.retain();
      if (removed > 0) context.log("info", `Retention removed ${removed} segments`, { removed });
      const { bytes, segments } = sink.stats();
      context.metrics.gauge("candlewire_journal_bytes", bytes);
      context.metrics.gauge("candlewire_journal_segments", segments);
    } catch (error) {
      context.log("warn", `Retention of the journal: ${error}`);
    }
  }, HOUSEKEEPING_MS);
  try {
    await capture.run();
  } finally {
    clearInterval(housekeeping);
    context.health("stopping", "Closing the journal");
  }
}

/** Wakes the consumer: at most one call under way, and one more after it if records came meanwhile. */
function notifier(context: ModuleContext): () => void {
  let calling = false;
  let again = false;
  const notify = () => {
    if (calling) {
      again = true;
      return;
    }
    calling = true;
    // The consumer also looks by itself, so that a failure loses a quarter of a second and nothing else.
    context.call("consumer", "log.appended", {}, { timeoutMs: 5000 }).catch(() => {}).finally(() => {
      calling = false;
      if (again && !context.signal.aborted) {
        again = false;
        notify();
      }
    });
  };
  return notify;
}

function acknowledgement(parameters: unknown): { group: string; positions: Position[] } {
  const { group, positions } = (parameters ?? {}) as { group?: unknown; positions?: unknown };
  const valid = typeof group === "string" && Array.isArray(positions) &&
    positions.every((p) =>
      typeof p?.topic === "string" && Number.isSafeInteger(p.partition) && Number.isSafeInteger(p.offset) &&
      p.offset >= 0
    );
  if (!valid) {
    throw new CandlewireError(
      "capture.bad_request",
      `Acknowledge positions: ${JSON.stringify(parameters)?.slice(0, 200)}`,
      { hint: "Send {group, positions: [{topic, partition, offset}]}" },
    );
  }
  return { group: group as string, positions: positions as Position[] };
}
