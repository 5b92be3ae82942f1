import type { EventEmitter } from "node:events";
import { types } from "cassandra-driver";
import ControlConnection from "cassandra-driver/lib/control-connection.js";

type Connection = EventEmitter & { endpoint: string; closeAsync(): Promise<void> };
type Host = EventEmitter & {
  pool: EventEmitter & { connections: readonly Connection[] };
  isUp(): boolean;
  initializePool(): void;
  _onNewConnectionOpen(): Promise<void>;
};
type Control = {
  initialized: boolean;
  connection: Connection | null;
  host: Host | null;
  hosts: { get(endpoint: string): Host | undefined; values(): readonly Host[] };
  _profileManager: { getDistance(host: Host): number };
  _isShuttingDown: boolean;
  _refresh(this: Control, hosts?: unknown): Promise<void>;
  _initializeConnection(this: Control): Promise<void>;
  _createConnection(this: Control, contactPoint: string): Promise<Connection>;
  _setLocalInfo(
    this: Control,
    initializing: boolean,
    isCurrent: boolean,
    connection: Connection,
    rows: unknown,
  ): void;
  _setHealthListeners(this: Control, host: Host, connection: Connection): void;
};

/** What is known of one control connection. */
type Known = {
  /** The refresh under way. */
  refreshing?: Promise<void>;
  /** Asked for once more meanwhile. */
  again: boolean;
  /** Takes the health listeners off. */
  unlisten?: () => void;
  /** Connections that the search under way has opened. */
  opened: Connection[];
};

let mended = false;

/**
 * Mends cassandra-driver 4.10.0, which is pinned, where it comes back from an outage of all nodes: its control connection then
 * begins anew from the contact points, as if it were the first time.
 *
 * - It listened to the health of what it uses twice, so that after the next outage two refreshes ran at once, then more. Each
 *   took away the host that another was about to use: `host.once` of null, in a timer, and an unhandled rejection ends the
 *   process. There is one set of listeners and one refresh at a time; what asks meanwhile gets another after it.
 * - A connection that its pool removed, because a heartbeat failed, was kept when the pool had another. It is a loss too.
 * - It made a second host of an address that it knows, and the first went on connecting beside it. The known one is kept.
 * - Hosts that it found at new addresses were up without a connection, and never got one. They get it.
 * - Connections that it tried and could not use, or had when it was shut down, stayed open. They are closed.
 *
 * Once a process; idempotent.
 */
export function mendDriver(): void {
  if (mended) return;
  mended = true;
  const control = ControlConnection.prototype as Control;
  const controls = new WeakMap<Control, Known>();
  const knownOf = (of: Control): Known => {
    const known = controls.get(of) ?? { again: false, opened: [] };
    controls.set(of, known);
    return known;
  };

  const refresh = control._refresh;
  control._refresh = function (hosts) {
    // With hosts it is a refresh that goes on with the next of them.
    if (hosts !== undefined) return refresh.call(this, hosts);
    const known = knownOf(this);
    known.again = known.refreshing !== undefined;
    known.refreshing ??= (async () => {
      try {
        do {
          known.again = false;
          await refresh.call(this);
          // One that found nobody has set a timer for the next.
        } while (known.again && this.connection !== null && !this._isShuttingDown);
      } finally {
        known.refreshing = undefined;
      }
    })();
    return known.refreshing;
  };

  control._setHealthListeners = function (host, connection) {
    const known = knownOf(this);
    known.unlisten?.();
    let told = false;
    const lost = () => {
      // The pool's listener sets the host down while the socket's close is still being told.
      if (told) return;
      told = true;
      known.unlisten?.();
      if (!this._isShuttingDown) void this._refresh();
    };
    const removed = () => {
      if (!host.pool.connections.includes(connection)) lost();
    };
    known.unlisten = () => {
      host.off("down", lost).off("ignore", lost);
      host.pool.off("remove", removed);
      connection.off("socketClose", lost);
    };
    host.on("down", lost).on("ignore", lost);
    host.pool.on("remove", removed);
    connection.on("socketClose", lost);
  };

  const setLocalInfo = control._setLocalInfo;
  control._setLocalInfo = function (initializing, isCurrent, connection, rows) {
    const isNew = initializing && this.hosts.get(connection.endpoint) === undefined;
    setLocalInfo.call(this, isNew, isCurrent, connection, rows);
  };

  const create = control._createConnection;
  control._createConnection = async function (contactPoint) {
    const connection = await create.call(this, contactPoint);
    knownOf(this).opened.push(connection);
    return connection;
  };

  const initialize = control._initializeConnection;
  control._initializeConnection = async function () {
    const known = knownOf(this);
    const isReturn = this.initialized;
    let used: Connection | null = null;
    try {
      await initialize.call(this);
      used = this.connection;
      // Its pool has a connection now, so that it will not open the one that would say so.
      if (this.host?.isUp() === false) this.host._onNewConnectionOpen().catch(() => {});
      for (const host of isReturn && !this._isShuttingDown ? this.hosts.values() : []) {
        if (this._profileManager.getDistance(host) !== types.distance.ignored) host.initializePool();
      }
    } catch (error) {
      // Else who asks it meanwhile would ask a connection that is about to be closed.
      [this.host, this.connection] = [null, null];
      throw error;
    } finally {
      for (const connection of known.opened.splice(0)) {
        if (connection !== used || this._isShuttingDown) connection.closeAsync().catch(() => {});
      }
    }
  };
}
