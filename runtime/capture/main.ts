import { CandlewireError } from "../error.ts";
import type { Position } from "../change/record.ts";
import type { ModuleContext } from "../host/module_context.ts";
import type { KafkaLogin } from "../kafka/login.ts";
import { Capture } from "./capture.ts";
import type { CaptureConfig } from "./config.ts";
import type { ChangeSink } from "./sink/change_sink.ts";

/** The module's parameters: its configuration, PostgreSQL's place, and where changes go. */
export type CaptureParameters = CaptureConfig & {
  postgres: { host: string; port: number; database: string; user: string };
  sink: SinkParameters;
};

/** The sink. `positionTopic`: compacted, of one partition, made by the host; it holds capture's position by slot. */
export type SinkParameters =
  | { kind: "journal"; folder: string }
  | { kind: "kafka"; login: KafkaLogin; positionTopic: string };

/** How often the journal is measured and retention applied. */
const HOUSEKEEPING_MS = 2000;

/** A sink, and what belongs to its sort: answers to other modules, care for what it holds. */
type OpenSink = AsyncDisposable & {
  sink: ChangeSink;
  /** What `journal` answers beside the resnapshots. */
  stats: () => Record<string, unknown>;
  /** Readers need waking; Kafka's wait for it themselves. */
  wakesReaders: boolean;
};

/**
 * Captures PostgreSQL's changes into the journal or into Kafka. Answers `journal` with what the journal holds, and takes
 * `log.acknowledged` with the positions below which no reader needs it any more. Tells the consumer of appended records.
 */
export default async function main(context: ModuleContext): Promise<void> {
  const { postgres, sink: parameters, ...config } = context.parameters as unknown as CaptureParameters;
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
  await using opened = parameters.kind === "journal"
    ? await openJournal(context, config, parameters.folder)
    : await openKafka(context, config, parameters);
  const { sink, stats } = opened;
  const capture = new Capture(context, {
    login: { ...postgres, password },
    config,
    sink,
    onAppend: opened.wakesReaders ? notifier(context) : () => {},
  });
  context.handle("journal", () => ({ ...stats(), resnapshots: capture.resnapshots }));
  try {
    await capture.run();
  } finally {
    context.health("stopping", "Closing the sink");
  }
}

// Sinks are imported when they are chosen: a profile loads no driver that it does not use.

async function openJournal(context: ModuleContext, config: CaptureConfig, folder: string): Promise<OpenSink> {
  context.health("starting", "Opening the journal");
  const { JournalSink } = await import("./sink/journal.ts");
  const sink = await JournalSink.open(folder, {
    origin: context.origin,
    partitions: config.partitions,
    epoch: context.epoch,
    limits: config.journal,
  });
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
  return {
    sink,
    stats: () => sink.stats(),
    wakesReaders: true,
    async [Symbol.asyncDispose]() {
      clearInterval(housekeeping);
      await sink[Symbol.asyncDispose]();
    },
  };
}

async function openKafka(
  context: ModuleContext,
  config: CaptureConfig,
  parameters: Extract<SinkParameters, { kind: "kafka" }>,
): Promise<OpenSink> {
  context.health("starting", "Opening Kafka");
  const [{ createKafka }, { KafkaSink }] = await Promise.all([
    import("../kafka/client_kafka.ts"),
    import("./sink/kafka.ts"),
  ]);
  const kafka = createKafka(parameters.login, {
    clientId: `candlewire-${context.name}`,
    secrets: context.secrets,
    log: (level, message, fields) => context.log(level, message, fields),
  });
  const sink = new KafkaSink(kafka, {
    origin: context.origin,
    partitions: config.partitions,
    positionTopic: parameters.positionTopic,
    slot: config.slot,
    warn: (message) => context.log("warn", message),
  });
  return {
    sink,
    stats: () => ({}),
    wakesReaders: false,
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
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
