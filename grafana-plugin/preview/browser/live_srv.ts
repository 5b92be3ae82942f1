import {
  type DataQueryResponse,
  LiveChannelConnectionState,
  LiveChannelEventType,
  LoadingState,
  StreamingDataFrame,
} from "@grafana/data";
import type { GrafanaLiveSrv, LiveDataStreamOptions } from "@grafana/runtime";
import { NEVER, Observable, of } from "rxjs";

/** Grafana Live for data sources' channels: frames come over an event stream of the mini host in place of a websocket. */
export function newLiveSrv(): GrafanaLiveSrv {
  return {
    getConnectionState: () => of(true),
    getDataStream: follow,
    getStream: (address) =>
      of({
        type: LiveChannelEventType.Status,
        id: `${address.scope}/${address.stream}/${address.path}`,
        timestamp: Date.now(),
        state: LiveChannelConnectionState.Connected,
      }),
    getPresence: () => Promise.reject(new Error("The mini host has no presence")),
    publish: () => Promise.reject(new Error("The mini host publishes nothing")),
  };
}

/** A channel's frames, kept as long as Grafana keeps them; it ends when nobody follows. */
function follow({ addr, frame, buffer, key }: LiveDataStreamOptions): Observable<DataQueryResponse> {
  if (addr.scope !== "ds") return NEVER;
  return new Observable((subscriber) => {
    let kept: StreamingDataFrame | undefined = frame === undefined
      ? undefined
      : StreamingDataFrame.fromDataFrameJSON(frame, buffer);
    const tell = () => {
      if (kept !== undefined) subscriber.next({ data: [kept], key, state: LoadingState.Streaming });
    };
    tell();
    const events = new EventSource(`/api/preview-live?path=${encodeURIComponent(addr.path)}`);
    events.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (kept === undefined) kept = StreamingDataFrame.fromDataFrameJSON(message, buffer);
      else kept.push(message);
      tell();
    };
    return () => events.close();
  });
}
