import { z } from "zod";

/** PostgreSQL, embedded or given. */
export const postgresConfig = z.strictObject({
  url: z.string().regex(/^postgres(ql)?:\/\//).nullable().default(null)
    .describe("A server of your own (owner's login); null starts the embedded one")
    .meta({ example: "postgres://candlewire:secret@db:5432/candlewire", secret: true }),
  port: z.number().int().min(0).max(65535).default(54329)
    .describe("Port of the embedded server on 127.0.0.1; 0 takes a free one"),
  capturePassword: z.string().min(1).nullable().default(null)
    .describe("Password of the role candlewire_capture, which Kafka Connect must know too; null makes one")
    .meta({ secret: true }),
  retentionDays: z.number().int().min(1).nullable().default(7)
    .describe("Days of rows to keep; older partitions are dropped; null keeps all").meta({ unit: "days" }),
  slotWalLimitMb: z.number().int().min(64).default(4096)
    .describe("WAL that the slot may hold back before it is given up").meta({ unit: "MB" }),
});

export type PostgresConfig = z.infer<typeof postgresConfig>;
