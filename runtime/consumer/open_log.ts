import { topicOf } from "../change/envelope.ts";
import type { KafkaLogin } from "../kafka/login.ts";
import type { ModuleContext } from "../host/module_context.ts";
import { TABLES } from "../market/table.ts";
import type { ChangeLog } from "./log/change_log.ts";
import { outer, RenamedLog } from "./log/renamed.ts";

/** Which log is read, and where it is. */
export type LogParameters =
  | { kind: "journal"; folder: string }
  | {
    kind: "kafka";
    login: KafkaLogin;
    /** The consumer group; all instances of a consumer name the same. */
    group: string;
    /** What stands before the tables' names in topics; `binance.public.` without it. */
    topicPrefix?: string;
  };

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
    case "kafka": {
      const { KafkaLog } = await import("./log/kafka.ts");
      const { login, group, topicPrefix } = parameters;
      const topics = TABLES.map(topicOf);
      const log = new KafkaLog(login, {
        group,
        clientId: context.name,
        secrets: context.secrets,
        topics: topicPrefix === undefined ? topics : topics.map((topic) => outer(topic, topicPrefix)),
        log: context.log.bind(context),
        count: (name, by) => context.metrics.count(name, by),
      });
      // Its fetches wait at the broker for new records; it keeps the positions itself.
      return {
        log: topicPrefix === undefined ? log : new RenamedLog(log, topicPrefix),
        notify: () => {},
        acknowledgedByCall: false,
      };
    }
  }
}
