import type { KafkaLogin } from "../kafka/login.ts";
import type { ModuleContext } from "../host/module_context.ts";
import type { ChangeLog } from "./log/change_log.ts";

/** Which log is read, and where it is. */
export type LogParameters =
  | { kind: "journal"; folder: string }
  | { kind: "kafka"; login: KafkaLogin; group: string };

/** A log and how it is told of things that the port knows nothing of. */
export type OpenLog = {
  log: ChangeLog;
  /** Something was appended: look at once. */
  notify(): void;
  /** True when the log's retention follows what capture is told; a log that keeps positions itself needs no such call. */
  acknowledgedByCall: boolean;
};

/** Opens the log; its adapter and driver are loaded only here, so that no profile carries the other's. */
export async function openLog(parameters: LogParameters, context: ModuleContext): Promise<OpenLog> {
  switch (parameters.kind) {
    case "journal": {
      const { JournalLog } = await import("./log/journal.ts");
      const log = new JournalLog(parameters.folder, { origin: context.origin });
      return { log, notify: () => log.notify(), acknowledgedByCall: true };
    }
    case "kafka":
      throw new Error("not yet");
  }
}
