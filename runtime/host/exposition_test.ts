import assert from "node:assert/strict";
import { isMetricKey, metricsText } from "./exposition.ts";
import { ChildMetrics } from "./child_metrics.ts";

Deno.test("metricsText() groups names over modules and puts the module's label first", () => {
  const types = new Map([["a_total", "counter"], ["b_seconds", "histogram"]]);
  const one = {
    types,
    values: new Map([["a_total", 1], ['b_seconds_bucket{le="+Inf"}', 2], ["b_seconds_sum", 0.5]]),
  };
  const two = { types, values: new Map([['a_total{t="x"}', 3]]) };
  assert.equal(
    metricsText([["m1", one], ["m2", two]]),
    '# TYPE a_total counter\na_total{module="m1"} 1\na_total{module="m2",t="x"} 3\n' +
      '# TYPE b_seconds histogram\nb_seconds_bucket{module="m1",le="+Inf"} 2\nb_seconds_sum{module="m1"} 0.5\n',
  );
});

Deno.test("isMetricKey() refuses keys that would break the format or speak for another module", () => {
  for (const key of ["a_total", 'a{b="c"}', 'a{b="c",d="e \\" f"}', 'a{b="UTF-8 ✓"}']) {
    assert.ok(isMetricKey(key), key);
  }
  for (
    const key of [
      "",
      "1a",
      "a b",
      "a\nb 1",
      'a{module="consumer"}',
      'a{x="y",module="z"}',
      'a{b="c}',
      'a{b="\n"}',
      "x".repeat(600),
    ]
  ) {
    assert.ok(!isMetricKey(key), key);
  }
});

Deno.test("ChildMetrics sends what changed, cumulative buckets, and a bounded number of series", () => {
  const metrics = new ChildMetrics();
  metrics.count("n_total", 2, { a: "b" });
  metrics.observe("d_seconds", 0.004);
  metrics.observe("d_seconds", 70);
  const first = metrics.takeSnapshot();
  assert.equal(first.values['n_total{a="b"}'], 2);
  assert.equal(first.values['d_seconds_bucket{le="0.0025"}'], 0);
  assert.equal(first.values['d_seconds_bucket{le="0.005"}'], 1);
  assert.equal(first.values['d_seconds_bucket{le="+Inf"}'], 2);
  assert.deepEqual(metrics.takeSnapshot(), { values: {}, types: {} });
  for (let i = 0; i < 5000; i++) metrics.gauge("g", i, { i: String(i) });
  assert.ok(Object.keys(metrics.takeSnapshot().values).length <= 2001, "I10");
});
