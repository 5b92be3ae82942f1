import { CandlewireError } from "../../../runtime/error.ts";
import type { Instance } from "../instance/instance.ts";
import { cassandraChannel } from "./cassandra_channel.ts";
import { parsePath } from "./channel_spec.ts";
import { controlChannel } from "./control_channel.ts";

/** The packets of a channel, by the control API where it is configured, else by Cassandra. Throws `plugin.bad_query` for a path that is none. */
export function runChannel(instance: Instance, path: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const spec = parsePath(path);
  if (spec === undefined) {
    throw new CandlewireError("plugin.bad_query", `Stream ${path}: there is no such channel`);
  }
  if (instance.control !== undefined) return controlChannel(spec, instance, signal);
  if (spec.kind === "pipeline") {
    throw new CandlewireError("plugin.bad_query", "Stream the pipeline: the data source has no control API", {
      hint: "Set controlUrl",
    });
  }
  return cassandraChannel(spec, instance, signal);
}
