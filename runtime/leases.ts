import { errorText } from "./error.ts";
import type { OwnedModuleHost } from "./host/host.ts";
import { keepLease, type Lease } from "./postgres/lease_postgres.ts";
import { readFence } from "./postgres/migrate_postgres.ts";
import type { PostgresEndpoint } from "./postgres/server.ts";
import type { Profile, Role } from "./profile.ts";

/**
 * How far a new holder's epoch lies above the last: more than a host that was held up, and is back before it notices that its
 * lease is lost, starts its module anew.
 */
const STARTS_BETWEEN = 1000;

/** The leases of what must be single among several hosts. */
export type Leases = AsyncDisposable & {
  /** Modules that are started here and not before. */
  readonly modules: readonly string[];
  /** What other hosts hold, for readiness. */
  waiting: () => Record<string, string>;
  /** Asks for the leases; what they guard runs while they are held. */
  start(): void;
};

/**
 * Runs producer and capture only while this host holds their leases. Without an endpoint (embedded: the data folder's
 * lock is lease enough) nothing is leased.
 */
export function keepLeases(options: {
  endpoint: PostgresEndpoint | undefined;
  roles: readonly Role[];
  host: OwnedModuleHost;
  keepers: Profile["keepers"];
  print: (line: string) => void;
}): Leases {
  const { endpoint, host, keepers, print } = options;
  const roles = endpoint === undefined
    ? []
    : options.roles.filter((role) =>
      role !== "consumer" && (host.module(role) ?? keepers[role]) !== undefined
    );
  const leases: Lease[] = [];
  const kept = new Map<Role, AsyncDisposable>();
  const release = async (role: Role) => {
    const keeper = kept.get(role);
    kept.delete(role);
    await keeper?.[Symbol.asyncDispose]();
  };
  const report = (level: string, message: string) => print(`${level}: ${message}`);

  const keep = (role: Role): Lease =>
    keepLease(endpoint!, role, {
      holder: `${Deno.hostname()} process ${Deno.pid}`,
      report,
      async onHeld() {
        // The host before this one counts for itself, one a start; whatever it starts yet must stay below ours.
        host.raiseEpoch(role, await readFence(endpoint!, role) + STARTS_BETWEEN);
        const keeper = await keepers[role]?.();
        if (keeper !== undefined) kept.set(role, keeper);
        if (host.module(role) === undefined) return;
        // Not waited for: it runs once its servers answer, and until then a stop or a loss of the lease must get through.
        // What comes after its start is the supervisor's.
        void host.start(role).catch((error) => report("warn", `Start ${role}: ${errorText(error)}`));
      },
      async onLost() {
        await release(role);
        if (host.module(role) !== undefined) await host.stop(role);
      },
    });

  return {
    modules: roles.filter((role) => host.module(role) !== undefined),
    waiting: () =>
      Object.fromEntries(
        leases.filter(({ held }) => !held).map(({ name, detail }) => [`lease.${name}`, detail]),
      ),
    start() {
      leases.push(...roles.map(keep));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(leases.map((lease) => lease[Symbol.asyncDispose]()));
      for (const role of roles) await release(role);
    },
  };
}
