/** Puts a file into a folder that is watched: whole, where a write shows it empty first. */
export async function putFile(path: string, text: string): Promise<void> {
  const draft = await Deno.makeTempFile({ prefix: "candlewire-draft-" });
  await Deno.writeTextFile(draft, text);
  await Deno.rename(draft, path);
}
