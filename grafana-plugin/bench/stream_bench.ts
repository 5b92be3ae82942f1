import { openStore } from "../../runtime/tests/truth_sqlite.ts";
import { openBrowser } from "../../runtime/tests/browser/chromium.ts";
import { GoClient, valuesOf } from "../backend/testing/go_client.ts";
import type { BenchBuild } from "./bench_build.ts";
import { type BenchRig, SYMBOL } from "./bench_rig.ts";
import { type Aimed, printTable, shown, spread } from "./figures.ts";
import { openTape, watchNewest } from "./tape_page.ts";
import type { MiniHost } from "../preview/mini_host.ts";

/** Trades a second; the first stands twice: the A/A control. */
const SPEEDS = [100, 100, 1000];
/** How often the store is looked at, ms: what is stored is seen up to so much late, which flatters what comes after it. */
const LOOK_MS = 2;

/** The greatest trade id that somebody knew of at a moment, epoch ms. */
export type Sighting = { id: number; at: number };

/**
 * How long a trade takes from being stored to the Go client (which is where Grafana's server stands) and to the panel's rows in
 * Chromium: the same trades, seen in the store by a reader of its own.
 */
export async function streamBench(
  rig: BenchRig,
  { build, host, seconds, progress }: {
    build: BenchBuild;
    host: MiniHost;
    seconds: number;
    progress: (text: string) => void;
  },
): Promise<Aimed[]> {
  await using client = await GoClient.launch(build);
  const browser = await openBrowser();
  const lines: string[][] = [];
  const aims: Aimed[] = [];
  try {
    for (const speed of SPEEDS) {
      progress(`streaming ${speed} trades/s for ${seconds} s`);
      const seen = await oneSpeed(rig, { speed, seconds, client, host, browser });
      const sent = spread(waits(seen.sent, seen.stored));
      const toClient = spread(waits(seen.stored, seen.client));
      const toPanel = spread(waits(seen.stored, seen.panel));
      lines.push([
        `${speed}`,
        `${seen.sent.length}`,
        (seen.sent.length / seconds).toFixed(0),
        ...[sent, toClient, toPanel].flatMap(({ p50, p99, max }) => [p50, p99, max].map(shown)),
        `${toClient.count}`,
        `${toPanel.count}`,
        told(seen).toFixed(3),
      ]);
      for (const [where, { p99 }] of [["the Go client", toClient], ["the panel", toPanel]] as const) {
        aims.push({
          name: `stored trade to ${where} at ${speed} trades/s, p99`,
          value: p99,
          aim: 150,
          unit: "ms",
        });
      }
      aims.push({
        name: `trades that the stream leaves out at ${speed} trades/s`,
        value: (1 - told(seen)) * 100,
        aim: 0,
        unit: "%",
      });
    }
  } finally {
    await browser.close();
  }
  const spreads = (what: string) => [`${what} p50 ms`, "p99", "max"];
  printTable(
    `Streams, ${seconds} s each: exchange to store, from there to the Go client and to the panel's rows in Chromium`,
    [
      "trades/s wanted",
      "trades",
      "trades/s",
      ...spreads("sent to stored"),
      ...spreads("stored to Go client"),
      ...spreads("stored to panel"),
      "counted at client",
      "in panel",
      "share of trades told",
    ],
    lines,
  );
  return aims;
}

/** Who saw the trades when, and which of them came by the stream. */
type Seen = Record<"sent" | "stored" | "client" | "panel", Sighting[]> & { ids: ReadonlySet<number> };

/** Share of the trades that the stream told of: a trade that is left out counts as seen with the next one in the times. */
function told({ sent, ids }: Seen): number {
  return sent.filter(({ id }) => ids.has(id)).length / sent.length;
}

async function oneSpeed(
  rig: BenchRig,
  { speed, seconds, client, host, browser }: {
    speed: number;
    seconds: number;
    client: GoClient;
    host: MiniHost;
    browser: Awaited<ReturnType<typeof openBrowser>>;
  },
): Promise<Seen> {
  const path = `trades/${SYMBOL}`;
  const clientSaw: Sighting[] = [];
  const ids = new Set<number>();
  const stream = client.begin("stream", { settings: rig.settings(), path }, ({ at, frame }) => {
    const told = valuesOf(frame, "trade_id") as number[];
    for (const id of told) ids.add(id);
    clientSaw.push({ id: Math.max(0, ...told), at: at / 1000 });
  });
  await using page = await openTape(browser, host.url);
  const panel = await watchNewest(page.page);
  const { last: before } = await truthRange(rig);
  const stored: Sighting[] = [];
  {
    using db = closing(openStore(rig.pipeline));
    const newest = db.prepare("SELECT max(trade_id) AS id FROM recent_trades WHERE symbol = ?");
    await rig.runAt(speed);
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      const { id } = newest.get(SYMBOL) as { id: number };
      if (id !== stored.at(-1)?.id) stored.push({ id, at: performance.timeOrigin + performance.now() });
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    await rig.pause();
  }
  const panelSaw = await panel();
  await client.cancel(stream.id);
  await stream.answer;
  const sent: Sighting[] = [];
  for (let fromId = before + 1;;) {
    const list = await rig.exchange.get<{ tradeId: number; sentAt: number }[]>(
      `/admin/emissions?symbol=${SYMBOL}&fromId=${fromId}`,
    );
    for (const { tradeId, sentAt } of list) sent.push({ id: tradeId, at: sentAt });
    if (list.length === 0) break;
    fromId = list.at(-1)!.tradeId + 1;
  }
  // What was sent in the last moments was stored after the looking had ended.
  const looked = stored.at(-1)!.id;
  const within = sent.filter(({ id }) => id <= looked);
  return { sent: within, stored: perTrade(stored, within), client: clientSaw, panel: panelSaw, ids };
}

/** When each trade was first seen. */
function perTrade(seen: readonly Sighting[], trades: readonly Sighting[]): Sighting[] {
  const found: Sighting[] = [];
  let index = 0;
  for (const { id } of trades) {
    while (index < seen.length && seen[index]!.id < id) index++;
    if (index === seen.length) break;
    found.push({ id, at: seen[index]!.at });
  }
  return found;
}

/** From each of the trades to the first sighting of it or of a later one, ms. Ids rise in both. */
export function waits(trades: readonly Sighting[], seen: readonly Sighting[]): number[] {
  const waited = perTrade(seen, trades);
  return waited.map(({ at }, index) => at - trades[index]!.at);
}

async function truthRange(rig: BenchRig): Promise<{ last: number }> {
  return await rig.exchange.get<{ last: number }>(`/admin/truth/range?symbol=${SYMBOL}`);
}

function closing<Database extends { close(): void }>(db: Database): Database & Disposable {
  return Object.assign(db, { [Symbol.dispose]: () => db.close() });
}
