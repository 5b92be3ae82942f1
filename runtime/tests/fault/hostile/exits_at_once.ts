/** Ends the process while it loads. */
Deno.exit(0);
