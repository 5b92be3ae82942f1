import { z } from "zod";

/** The section `tls` of a server's configuration: files, which the host reads; `whose` names what has the certificates. */
export function tlsConfig(whose: string) {
  return z.strictObject({
    caFile: z.string().min(1).nullable().default(null).describe(
      "PEM of the authorities; null: the usual ones",
    ),
    certificateFile: z.string().min(1).nullable().default(null).describe(
      "PEM of our certificate (mutual TLS)",
    ),
    keyFile: z.string().min(1).nullable().default(null).describe("PEM of its private key"),
    serverName: z.string().min(1).nullable().default(null).describe(
      `Name in the certificates of the ${whose}`,
    ),
  }).nullable().default(null).describe("Encrypted connections; null: plain ones")
    .meta({ example: { caFile: "/etc/candlewire/ca.pem" } });
}
