import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { CandlewireError, errorText, ignoreMissing } from "../error.ts";
import type { KafkaIdentity } from "./plan_kafka.ts";
import { type ProcessIdentity, writeWhole } from "./server_process.ts";
import type { StackSettings } from "./settings.ts";

/** Format of `stack.json`; one of another is refused. */
const FORMAT = 1;

/** What a stack's folder says of it: `stack.json`. */
export type StackRecord = {
  format: number;
  settings: StackSettings;
  kafka: KafkaIdentity;
  /** Servers that were started and not stopped, by name; each may have died since. */
  servers: Record<string, ProcessIdentity & { startedAt: string }>;
};

/** A stack's folder, held by a lock so that one command at a time changes it. */
export type StackFolder = Disposable & {
  /** Absolute. */
  readonly path: string;
  /** Undefined when no stack was made here. */
  record: StackRecord | undefined;
  /** Durable at return. */
  save(record: StackRecord): Promise<void>;
};

/** Opens a stack's folder for a change, and makes it when missing. Rejects with `stack.busy`, `stack.folder`, `stack.damaged`. */
export async function openStackFolder(path: string): Promise<StackFolder> {
  let lock: Deno.FsFile;
  try {
    await Deno.mkdir(path, { recursive: true });
    lock = await Deno.open(join(path, "lock"), { create: true, write: true });
  } catch (error) {
    throw new CandlewireError("stack.folder", `Write to the stack's folder ${path}: ${errorText(error)}`, {
      retry: "operator",
      hint: "Choose a writable folder with --dir",
      cause: error,
    });
  }
  if (!await lock.tryLock(true)) {
    lock.close();
    throw new CandlewireError("stack.busy", `Change the stack in ${path}: another command is at it`, {
      retry: "retry",
      hint: "Wait for it, or choose another folder with --dir",
    });
  }
  try {
    const folder: StackFolder = {
      path,
      record: await readStackRecord(path),
      async save(record) {
        folder.record = record;
        await writeWhole(join(path, "stack.json"), JSON.stringify(record, null, 2));
      },
      [Symbol.dispose]: () => lock.close(),
    };
    return folder;
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** What is recorded, without a lock, for those who only look. */
export async function readStackRecord(path: string): Promise<StackRecord | undefined> {
  const file = join(path, "stack.json");
  const text = await Deno.readTextFile(file).catch(ignoreMissing);
  if (text === undefined) return undefined;
  let record: StackRecord;
  try {
    record = JSON.parse(text);
  } catch (error) {
    throw damaged(file, errorText(error));
  }
  if (record?.format !== FORMAT) {
    throw damaged(file, `its format is ${record?.format}, this version needs ${FORMAT}`);
  }
  return record;
}

/** The record of a stack that is being made. */
export function newStackRecord(settings: StackSettings): StackRecord {
  return {
    format: FORMAT,
    settings,
    kafka: { clusterId: kafkaUuid(), directoryIds: [kafkaUuid(), kafkaUuid(), kafkaUuid()] },
    servers: {},
  };
}

/** Kafka refuses ids that begin with a hyphen: they look like flags. */
function kafkaUuid(): string {
  for (;;) {
    const id = randomBytes(16).toString("base64url");
    if (!id.startsWith("-")) return id;
  }
}

function damaged(file: string, why: string): CandlewireError {
  return new CandlewireError("stack.damaged", `Read ${file}: ${why}`, {
    retry: "operator",
    hint: "End the stack's processes by hand and delete the folder, or choose another with --dir",
  });
}
