import { useEffect, useState } from 'react';
import { EventStream } from '../../../../runtime/console/event_stream.js';
import { streamProblem, type StreamProblem } from '../../api/live_hub';
import type { LogLine } from '../../api/types';
import { pathOf } from '../../model/address';
import { addLines, LINES_KEPT } from '../../model/log_lines';
import type { Problem } from '../../model/problem';
import { useApp } from '../App/AppContext';

export type Log = {
  /** Oldest first, bounded. */
  lines: readonly LogLine[];
  problem: Problem | undefined;
  /** The stream is open. */
  open: boolean;
  /** Lines that were lost on the way. */
  missing: number;
};

const NONE: Log = { lines: [], problem: undefined, open: false, missing: 0 };

/** The kept lines of a module and then new ones as they come; lines of one animation frame are shown together. */
export function useLog(name: string): Log {
  const { api } = useApp();
  const [log, setLog] = useState<Log>(NONE);
  useEffect(() => {
    let waiting: LogLine[] = [];
    let frame = 0;
    const flush = () => {
      frame = 0;
      const more = waiting;
      waiting = [];
      setLog((last) => ({ ...last, lines: addLines(last.lines, more) }));
    };
    const stream = new EventStream(api.readAddress(`modules/${pathOf(name)}/logs`), {
      onEvent: ({ event, data }: { event: string; data: string }) => {
        const body = JSON.parse(data) as { line?: LogLine; dropped?: number };
        if (event === 'log' && body.line !== undefined) {
          waiting.push(body.line);
          // A hidden page draws no frames, so that nothing is taken away meanwhile (I10).
          if (waiting.length > 2 * LINES_KEPT) {
            waiting = waiting.slice(-LINES_KEPT);
          }
          frame = frame === 0 ? requestAnimationFrame(flush) : frame;
        } else if (event === 'gap') {
          setLog((last) => ({ ...last, missing: last.missing + (body.dropped ?? 0) }));
        }
      },
      onState: (state: string, failure: StreamProblem | null) => {
        const problem = failure === null ? undefined : streamProblem(failure);
        setLog((last) => ({ ...last, open: state === 'open', problem: state === 'connecting' ? last.problem : problem }));
      },
    });
    return () => {
      stream.close();
      cancelAnimationFrame(frame);
    };
  }, [api, name]);
  return log;
}
