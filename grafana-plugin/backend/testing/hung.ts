/** A process that hangs a second after its start, under the watchdog. */
import { watchHang } from "../operation/life.ts";
import { log } from "../operation/log.ts";

watchHang(log, { hangMs: 1_000 });
setTimeout(() => {
  console.log("hangs");
  for (;;);
}, 1_000);
