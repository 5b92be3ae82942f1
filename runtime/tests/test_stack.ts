/** The servers that tests of the cluster profile use; a single-node stack unless a test says otherwise. */
export type TestStack = {
  /** `host:port` of the brokers; topics are not created automatically. */
  kafka: string[];
  /** REST address of the Connect worker, which has Debezium's PostgreSQL connector and the `file` configuration provider. */
  connect: string;
  /** No authentication. */
  cassandra: { contactPoints: string[]; port: number; localDataCenter: string };
  /** A properties file that the worker may read: `${file:<this>:key}`; key `capturePassword` is there. */
  connectSecretsFile: string;
};

/** Variable in which the test runner tells tests of the servers it started. */
const VARIABLE = "CANDLEWIRE_TEST_STACK";
/** Variable in which it says why it started none. */
const REASON_VARIABLE = "CANDLEWIRE_TEST_STACK_REASON";

/**
 * The servers of this test run; undefined when there are none. Tests share them: take topic prefixes, groups, keyspaces
 * and connector names of your own and remove them at the end.
 */
export function testStack(): TestStack | undefined {
  const text = Deno.env.get(VARIABLE);
  if (text === undefined || text === "") return undefined;
  const value = JSON.parse(text) as TestStack;
  if (!Array.isArray(value.kafka) || typeof value.connect !== "string" || value.cassandra === undefined) {
    throw new Error(`Read ${VARIABLE}: it holds ${text.slice(0, 200)}`);
  }
  return value;
}

/** Why there are no servers; empty when there are. */
export const stackReason: string = testStack() !== undefined
  ? ""
  : Deno.env.get(REASON_VARIABLE) || `${VARIABLE} is not set: run deno task test`;

/**
 * Skips a test where there are no servers, and says why in its name:
 * `Deno.test({ name: stackName("…"), ...stackIgnore, fn })`.
 */
export const stackIgnore: { ignore: boolean } = { ignore: testStack() === undefined };

/** A test's name, with the reason when it will be skipped. */
export function stackName(name: string): string {
  return stackReason === "" ? name : `${name} (skipped: ${stackReason})`;
}

/** The servers, for a test that {@linkcode stackIgnore} guards. */
export function needStack(): TestStack {
  const stack = testStack();
  if (stack === undefined) throw new Error(`No servers: ${stackReason}`);
  return stack;
}
