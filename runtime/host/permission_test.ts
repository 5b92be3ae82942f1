import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import {
  type Ceiling,
  EVERYTHING,
  grantPermissions,
  isGranted,
  NOTHING,
  permissionFlags,
} from "./permission.ts";

const none = { net: [], read: [], write: [], calls: [] };
const host = fc.constantFrom("a.com", "b.com", "127.0.0.1", "[::1]");
const net = fc.oneof(
  host,
  fc.tuple(host, fc.constantFrom(80, 443, 5432)).map(([name, port]) => `${name}:${port}`),
);
const path = fc.array(fc.constantFrom("a", "b", "c,d", "e"), { maxLength: 3 }).map((parts) =>
  `/${parts.join("/")}`
);
const wish = fc.record({
  net: fc.array(net, { maxLength: 5 }),
  read: fc.array(path, { maxLength: 5 }),
  write: fc.array(path, { maxLength: 5 }),
  calls: fc.array(fc.constantFrom("producer.rows", "capture.journal"), { maxLength: 2 }),
});

Deno.test("granted = requested ∩ ceiling: nothing is granted that was not asked for and not covered (I6)", () => {
  fc.assert(
    fc.property(wish, wish, (requested, ceiling) => {
      const grant = grantPermissions(requested, ceiling);
      const allowed = { ...grantPermissions(ceiling, EVERYTHING) };
      for (const kind of ["net", "read", "write"] as const) {
        for (const entry of grant[kind]) {
          assert.ok(requested[kind].includes(entry) || kind !== "net");
          assert.ok(isGranted(allowed, kind, entry), `${kind} ${entry}`);
        }
      }
      const asked = (["net", "read", "write", "calls"] as const).flatMap((
        kind,
      ) => [...new Set(requested[kind])]);
      const told =
        new Set([...grant.net, ...grant.read, ...grant.write, ...grant.calls, ...grant.refused]).size;
      assert.ok(told <= asked.length + grant.refused.length, "each entry is granted or refused");
    }),
    { seed: testSeed("grantPermissions"), numRuns: 500 },
  );
});

Deno.test("a ceiling of nothing grants nothing, one of everything what was asked for", () => {
  fc.assert(
    fc.property(wish, (requested) => {
      assert.deepEqual(permissionFlags(grantPermissions(requested, NOTHING)), []);
      assert.deepEqual(grantPermissions(requested, EVERYTHING).refused, []);
    }),
    { seed: testSeed("ceilings"), numRuns: 200 },
  );
});

Deno.test("flags never name run, ffi, env, sys or import, and a comma stays within its entry", () => {
  fc.assert(
    fc.property(wish, (requested) => {
      for (const flag of permissionFlags(grantPermissions(requested, EVERYTHING))) {
        assert.match(flag, /^--allow-(net|read|write)=/);
        assert.equal(flag.split(",,").join("").includes("c,d"), false);
      }
    }),
    { seed: testSeed("flags"), numRuns: 200 },
  );
});

Deno.test("a folder covers what lies in it, not its neighbours or what climbs out of it", () => {
  const ceiling: Ceiling = { ...none, read: ["/data/journal"] };
  const read = (entry: string) => grantPermissions({ ...none, read: [entry] }, ceiling).read;
  assert.deepEqual(read("/data/journal/x"), ["/data/journal/x"]);
  for (const entry of ["/data", "/data/journal2", "/data/journal/../tokens.json", "/"]) {
    assert.deepEqual(read(entry), []);
  }
});

Deno.test("a host without a port covers its ports; a port covers itself alone", () => {
  const grant = (ceiling: string, entry: string) =>
    grantPermissions({ ...none, net: [entry] }, { ...none, net: [ceiling] }).net.length === 1;
  assert.ok(grant("a.com", "A.com:443"));
  assert.ok(!grant("a.com:443", "a.com"));
  assert.ok(!grant("a.com:443", "a.com:80"));
  assert.ok(!grant("a.com", "b.a.com:443"));
});

Deno.test("references are put in, and an unknown one is named", () => {
  const requested = { ...none, net: ["${postgres}"], write: ["${folder.store}/x"] };
  const grant = grantPermissions(requested, EVERYTHING, { postgres: "127.0.0.1:5432", "folder.store": "/d" });
  assert.deepEqual(permissionFlags(grant), ["--allow-net=127.0.0.1:5432", "--allow-write=/d/x"]);
  assert.throws(() => grantPermissions(requested, EVERYTHING, { other: "x" }), {
    code: "permission.unknown_reference",
    message: /\$\{postgres\}/,
    hint: /\$\{other\}/,
  });
  assert.throws(() => grantPermissions({ ...none, net: ["${constructor}"] }, EVERYTHING, {}), {
    code: "permission.unknown_reference",
  });
});
