/**
 * What both captures read: one SQL workload over every type and operation. Goldens hold what Debezium made of it; a
 * change here asks for new ones (make_goldens.ts).
 */

/** Tables of the workload, in schema public; topics are made for them beforehand. */
export const TABLES = [
  "p_types",
  "p_modes",
  "p_default",
  "p_full",
  "p_composite",
  "p_no_key",
  "p_keyed",
  "p_partitioned",
  "p_generated",
  "p_altered",
  "p_text",
  "p_Mixed",
  "p_marker",
] as const;

/** A column: its type, then one SQL value a row; a column with fewer values repeats its first. */
type Column = readonly [name: string, type: string, ...values: string[]];

const TYPES: readonly Column[] = [
  ["si", "smallint", "1", "-32768", "32767"],
  ["i", "integer", "123456", "-2147483648"],
  ["bi", "bigint", "1234567890123", "-9223372036854775808", "9223372036854775807"],
  ["r", "real", "3.3", "'NaN'", "'-Infinity'", "-0.0", "1e-30", "16777216"],
  ["db", "double precision", "4.44", "'NaN'", "'Infinity'", "-0.0", "1e300", "0.1", "1e16"],
  ["b", "boolean", "true", "false"],
  ["o", "oid", "4000000000"],
  ["d", "numeric(3,2)", "1.1", "0", "-9.99"],
  ["dzs", "numeric(4,0)", "10.11", "-10"],
  ["dvs", "numeric", "10.1111", "22.00", "0.00000001", "-0", "1e20", "12345678901234567890.123456789"],
  ["n_special", "numeric", "1", "'NaN'", "'Infinity'", "'-Infinity'"],
  ["csh", "money", "'$1234.11'", "'($1234.11)'", "'$0.05'"],
  ["vc", "varchar(2)", "'\u017E\u0161'"],
  ["c", "char(5)", "'abc'", "''"],
  ["t", "text", "'plain'", "''"],
  ["ch", `"char"`, "'x'"],
  ["ba", "bytea", "'\\x010203'", "'\\x'", "'\\xff00'"],
  ["bol", "bit(1)", "B'0'", "B'1'"],
  ["bs", "bit(2)", "B'11'", "B'00'"],
  ["bs7", "bit(7)", "B'1000000'", "B'0000001'"],
  ["bl", "bit(64)", `B'1${"0".repeat(63)}'`],
  ["bv1", "bit varying(1)", "B'1'", "B''"],
  ["bv9", "bit varying(9)", "B'101'", "B'100000000'", "B''"],
  ["bvu", "bit varying", "B'111011010001000110000001000000001'"],
  ["j", "json", `'{"bar": "baz",  "n": 1.50}'`, "'null'", "'[]'"],
  ["jb", "jsonb", `'{"z": 1, "a": "\\u00e9"}'`, `'"text"'`],
  ["x", "xml", "'<foo>bar</foo><foo>bar</foo>'"],
  ["u", "uuid", "'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
  ["inet", "inet", "'192.168.2.0/12'", "'::1'"],
  ["cidr", "cidr", "'192.168.100.128/25'"],
  ["mac", "macaddr", "'08:00:2b:01:02:03'"],
  ["mac8", "macaddr8", "'08:00:2b:01:02:03:04:05'"],
  ["pt", "point", "'(1,1)'", "'(-0.5,1e20)'"],
  ["en", "p_mood", "'it''s fine'", "'bad'"],
  ["dom", "p_price", "12.30", "0.01"],
  ["dom2", "p_price_again", "7.5"],
  [
    "ts",
    "timestamp",
    "'2016-11-04T13:51:30.123456'",
    "'1936-10-25T22:10:12.608'",
    "'0044-03-15 12:00:00 BC'",
    "'21016-11-04T13:51:30.123456'",
    "'infinity'",
    "'-infinity'",
    "'294247-01-01T23:59:59.999999'",
    "'4713-12-31T23:59:59.999999 BC'",
  ],
  ["ts_ms", "timestamp(3)", "'2016-11-04T13:51:30.123456'", "'1969-12-31T23:59:59.999'"],
  ["ts_0", "timestamp(0)", "'2016-11-04T13:51:30'"],
  [
    "tz",
    "timestamptz",
    "'2016-11-04T13:51:30.123456+02:00'",
    "'2016-11-04 13:51:30+00'",
    "'infinity'",
    "'-infinity'",
    "'21016-11-04T13:51:30.123456+07:00'",
    "'0044-03-15 12:00:00+00 BC'",
    "'0001-01-01 00:00:00+00'",
    "'294247-01-01T23:59:59.999999+00:00'",
  ],
  ["tz3", "timestamptz(3)", "'2024-08-08 23:54:13.1+00'", "'2024-08-08 23:54:13+00'"],
  ["tz0", "timestamptz(0)", "'2024-08-08 23:54:13+00'"],
  [
    "date",
    "date",
    "'2016-11-04'",
    "'0044-03-15 BC'",
    "'infinity'",
    "'-infinity'",
    "'0001-01-01'",
    "'5874897-12-31'",
    "'1582-10-10'",
  ],
  ["ti", "time", "'13:51:30'", "'24:00:00'", "'13:51:30.123456'"],
  ["tip", "time(3)", "'13:51:30.123'", "'24:00:00'"],
  ["ttz", "timetz", "'13:51:30.123789+02:00'", "'01:00:00+05:30'", "'24:00:00+00'"],
  ["tptz", "timetz(3)", "'13:51:30.123+02:00'"],
  [
    "it",
    "interval",
    "'P1Y2M3DT4H5M6.78S'",
    "'-1 year -2 mons +3 days -04:05:06.78'",
    "'0'",
    "'100000 hours'",
  ],
  ["r_ts", "tsrange", "'[2019-03-31 15:30:00, infinity)'", "'empty'"],
  ["r_tz", "tstzrange", "'[2017-06-05 11:29:12.549426+00,]'"],
  ["r_d", "daterange", "'[2019-03-31, 2019-04-30)'"],
  ["r_i4", "int4range", "'[1000,6000)'"],
  ["r_num", "numrange", "'[5.3,6.3)'"],
  ["r_i8", "int8range", "'[1000000,6000000)'"],
  ["tsv", "tsvector", "'fat cat'::tsvector"],
  ["a_int", "int[]", "'{1,2,NULL}'", "'{}'", "'[0:1]={7,8}'"],
  ["a_si", "smallint[]", "'{1,-2}'"],
  ["a_big", "bigint[]", "'{1550166368505037572}'"],
  ["a_real", "real[]", "'{1.5,NULL}'"],
  ["a_db", "double precision[]", "'{1.5,2}'"],
  ["a_text", "text[]", `'{"one","t w,o","th\\"ree\\\\",NULL,"NULL",""}'`, "'{}'"],
  ["a_vc", "varchar(3)[]", "'{abc,d}'"],
  ["a_char", "char(3)[]", "'{a,bc}'"],
  ["a_num", "numeric(10,2)[]", "'{1.2,3.4}'"],
  ["a_nvs", "numeric[]", "'{1.20,3}'"],
  ["a_date", "date[]", "'{2016-11-04,2016-11-05}'"],
  ["a_uuid", "uuid[]", "'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'"],
  ["a_json", "json[]", `array['{"bar":  "baz"}']::json[]`],
  ["a_jsonb", "jsonb[]", `array['{"bar": "baz"}']::jsonb[]`],
  ["a_bool", "boolean[]", "'{t,f}'"],
  ["a_bytea", "bytea[]", "array['\\x000102'::bytea]"],
  ["a_ts", "timestamp[]", "'{2020-04-01 13:51:02.5}'"],
  ["a_tz", "timestamptz[]", "'{2020-04-01 13:51:02+02}'"],
  ["a_time", "time[]", "'{00:01:02}'"],
  ["a_ttz", "timetz[]", "'{00:01:02+01}'"],
  ["a_inet", "inet[]", "'{192.168.2.0/12}'"],
  ["a_cidr", "cidr[]", "'{192.168.100.128/25}'"],
  ["a_mac", "macaddr[]", "'{08:00:2b:01:02:03}'"],
  ["a_oid", "oid[]", "'{3,4000000000}'"],
  ["a_en", "p_mood[]", `'{"it''s fine"}'`],
  ["a_range", "int4range[]", `'{"[1,6)"}'`],
  ["box", "box", "'(1,1),(0,0)'"],
  ["circle", "circle", "'<(1,1),2>'"],
  ["tsq", "tsquery", "'fat & cat'"],
  ["lsn_column", "pg_lsn", "'16/B374D848'"],
  ["mr", "int4multirange", "'{[1,3)}'"],
  ["composite", "p_pair", "row(1,'a')"],
];

/** Columns of types that extensions bring. */
const EXTENSION_TYPES: readonly Column[] = [
  ["ct", "citext", "'Hello World'"],
  ["hs", "hstore", `'"key 1"=>"va\\"l",k2=>NULL'`, "''"],
  ["lt", "ltree", "'Top.Collections'"],
  ["isbn", "isbn", "'978-0-393-04002-9'"],
];

/** Extensions of the workload. */
export const EXTENSIONS = ["citext", "hstore", "ltree", "isn"];

const ALL = [...TYPES, ...EXTENSION_TYPES];
const ROWS = Math.max(...ALL.map((column) => column.length - 2));

function typeRow(id: number, row: number): string {
  const values = ALL.map(([, type, ...values]) => `(${values[row] ?? values[0]})::${type}`);
  return `INSERT INTO p_types VALUES (${id}, ${values.join(", ")})`;
}

/** Tables as they are before either capture begins. */
export const SETUP: readonly string[] = [
  ...EXTENSIONS.map((name) => `CREATE EXTENSION ${name}`),
  "CREATE TYPE p_mood AS ENUM ('it''s fine', 'bad')",
  "CREATE TYPE p_pair AS (a int, b text)",
  "CREATE DOMAIN p_price AS numeric(10,2) CHECK (VALUE > 0)",
  "CREATE DOMAIN p_price_again AS p_price",
  `CREATE TABLE p_types (id int PRIMARY KEY, ${ALL.map(([name, type]) => `"${name}" ${type}`).join(", ")})`,
  "CREATE TABLE p_modes (id int PRIMARY KEY, not_null int NOT NULL DEFAULT 5, defaulted text DEFAULT 'made', now timestamptz DEFAULT '2024-01-01 00:00:00+00')",
  "CREATE TABLE p_default (id int PRIMARY KEY, n int NOT NULL, long text, long_bytes bytea, long_not_null text NOT NULL, long_texts text[], long_ints int[], long_json jsonb)",
  "CREATE TABLE p_full (LIKE p_default INCLUDING ALL)",
  "ALTER TABLE p_full REPLICA IDENTITY FULL",
  ...["p_default", "p_full"].flatMap((table) =>
    ["long", "long_bytes", "long_not_null", "long_texts", "long_ints", "long_json"].map((column) =>
      `ALTER TABLE ${table} ALTER ${column} SET STORAGE EXTERNAL`
    )
  ),
  "CREATE TABLE p_composite (b text, a int, c text, PRIMARY KEY (a, b))",
  "CREATE TABLE p_no_key (a int, b text)",
  "ALTER TABLE p_no_key REPLICA IDENTITY FULL",
  "CREATE TABLE p_keyed (id int, symbol text NOT NULL, price numeric NOT NULL, PRIMARY KEY (symbol, id))",
  "ALTER TABLE p_keyed REPLICA IDENTITY FULL",
  "CREATE TABLE p_partitioned (symbol text, at date, n int, PRIMARY KEY (symbol, at)) PARTITION BY RANGE (at)",
  "CREATE TABLE p_partitioned_1 PARTITION OF p_partitioned FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')",
  "CREATE TABLE p_partitioned_2 PARTITION OF p_partitioned FOR VALUES FROM ('2024-02-01') TO ('2024-03-01')",
  "ALTER TABLE p_partitioned REPLICA IDENTITY FULL",
  "ALTER TABLE p_partitioned_1 REPLICA IDENTITY FULL",
  "ALTER TABLE p_partitioned_2 REPLICA IDENTITY FULL",
  "CREATE TABLE p_generated (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED, after_it text)",
  "CREATE TABLE p_altered (id int PRIMARY KEY, a int, b varchar(10), c text)",
  "CREATE TABLE p_text (id int PRIMARY KEY, t text)",
  `CREATE TABLE "p_Mixed" (id int PRIMARY KEY, "Weird ""column"" \\ é" text, "select" int)`,
  "CREATE TABLE p_marker (id int PRIMARY KEY)",
  `CREATE PUBLICATION parity FOR TABLE ${
    TABLES.map((table) => `"${table}"`).join(", ")
  } WITH (publish_via_partition_root = true)`,
  ...TABLES.map((table) => `GRANT SELECT ON "${table}" TO candlewire_capture`),
  // Rows that the snapshots read.
  typeRow(1, 0),
  "INSERT INTO p_types (id) VALUES (2)",
  typeRow(3, 1),
  "INSERT INTO p_keyed VALUES (1, 'AUSDT', 1.50), (2, 'BUSDT', 61234.56000000)",
  "INSERT INTO p_partitioned VALUES ('AUSDT', '2024-01-15', 1), ('BUSDT', '2024-02-15', 2)",
  "INSERT INTO p_no_key VALUES (1, 'x')",
  "INSERT INTO p_generated (a, after_it) VALUES (1, 'x')",
];

const LONG = "repeat('long ', 3000)";
const longRow = (table: string, id: number) =>
  `INSERT INTO ${table} SELECT ${id}, 1, ${LONG}, decode(repeat('00ff', 5000), 'hex'), ${LONG}, array[${LONG}, 'b'], array_agg(i), jsonb_build_object('k', ${LONG}) FROM generate_series(1, 5000) i`;

const toast = (table: string): string[] => [
  longRow(table, 1),
  `UPDATE ${table} SET n = 2`,
  `UPDATE ${table} SET long = 'short'`,
  `UPDATE ${table} SET id = 2`,
  `UPDATE ${table} SET long_texts = NULL, long_ints = NULL`,
  `DELETE FROM ${table}`,
];

/** A phase: statements, an inner list is one transaction. Both captures are waited for after each phase. */
export const PHASES: readonly (readonly (string | readonly string[])[])[] = [
  [
    ...Array.from({ length: ROWS }, (_, row) => typeRow(10 + row, row)),
    "INSERT INTO p_types (id) VALUES (50)",
    "UPDATE p_types SET i = 7 WHERE id = 10",
    "UPDATE p_types SET i = NULL, t = NULL, d = NULL, a_int = NULL WHERE id = 10",
    "DELETE FROM p_types WHERE id IN (10, 50)",
    "INSERT INTO p_modes (id) VALUES (1)",
    "INSERT INTO p_modes VALUES (2, 0, NULL, NULL)",
    "UPDATE p_modes SET defaulted = 'changed' WHERE id = 1",
    "DELETE FROM p_modes",
  ],
  toast("p_default"),
  toast("p_full"),
  [
    "INSERT INTO p_composite VALUES ('b', 1, 'c'), ('b', 2, NULL)",
    "UPDATE p_composite SET c = 'd' WHERE a = 1",
    "UPDATE p_composite SET a = 3 WHERE a = 1",
    "UPDATE p_composite SET a = 4, b = 'e', c = NULL WHERE a = 3",
    "DELETE FROM p_composite WHERE a = 4",
    "INSERT INTO p_no_key VALUES (2, NULL), (2, NULL)",
    "UPDATE p_no_key SET b = 'y' WHERE a = 2",
    "DELETE FROM p_no_key WHERE a = 2",
    "INSERT INTO p_keyed VALUES (3, 'CUSDT', 0.00000001)",
    "UPDATE p_keyed SET price = 2 WHERE id = 1",
    "UPDATE p_keyed SET id = 30 WHERE id = 3",
    "UPDATE p_keyed SET symbol = 'DUSDT' WHERE id = 30",
    "DELETE FROM p_keyed WHERE symbol = 'DUSDT'",
  ],
  [
    [
      "INSERT INTO p_composite VALUES ('t', 10, 'one')",
      "INSERT INTO p_keyed VALUES (10, 'TUSDT', 1)",
      "UPDATE p_composite SET c = 'two' WHERE a = 10",
      "DELETE FROM p_keyed WHERE id = 10",
    ],
    [
      "INSERT INTO p_composite VALUES ('s', 11, 'kept')",
      "SAVEPOINT s",
      "INSERT INTO p_composite VALUES ('s', 12, 'undone')",
      "ROLLBACK TO s",
      "INSERT INTO p_composite VALUES ('s', 13, 'kept')",
    ],
    ["INSERT INTO p_composite VALUES ('r', 14, 'undone')", "ROLLBACK AND CHAIN"],
    ["SELECT 1"],
  ],
  [
    "INSERT INTO p_partitioned VALUES ('CUSDT', '2024-01-20', 3), ('CUSDT', '2024-02-20', 4)",
    "UPDATE p_partitioned SET n = 5 WHERE at = '2024-01-20'",
    "UPDATE p_partitioned SET at = '2024-02-21' WHERE at = '2024-01-20'",
    "DELETE FROM p_partitioned WHERE at = '2024-02-20'",
    "DROP TABLE p_partitioned_1",
    "CREATE TABLE p_partitioned_3 PARTITION OF p_partitioned FOR VALUES FROM ('2024-03-01') TO ('2024-04-01')",
    "ALTER TABLE p_partitioned_3 REPLICA IDENTITY FULL",
    "INSERT INTO p_partitioned VALUES ('DUSDT', '2024-03-20', 6)",
    "INSERT INTO p_generated (a, after_it) VALUES (2, NULL)",
    "UPDATE p_generated SET a = 3 WHERE a = 2",
    "DELETE FROM p_generated WHERE a = 3",
  ],
  [
    "INSERT INTO p_text VALUES (1, 'żółć 币安人生 \u{1F600} é')",
    `INSERT INTO p_text VALUES (2, E'quote " back \\\\ slash / tab \\t line \\n return \\r bell \\x07 unit \\x1f del \\x7f')`,
    "INSERT INTO p_text VALUES (3, U&'line \\2028 paragraph \\2029 nel \\0085 bom \\FEFF nonchar \\FFFE')",
    "INSERT INTO p_text VALUES (4, repeat('0123456789abcdefghij', 5000))",
    "INSERT INTO p_text VALUES (5, repeat('é\"', 200))",
    "INSERT INTO p_text VALUES (6, '__debezium_unavailable_value')",
    "INSERT INTO p_text VALUES (7, '<script>&amp;</script>')",
    `INSERT INTO "p_Mixed" VALUES (1, 'x', 2)`,
    `UPDATE "p_Mixed" SET "select" = 3`,
  ],
  [
    "INSERT INTO p_altered VALUES (1, 1, 'b', 'c')",
    "ALTER TABLE p_altered ADD COLUMN added numeric DEFAULT 1.5",
    "INSERT INTO p_altered VALUES (2, 1, 'b', 'c', 2.50)",
    "UPDATE p_altered SET a = 2 WHERE id = 1",
  ],
  ["ALTER TABLE p_altered RENAME COLUMN c TO renamed", "INSERT INTO p_altered VALUES (3, 1, 'b', 'c', 3)"],
  [
    "ALTER TABLE p_altered DROP COLUMN b",
    "INSERT INTO p_altered VALUES (4, 1, 'c', 4)",
    "DELETE FROM p_altered WHERE id = 1",
  ],
  [
    "ALTER TABLE p_altered ALTER a TYPE bigint",
    "INSERT INTO p_altered VALUES (5, 12345678901, 'c', 5)",
    "ALTER TABLE p_altered ALTER a TYPE text",
    "INSERT INTO p_altered VALUES (6, 'six', 'c', 6)",
  ],
  [
    "ALTER TABLE p_altered ALTER renamed SET NOT NULL",
    "ALTER TABLE p_altered ADD COLUMN second int NOT NULL DEFAULT 9",
    "UPDATE p_altered SET added = 7 WHERE id = 5",
    "DELETE FROM p_altered WHERE id = 5",
  ],
  [
    "TRUNCATE p_altered",
    "TRUNCATE p_composite, p_keyed",
    "TRUNCATE p_partitioned",
    "INSERT INTO p_composite VALUES ('after', 1, 'truncate')",
  ],
];
