import { CandlewireError } from "../error.ts";

/** What a stack is made of. */
export const STACK_PARTS = ["postgres", "kafka", "connect", "cassandra"] as const;
/** One of them. */
export type StackPart = typeof STACK_PARTS[number];

/** Ports of the stack; brokers and nodes have the same ports on addresses of their own (127.0.0.1, .2, .3). */
export type StackPorts = {
  postgres: number;
  kafka: number;
  /** Among brokers only. */
  kafkaController: number;
  connect: number;
  cassandra: number;
  /** Among nodes only. */
  cassandraStorage: number;
};

/** Greatest heap of one server of each kind, MB. */
export type StackHeaps = { kafka: number; connect: number; cassandra: number };

/** What a stack is, complete; kept in its folder, so that a later `up` without flags starts the same one. */
export type StackSettings = {
  parts: StackPart[];
  brokers: number;
  nodes: number;
  ports: StackPorts;
  heapsMb: StackHeaps;
  /** Compile with the JVM's first compiler alone: servers start with little more than half of the work and serve slower. For tests. */
  quickStart: boolean;
  /** Lines of every broker's `server.properties`, and members of every node's `cassandra.yaml`, beside or instead of ours. For tests. */
  kafkaProperties?: Record<string, string | number>;
  cassandraYaml?: Record<string, unknown>;
};

/** What a caller asks for; what is left out is as it was, or by default. */
export type StackWishes = {
  parts?: StackPart[];
  brokers?: number;
  nodes?: number;
  /** 0 takes a free port, which is kept. */
  ports?: Partial<StackPorts>;
  heapsMb?: Partial<StackHeaps>;
  quickStart?: boolean;
  kafkaProperties?: Record<string, string | number>;
  cassandraYaml?: Record<string, unknown>;
};

/** Ports unless told otherwise: those the servers' own documentation has. */
export const DEFAULT_PORTS: StackPorts = {
  postgres: 54329,
  kafka: 9092,
  kafkaController: 9093,
  connect: 8083,
  cassandra: 9042,
  cassandraStorage: 7000,
};

/** The flag that changes a port. */
export const PORT_FLAGS: Record<keyof StackPorts, string> = {
  postgres: "--postgres-port",
  kafka: "--kafka-port",
  kafkaController: "--kafka-controller-port",
  connect: "--connect-port",
  cassandra: "--cassandra-port",
  cassandraStorage: "--cassandra-storage-port",
};

/** Heaps of a stack of one server a kind, and of one of several, which has to fit a machine of 24 GiB. */
export function defaultHeaps(brokers: number, nodes: number): StackHeaps {
  return { kafka: brokers > 1 ? 384 : 512, connect: 768, cassandra: nodes > 1 ? 768 : 1024 };
}

/**
 * What was recorded, changed by what is asked for. Throws `stack.settings` for what no stack can be, and
 * `stack.size_changed` when servers' data were laid out for another number of them. Pure but for `freePort`.
 */
export function settleSettings(
  recorded: StackSettings | undefined,
  wishes: StackWishes,
  freePort: () => number,
): StackSettings {
  const brokers = wishes.brokers ?? recorded?.brokers ?? 1;
  const nodes = wishes.nodes ?? recorded?.nodes ?? 1;
  for (const [flag, count] of [["--brokers", brokers], ["--nodes", nodes]] as const) {
    if (!Number.isInteger(count) || count < 1 || count > 3) {
      throw problem(
        `Make a stack with ${flag} ${count}`,
        "Give 1, 2 or 3: each has a loopback address of its own",
      );
    }
  }
  if (recorded !== undefined) checkSize(recorded, brokers, nodes);
  const parts = STACK_PARTS.filter((part) => (wishes.parts ?? recorded?.parts ?? STACK_PARTS).includes(part));
  if (parts.length === 0) {
    throw problem("Make a stack of nothing", `Name some of ${STACK_PARTS.join(", ")} with --only`);
  }
  if (parts.includes("connect") && !parts.includes("kafka")) {
    throw problem(
      "Start connect without kafka",
      "Connect keeps its state in Kafka: use --only kafka,connect",
    );
  }
  const quickStart = wishes.quickStart ?? recorded?.quickStart ?? false;
  const heapsMb = { ...defaultHeaps(brokers, nodes), ...recorded?.heapsMb, ...defined(wishes.heapsMb) };
  for (const [name, heap] of Object.entries(heapsMb)) {
    if (!Number.isInteger(heap) || heap < 128 || heap > 65_536) {
      throw problem(`Give ${name} a heap of ${heap} MB`, `--${name}-heap takes 128m to 64g`);
    }
  }
  const kafkaProperties = wishes.kafkaProperties ?? recorded?.kafkaProperties;
  const cassandraYaml = wishes.cassandraYaml ?? recorded?.cassandraYaml;
  return {
    parts,
    brokers,
    nodes,
    ports: settlePorts(recorded, wishes, freePort),
    heapsMb,
    quickStart,
    ...(kafkaProperties === undefined ? {} : { kafkaProperties }),
    ...(cassandraYaml === undefined ? {} : { cassandraYaml }),
  };
}

function settlePorts(
  recorded: StackSettings | undefined,
  wishes: StackWishes,
  freePort: () => number,
): StackPorts {
  const ports = { ...DEFAULT_PORTS, ...recorded?.ports, ...defined(wishes.ports) };
  const names = Object.keys(ports) as (keyof StackPorts)[];
  const taken = new Map<number, string>();
  const take = (name: keyof StackPorts) => {
    const port = ports[name];
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw problem(
        `Use ${PORT_FLAGS[name]} ${port}`,
        "A port is a whole number from 1 to 65535, or 0 for a free one",
      );
    }
    const other = taken.get(port);
    if (other !== undefined) {
      throw problem(`Use port ${port} for ${other} and ${PORT_FLAGS[name]}`, "Give each a port of its own");
    }
    taken.set(port, PORT_FLAGS[name]);
  };
  // A free port is the stack's own from then on: asked for again, it stays.
  for (const name of names) {
    if (ports[name] === 0 && recorded !== undefined) ports[name] = recorded.ports[name];
  }
  for (const name of names) if (ports[name] !== 0) take(name);
  for (const name of names) {
    if (ports[name] !== 0) continue;
    do ports[name] = freePort(); while (taken.has(ports[name]));
    take(name);
  }
  return ports;
}

function checkSize(recorded: StackSettings, brokers: number, nodes: number): void {
  if (recorded.brokers === brokers && recorded.nodes === nodes) return;
  throw new CandlewireError(
    "stack.size_changed",
    `Make a stack of ${brokers} broker(s) and ${nodes} node(s): the folder holds one of ${recorded.brokers} and ${recorded.nodes}`,
    {
      retry: "operator",
      hint:
        "Use another folder with --dir, or delete this stack and its data with: deno task stack down --remove",
    },
  );
}

function defined<T extends object>(value: T | undefined): Partial<T> {
  return Object.fromEntries(
    Object.entries(value ?? {}).filter(([, inner]) => inner !== undefined),
  ) as Partial<T>;
}

function problem(message: string, hint: string): CandlewireError {
  return new CandlewireError("stack.settings", message, { retry: "operator", hint });
}
