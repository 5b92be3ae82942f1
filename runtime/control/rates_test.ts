import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { MemoryModuleHost } from "./memory_module_host.ts";
import { Rates } from "./rates.ts";

Deno.test("a counter per second, over its label sets; gauges have no rate", () => {
  const host = new MemoryModuleHost();
  const module = host.add("consumer", { cpuSeconds: 1 });
  const rates = new Rates();
  module.metrics = { 'rows_total{table="a"}': 10, lag: 5 };
  rates.sample(host.modules(), 1_000);
  assert.equal(rates.rate("consumer", "rows_total"), null);
  module.metrics = { 'rows_total{table="a"}': 30, 'rows_total{table="b"}': 4, lag: 9 };
  module.cpuSeconds = 1.5;
  rates.sample(host.modules(), 3_000);
  assert.equal(rates.rate("consumer", "rows_total"), 12);
  assert.deepEqual(rates.ratesOf("consumer"), { 'rows_total{table="a"}': 10, 'rows_total{table="b"}': 2 });
  assert.equal(rates.cpuPercent("consumer"), 25);
  assert.equal(rates.rate("nobody", "rows_total"), null);
});

Deno.test("a restarted module counts from zero; a removed one is forgotten", () => {
  const host = new MemoryModuleHost();
  const module = host.add("consumer", { metrics: { rows_total: 1_000_000 } });
  const rates = new Rates();
  rates.sample(host.modules(), 0);
  module.metrics = { rows_total: 50 };
  rates.sample(host.modules(), 1_000);
  assert.equal(rates.rate("consumer", "rows_total"), 50);
  module.epoch++;
  rates.sample(host.modules(), 2_000);
  assert.equal(rates.rate("consumer", "rows_total"), null);
  rates.sample([], 3_000);
  assert.deepEqual(rates.ratesOf("consumer"), {});
});

Deno.test("latency of the last minute from buckets", () => {
  const host = new MemoryModuleHost();
  const module = host.add("consumer");
  const rates = new Rates();
  const metrics = (fast: number, slow: number, sum: number) => ({
    'store_seconds_bucket{le="0.01"}': fast,
    'store_seconds_bucket{le="0.1"}': fast + slow,
    'store_seconds_bucket{le="+Inf"}': fast + slow,
    store_seconds_sum: sum,
    store_seconds_count: fast + slow,
  });
  module.metrics = metrics(1000, 0, 5);
  rates.sample(host.modules(), 0);
  assert.equal(rates.latency("consumer", "store_seconds"), null);
  module.metrics = metrics(1080, 20, 6);
  rates.sample(host.modules(), 1_000);
  const { p50, p99, mean } = rates.latency("consumer", "store_seconds")!;
  assert.deepEqual([p50!.toFixed(5), p99!.toFixed(4), mean], ["0.00625", "0.0955", 0.01]);
});

Deno.test("property: a rate is never negative, whatever the counters do", () => {
  const seed = testSeed("rates");
  fc.assert(
    fc.property(
      fc.array(fc.record({ value: fc.nat(), atMs: fc.nat(100_000), epoch: fc.nat(2) }), { minLength: 2 }),
      (samples) => {
        const host = new MemoryModuleHost();
        const module = host.add("consumer");
        const rates = new Rates();
        for (const { value, atMs, epoch } of samples) {
          Object.assign(module, { metrics: { rows_total: value }, epoch });
          rates.sample(host.modules(), atMs);
          const rate = rates.rate("consumer", "rows_total");
          if (rate !== null && !(rate >= 0 && Number.isFinite(rate))) return false;
        }
        return true;
      },
    ),
    { seed, numRuns: 300 },
  );
});
