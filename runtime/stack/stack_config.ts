import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { ignoreMissing } from "../error.ts";
import type { PostgresEndpoint } from "../postgres/server.ts";
import { loopback } from "./server_plan.ts";
import { writeWhole } from "./server_process.ts";
import type { StackSettings } from "./settings.ts";

/** Key of the capture role's password in the worker's secrets file. */
const KEY = "capturePassword";

/** Where the worker finds its secrets. */
export function connectSecretsFile(folder: string): string {
  return join(folder, "connect-secrets.properties");
}

/** The capture role's password, made once; in a file that only this user, and so the Connect worker, reads. Other keys stay. */
export async function settleCapturePassword(folder: string): Promise<string> {
  const file = connectSecretsFile(folder);
  const text = await Deno.readTextFile(file).catch(ignoreMissing) ?? "";
  const known = new RegExp(`^${KEY}=(.+)$`, "m").exec(text)?.[1];
  if (known !== undefined) return known;
  const password = randomBytes(24).toString("base64url");
  await writeWhole(file, `${KEY}=${password}\n${text}`, 0o600);
  return password;
}

/** The part of Candlewire's configuration that uses the stack: `candlewire.json`, for `--config`. Holds passwords. */
export function stackConfig(
  settings: StackSettings,
  options: { folder: string; postgres: PostgresEndpoint | undefined; capturePassword: string },
): Record<string, unknown> {
  const { parts, brokers, nodes, ports } = settings;
  const { folder, postgres, capturePassword } = options;
  return {
    ...(postgres === undefined ? {} : {
      postgres: {
        url: `postgres://${postgres.user}:${
          encodeURIComponent(postgres.password)
        }@${postgres.host}:${postgres.port}/${postgres.database}`,
        capturePassword,
      },
    }),
    ...(!parts.includes("kafka") ? {} : {
      kafka: {
        brokers: Array.from({ length: brokers }, (_, at) => `${loopback(at + 1)}:${ports.kafka}`),
        replicationFactor: brokers,
        minInSyncReplicas: brokers >= 3 ? 2 : 1,
      },
    }),
    ...(!parts.includes("connect") ? {} : {
      connect: {
        url: `http://${loopback(1)}:${ports.connect}`,
        passwordReference: `\${file:${connectSecretsFile(folder)}:${KEY}}`,
      },
    }),
    ...(!parts.includes("cassandra") ? {} : {
      cassandra: {
        contactPoints: Array.from({ length: nodes }, (_, at) => loopback(at + 1)),
        port: ports.cassandra,
        localDataCenter: "datacenter1",
        replication: { datacenter1: nodes },
      },
    }),
  };
}
