import { dirname, join } from "node:path";
import { findJava } from "../../../runtime/stack/java.ts";
import { testEnvironment } from "../../../runtime/tests/start_test_stack.ts";

/** Password of the stores. */
export const STORE_PASSWORD = "changeit";

/**
 * An authority, a server's key store with a certificate of it for `names` (as keytool's `san`), and an authority that has nothing to
 * do with them; by the `keytool` of the servers' Java.
 */
export async function makeKeyStores(
  folder: string,
  names: string,
): Promise<{ keyStore: string; caFile: string; otherCaFile: string }> {
  const { program } = await findJava(testEnvironment(), { parts: ["cassandra"] });
  const run = async (...args: string[]) => {
    const { code, stdout } = await new Deno.Command(join(dirname(program), "keytool"), {
      args: [...args, "-storepass", STORE_PASSWORD],
      cwd: folder,
      stdout: "piped",
      stderr: "piped",
    }).output();
    if (code !== 0) throw new Error(`keytool ${args[0]}: ${new TextDecoder().decode(stdout)}`);
  };
  const pair = (store: string, alias: string, ...more: string[]) =>
    run(
      "-genkeypair",
      "-keystore",
      store,
      "-alias",
      alias,
      "-keyalg",
      "EC",
      "-dname",
      `CN=${alias}`,
      ...more,
    );
  const authority = async (alias: string) => {
    await pair(`${alias}.p12`, alias, "-ext", "bc:c");
    await run("-exportcert", "-rfc", "-keystore", `${alias}.p12`, "-alias", alias, "-file", `${alias}.pem`);
  };
  await Promise.all([authority("ca"), authority("other"), pair("node.p12", "node")]);
  await run("-certreq", "-keystore", "node.p12", "-alias", "node", "-file", "node.csr");
  await run(
    ...["-gencert", "-rfc", "-keystore", "ca.p12", "-alias", "ca", "-infile", "node.csr"],
    ...["-outfile", "node.pem", "-ext", `san=${names}`],
  );
  // A certificate is taken when its authority is known.
  await run("-importcert", "-noprompt", "-keystore", "node.p12", "-alias", "ca", "-file", "ca.pem");
  await run("-importcert", "-noprompt", "-keystore", "node.p12", "-alias", "node", "-file", "node.pem");
  return {
    keyStore: join(folder, "node.p12"),
    caFile: join(folder, "ca.pem"),
    otherCaFile: join(folder, "other.pem"),
  };
}
