import assert from "node:assert/strict";
import { traceCause } from "./task_trace.ts";

Deno.test("traceCause() takes the innermost cause that says something", () => {
  for (
    const [trace, expected] of [
      [
        "org.apache.kafka.connect.errors.ConnectException: An exception occurred in the change event producer. This connector will be stopped.\n" +
        "\tat io.debezium.pipeline.ErrorHandler.setProducerThrowable(ErrorHandler.java:67)\n" +
        "Caused by: io.debezium.DebeziumException: Failed to start replication stream at LSN{0/193DED0}\n\t... 5 more\n" +
        'Caused by: org.postgresql.util.PSQLException: ERROR: can no longer access replication slot "x"\n\t... 6 more\n',
        'PSQLException: ERROR: can no longer access replication slot "x"',
      ],
      ["java.lang.NullPointerException\n\tat a.b(C.java:1)", "NullPointerException"],
      [
        "io.debezium.DebeziumException: outer\nCaused by: java.lang.IllegalStateException\n\tat a.b(C.java:1)",
        "DebeziumException: outer",
      ],
      ["not a trace", "not a trace"],
      ["", ""],
    ] as const
  ) assert.equal(traceCause(trace), expected);
});

Deno.test("traceCause() shows no credential and is bounded (I6, I10)", () => {
  const cause = traceCause(
    "a.B: could not connect to jdbc:postgresql://capture:hunter2@db/x?user=c&password=hunter2&ssl=true, sasl.password = hunter2",
  );
  assert.ok(!cause.includes("hunter2"), cause);
  assert.ok(traceCause(`a.B: ${"x".repeat(10_000)}`).length < 400);
});
