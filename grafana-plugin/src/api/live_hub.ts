import { EventStream } from '../../../runtime/console/event_stream.js';
import { problemOf, type Problem } from '../model/problem';
import type { LiveEvent, Marked } from './types';

export type Connection =
  /** Nobody listens. */
  | { state: 'idle' }
  | { state: 'connecting' }
  | { state: 'live' }
  /** The page is hidden: nothing is read until it is shown again. */
  | { state: 'paused' }
  | { state: 'waiting'; problem: Problem; retryAt: number };

export type Subscription = {
  channels: string[];
  /** Narrows the market channels. */
  symbol?: string;
  onEvent(event: LiveEvent): void;
  /** Events of these channels are missing: read them again. */
  onGap?(channels: string[]): void;
  /** The snapshot of a channel could not be read; its changes still come. */
  onProblem?(channel: string, problem: Problem): void;
};

/** A tab that is hidden for less than this goes on, so that a short look elsewhere costs no new snapshots. */
const HIDDEN_MS = 10_000;

type Body = Partial<Marked> & Partial<LiveEvent> & { channels?: string[]; reason?: string; problem?: unknown };

/**
 * The one event stream of the app. Parts of pages subscribe to channels; when their union changes, a new stream is opened,
 * which begins with fresh snapshots. It comes back by itself (backoff, Last-Event-ID) and pauses while the page is hidden.
 */
export class LiveHub {
  readonly #subscriptions = new Set<Subscription>();
  readonly #listeners = new Set<() => void>();
  readonly #addressOf: (parameters: { channels: string; symbols: string }) => string;
  readonly #onMarked: (marked: Marked) => void;
  #stream: EventStream | undefined;
  #address = '';
  #connection: Connection = { state: 'idle' };
  #reopen: ReturnType<typeof setTimeout> | undefined;
  #hide: ReturnType<typeof setTimeout> | undefined;

  constructor(options: {
    addressOf: (parameters: { channels: string; symbols: string }) => string;
    onMarked: (marked: Marked) => void;
  }) {
    this.#addressOf = options.addressOf;
    this.#onMarked = options.onMarked;
  }

  /** Follows the page's visibility; returns the end. */
  start(): () => void {
    document.addEventListener('visibilitychange', this.#visibility);
    addEventListener('online', this.retryNow);
    this.#schedule();
    return () => {
      document.removeEventListener('visibilitychange', this.#visibility);
      removeEventListener('online', this.retryNow);
      clearTimeout(this.#reopen);
      clearTimeout(this.#hide);
      this.#close({ state: 'idle' });
    };
  }

  /** Returns the unsubscription. */
  subscribe(subscription: Subscription): () => void {
    this.#subscriptions.add(subscription);
    this.#schedule();
    return () => {
      this.#subscriptions.delete(subscription);
      this.#schedule();
    };
  }

  /** For `useSyncExternalStore`. */
  onConnection = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  connection = (): Connection => this.#connection;

  /** Tries at once, if it is waiting to. */
  retryNow = (): void => this.#stream?.retryNow();

  readonly #visibility = (): void => {
    clearTimeout(this.#hide);
    if (document.hidden) {
      this.#hide = setTimeout(() => this.#close({ state: 'paused' }), HIDDEN_MS);
    } else {
      this.#schedule();
      this.#stream?.retryNow();
    }
  };

  #schedule(): void {
    clearTimeout(this.#reopen);
    // Going to another page unsubscribes and subscribes: one reconnection for both.
    this.#reopen = setTimeout(() => this.#open(), 30);
  }

  #close(connection: Connection): void {
    this.#stream?.close();
    this.#stream = undefined;
    this.#address = '';
    this.#set(connection);
  }

  #open(): void {
    const channels = new Set<string>();
    const symbols = new Set<string>();
    for (const subscription of this.#subscriptions) {
      subscription.channels.forEach((channel) => channels.add(channel));
      if (subscription.symbol !== undefined) {
        symbols.add(subscription.symbol);
      }
    }
    if (channels.size === 0) {
      return this.#close({ state: 'idle' });
    }
    if (document.hidden && this.#connection.state === 'paused') {
      return;
    }
    const address = this.#addressOf({
      channels: [...channels].sort().join(','),
      symbols: [...symbols].sort().join(','),
    });
    if (address === this.#address) {
      return;
    }
    this.#stream?.close();
    this.#address = address;
    this.#set({ state: 'connecting' });
    this.#stream = new EventStream(address, {
      onEvent: (event: { event: string; data: string }) => this.#receive(event),
      onState: (state: string, problem: StreamProblem | null, retryInMs: number) => {
        if (state === 'open') {
          this.#set({ state: 'live' });
        } else if (state === 'waiting' && problem !== null) {
          this.#set({ state: 'waiting', problem: streamProblem(problem), retryAt: Date.now() + retryInMs });
        }
      },
    });
  }

  #receive({ event, data }: { event: string; data: string }): void {
    let body: Body;
    try {
      body = JSON.parse(data) as Body;
    } catch {
      // The control API sends JSON only; a line that is none comes from something in between.
      return;
    }
    if (body.origin !== undefined && typeof body.simulated === 'boolean') {
      this.#onMarked({ origin: body.origin, simulated: body.simulated });
    }
    if (event === 'gap') {
      // `too_old`: fresh snapshots follow by themselves.
      if (body.reason !== 'too_old') {
        this.#tell(body.channels ?? [], (subscription, channels) => subscription.onGap?.(channels));
      }
    } else if (event === 'problem') {
      const problem = problemOf({ status: statusOf(body.problem), body: body.problem, what: `Read ${body.channel}` });
      this.#tell([body.channel ?? ''], (subscription, [channel]) => subscription.onProblem?.(channel, problem));
    } else if (body.channel !== undefined) {
      this.#tell([body.channel], (subscription) => {
        const symbol = body.symbol ?? null;
        if (subscription.symbol === undefined || symbol === null || symbol === subscription.symbol) {
          subscription.onEvent(body as LiveEvent);
        }
      });
    }
  }

  #tell(channels: string[], call: (subscription: Subscription, channels: string[]) => void): void {
    for (const subscription of this.#subscriptions) {
      const own = channels.filter((channel) => subscription.channels.includes(channel));
      if (own.length > 0) {
        call(subscription, own);
      }
    }
  }

  #set(connection: Connection): void {
    this.#connection = connection;
    this.#listeners.forEach((listener) => listener());
  }
}

/** What the console's stream tells of a failure. */
export type StreamProblem = { status: number; code: string; message: string; hint: string | null };

/** A stream's failure in the app's own words. */
export function streamProblem({ status, code, message, hint }: StreamProblem): Problem {
  // The console's stream makes up a code when the answer had none; then another party than the control API answered.
  const made = code.startsWith('console.') || code.startsWith('http.');
  const problem = problemOf({ status, body: made ? {} : { code, detail: message, hint }, what: 'Read events' });
  return status === 0 ? { ...problem, title: 'The event stream broke off', detail: message } : problem;
}

function statusOf(problem: unknown): number {
  const status = (problem as { status?: unknown } | undefined)?.status;
  return typeof status === 'number' ? status : 503;
}
