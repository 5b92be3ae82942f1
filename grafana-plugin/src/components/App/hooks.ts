import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { ControlApiError } from '../../api/control_api';
import type { Connection, Subscription } from '../../api/live_hub';
import { problemOf, type Problem } from '../../model/problem';
import type { Store } from '../../model/store';
import { useApp } from './AppContext';

/** A thrown value as a problem. */
export function asProblem(error: unknown): Problem {
  if (error instanceof ControlApiError) {
    return error.problem;
  }
  const detail = error instanceof Error ? error.message : String(error);
  return { ...problemOf({ status: 400, body: {}, what: '' }), kind: 'refused', title: 'This did not work', detail, hint: null };
}

export function useStore<Value>(store: Store<Value>): Value {
  return useSyncExternalStore(store.subscribe, store.get);
}

export function useConnection(): Connection {
  const { live } = useApp();
  return useSyncExternalStore(live.onConnection, live.connection);
}

/** What was read: the last good answer stays while a later reading fails. */
export type Reading<Answer> = {
  data: Answer | undefined;
  problem: Problem | undefined;
  loading: boolean;
  reload: () => void;
};

/**
 * Reads when the page opens, when `read` changes, and every `everyMs` while the page is shown. After a failure it goes on
 * with the period (or 5 s), so that a page mends itself.
 * @param read stable (useCallback); undefined reads nothing
 */
export function useReading<Answer>(
  read: ((signal: AbortSignal) => Promise<Answer>) | undefined,
  everyMs?: number
): Reading<Answer> {
  type State = { of: unknown; data?: Answer; problem?: Problem; loading: boolean };
  const [state, setState] = useState<State>({ of: read, loading: read !== undefined });
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (read === undefined) {
      return undefined;
    }
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const later = (waitMs: number | undefined) => {
      if (waitMs !== undefined && !controller.signal.aborted) {
        timer = setTimeout(() => void run(), waitMs);
      }
    };
    const run = async () => {
      if (document.hidden && everyMs !== undefined) {
        return later(everyMs);
      }
      try {
        const data = await read(controller.signal);
        if (!controller.signal.aborted) {
          setState({ of: read, data, loading: false });
          later(everyMs);
        }
      } catch (error) {
        if (!controller.signal.aborted) {
          const problem = asProblem(error);
          setState((last) => ({ of: read, data: last.of === read ? last.data : undefined, problem, loading: false }));
          later(Math.max(problem.retryAfterMs ?? 0, everyMs ?? 5000));
        }
      }
    };
    void run();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [read, everyMs, round]);
  const reload = useCallback(() => setRound((last) => last + 1), []);
  // An answer to another question is none.
  const own = state.of === read;
  return {
    data: own ? state.data : undefined,
    problem: own ? state.problem : undefined,
    loading: own ? state.loading : read !== undefined,
    reload,
  };
}

/** Listens to channels while the component is there. The handlers may change with each rendering. */
export function useLive(
  channels: readonly string[],
  symbol: string | undefined,
  handlers: Pick<Subscription, 'onEvent' | 'onGap' | 'onProblem'>
): void {
  const { live } = useApp();
  const latest = useRef(handlers);
  useEffect(() => {
    latest.current = handlers;
  });
  const key = channels.join(',');
  useEffect(() => {
    if (key === '') {
      return undefined;
    }
    return live.subscribe({
      channels: key.split(','),
      symbol,
      onEvent: (event) => latest.current.onEvent(event),
      onGap: (missed) => latest.current.onGap?.(missed),
      onProblem: (channel, problem) => latest.current.onProblem?.(channel, problem),
    });
  }, [live, key, symbol]);
}

/** Runs a change of state: one at a time, its failure kept until the next. */
export function useAction(): {
  busy: string | undefined;
  problem: Problem | undefined;
  run: (name: string, action: () => Promise<void>) => Promise<void>;
  clear: () => void;
} {
  const [busy, setBusy] = useState<string>();
  const [problem, setProblem] = useState<Problem>();
  const running = useRef(false);
  const run = useCallback(async (name: string, action: () => Promise<void>) => {
    if (running.current) {
      return;
    }
    running.current = true;
    setBusy(name);
    setProblem(undefined);
    try {
      await action();
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      running.current = false;
      setBusy(undefined);
    }
  }, []);
  return { busy, problem, run, clear: useCallback(() => setProblem(undefined), []) };
}

/** The width of an element, px; 0 until it is known. */
export function useWidth(): [(element: HTMLElement | null) => void, number] {
  const [width, setWidth] = useState(0);
  const observer = useRef<ResizeObserver | undefined>(undefined);
  const place = useCallback((element: HTMLElement | null) => {
    observer.current?.disconnect();
    if (element !== null) {
      observer.current = new ResizeObserver((entries) => setWidth(Math.floor(entries[0].contentRect.width)));
      observer.current.observe(element);
    }
  }, []);
  return [place, width];
}
