/**
 * Stops kafkajs' consumer loop just while it makes its fetchers anew, and prints what became of it. A program of its own, for
 * the loop that it is about lets nothing else run: whoever starts it ends it.
 */
import Runner from "kafkajs/src/consumer/runner.js";
import { mendDriver } from "../mend_kafka.ts";

if (!Deno.args.includes("--as-it-is")) mendDriver();

const silent = { debug() {}, info() {}, warn() {}, error() {}, namespace: () => silent };
const slow = Promise.withResolvers<unknown[]>();
let brokers = [1, 2];
let fetches = 0;
const runner = new Runner({
  logger: silent,
  consumerGroup: {
    connect: () => Promise.resolve(),
    joinAndSync: () => Promise.resolve(),
    heartbeat: () => Promise.resolve(),
    leave: () => Promise.resolve(),
    getNodeIds: () => brokers,
    // Broker 1 takes its time; by the answer of broker 2 another has come in its place.
    fetch: async (node: number) => {
      fetches++;
      if (node === 1) return await slow.promise;
      brokers = [1, 3];
      return [];
    },
  },
  instrumentationEmitter: { emit() {} },
  concurrency: 1,
  retry: {},
  onCrash: () => {},
});
await runner.start();
while (fetches < 2) await new Promise((resolve) => setTimeout(resolve, 1));
// The fetcher of broker 2 has failed by now, and that of broker 1 is waited for.
await new Promise((resolve) => setTimeout(resolve, 20));
const stopped = runner.stop();
slow.resolve([]);
await stopped;
console.log("stopped");
