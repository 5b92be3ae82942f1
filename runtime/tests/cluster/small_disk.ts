import { join } from "node:path";
import { ignoreMissing } from "../../error.ts";

/** Why this machine cannot give a server a small disk; empty when it can. */
export async function mountReason(): Promise<string> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return "only root on Linux may mount a small disk";
  const folder = await Deno.makeTempDir({ prefix: "candlewire-mount-" });
  try {
    await run("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
    await run("umount", [folder]);
    return "";
  } catch (error) {
    return `no small disk can be mounted: ${error instanceof Error ? error.message : error}`;
  } finally {
    await Deno.remove(folder);
  }
}

/** A disk of its own, with little room, in the place of a folder that no process uses. */
export class SmallDisk implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Mounts it and copies the folder's content into it. Disposing puts what is there then back in the folder. */
  static async under(folder: string, { freeMiB }: { freeMiB: number }): Promise<SmallDisk> {
    const used = Math.ceil(Number((await run("du", ["-sm", folder])).split("\t")[0]));
    const kept = `${folder}.kept`;
    await Deno.rename(folder, kept);
    await Deno.mkdir(folder);
    await run("mount", ["-t", "tmpfs", "-o", `size=${used + freeMiB}m`, "tmpfs", folder]);
    await run("cp", ["-a", `${kept}/.`, folder]);
    return new SmallDisk(folder);
  }

  get #ballast(): string {
    return join(this.#folder, "ballast");
  }

  /** Leaves no room at all. */
  async fill(): Promise<void> {
    const file = await Deno.open(this.#ballast, { create: true, append: true });
    try {
      const block = new Uint8Array(64 * 1024);
      while (await file.write(block) > 0);
    } catch (error) {
      if (!/ENOSPC|No space left/i.test(String(error))) throw error;
    } finally {
      file.close();
    }
  }

  /** Gives back what {@linkcode fill} took. */
  async free(): Promise<void> {
    await Deno.remove(this.#ballast).catch(ignoreMissing);
  }

  /** No process may use it any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    const folder = this.#folder;
    const kept = `${folder}.kept`;
    await this.free();
    await Deno.remove(kept, { recursive: true });
    await run("cp", ["-a", folder, kept]);
    // A server that a failed test left running still holds files of it.
    await run("umount", ["-l", folder]);
    await Deno.remove(folder);
    await Deno.rename(kept, folder);
  }
}

async function run(program: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr).trim()}`);
  return new TextDecoder().decode(stdout);
}
