/** A container's health: exits 0 when the address given as the only argument answers 2xx within 4 s, else 1 with what it said. */
const [address = ""] = Deno.args;
try {
  const response = await fetch(address, { signal: AbortSignal.timeout(4_000) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text.slice(0, 500)}`);
} catch (error) {
  console.error(`${address}: ${(error as Error).message}`);
  Deno.exit(1);
}
