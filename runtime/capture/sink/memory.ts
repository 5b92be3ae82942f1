import { partitionFor } from "../../change/partitioner.ts";
import type { CapturePosition, ChangeSink, SinkCapabilities, SinkHalves, SinkRecord } from "./change_sink.ts";

/** A sink in memory, for tests of what writes to one. Faults are named: `reject`, `failAfterWrite`, `hold`. */
export class MemorySink implements ChangeSink {
  readonly capabilities: SinkCapabilities;
  readonly halves?: SinkHalves;
  readonly records: (SinkRecord & { partition: number; offset: number })[] = [];
  readonly #partitions: number;
  readonly #next = new Map<string, number>();
  #position: CapturePosition | undefined;
  /** The next appends reject with these, one each; nothing is appended. */
  reject: Error[] = [];
  /** The next append is done and its answer lost. */
  failAfterWrite: Error | null = null;
  /** Appends wait for it. */
  hold: Promise<void> | null = null;

  /** `halves`: records and position are written apart, as in Kafka. */
  constructor(partitions = 4, options: { halves?: boolean } = {}) {
    this.#partitions = partitions;
    this.capabilities = { atomicAppend: options.halves !== true };
    if (options.halves === true) {
      this.halves = {
        write: (records) => this.append(records, this.#position!),
        store: (position) => this.append([], position),
      };
    }
  }

  async position(): Promise<CapturePosition | undefined> {
    return this.#position;
  }

  async append(records: readonly SinkRecord[], position: CapturePosition): Promise<void> {
    if (this.hold !== null) await this.hold;
    const refusal = this.reject.shift();
    if (refusal !== undefined) throw refusal;
    for (const record of records) {
      const partition = record.key === null ? 0 : partitionFor(record.key, this.#partitions);
      const at = `${record.topic}/${partition}`;
      const offset = this.#next.get(at) ?? 0;
      this.#next.set(at, offset + 1);
      this.records.push({ ...record, partition, offset });
    }
    this.#position = position;
    const lost = this.failAfterWrite;
    this.failAfterWrite = null;
    if (lost !== null) throw lost;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
