import { createRoute, z } from "@hono/zod-openapi";
import { CandlewireError } from "../error.ts";
import { formatLsn } from "../change/lsn.ts";
import type { Envelope } from "../change/envelope.ts";
import type { TradeLineage } from "../query/market_query.ts";
import { newRouter } from "./control_env.ts";
import { type ControlParts, readStore, stamped, stampedPage } from "./control_parts.ts";
import { completenessQuery, pageQuery, symbol } from "./parameter.ts";
import { within } from "./probe.ts";
import { json, problems, SIGNED_IN } from "./route_document.ts";
import { alertSchema, completenessSchema, lineageSchema, page, pipelineSchema } from "./schema.ts";

const failures = problems(400, 401, 403, 409, 429, 503, 504);
const common = { method: "get" as const, tags: ["pipeline"], security: SIGNED_IN };

/** Records read at most to find a trade within its stored batch. */
const MAX_LINEAGE_RECORDS = 20_000;

/** The picture of the pipeline and what it knows of its data: `/pipeline`, `/completeness`, `/lineage`, `/alerts`. */
export function pipelineRoutes(parts: ControlParts) {
  return newRouter()
    .openapi(
      createRoute({
        ...common,
        path: "/pipeline",
        operationId: "getPipeline",
        summary: "Every stage with its state, rate, lag and memory",
        responses: { 200: json("The pipeline", pipelineSchema), ...problems(401, 403, 429) },
      }),
      async (c) => c.json(stamped(parts, await parts.sampler.document()), 200),
    )
    .openapi(
      createRoute({
        ...common,
        path: "/completeness",
        operationId: "listCompleteness",
        summary: "Ranges of ids that did not arrive by stream, and what became of them",
        request: { query: completenessQuery },
        responses: { 200: json("A page of gaps", page("CompletenessPage", completenessSchema)), ...failures },
      }),
      async (c) => {
        const query = c.req.valid("query");
        return c.json(
          stampedPage(parts, c, await readStore(parts, (store) => store.completeness(query))),
          200,
        );
      },
    )
    .openapi(
      createRoute({
        ...common,
        path: "/alerts",
        operationId: "listAlerts",
        summary: "Raised alerts with their evidence, newest first",
        request: { query: pageQuery },
        responses: { 200: json("A page of alerts", page("AlertPage", alertSchema)), ...failures },
      }),
      async (c) => {
        const query = c.req.valid("query");
        return c.json(stampedPage(parts, c, await readStore(parts, (store) => store.alerts(query))), 200);
      },
    )
    .openapi(
      createRoute({
        ...common,
        path: "/lineage/trades/{symbol}/{tradeId}",
        operationId: "getTradeLineage",
        summary: "Where a stored trade came from: topic, partition, offset, LSN, transaction",
        request: {
          params: z.strictObject({
            symbol,
            tradeId: z.string().regex(/^\d{1,15}$/, "expected a trade id, a whole number").transform(Number)
              .openapi({ type: "integer", example: 12345 }),
          }),
        },
        responses: { 200: json("The lineage", lineageSchema), ...failures, ...problems(404) },
      }),
      async (c) => {
        const { symbol, tradeId } = c.req.valid("param");
        const lineage = await readStore(parts, (store) => store.lineage(symbol, tradeId));
        if (lineage === undefined) {
          throw new CandlewireError(
            "control.not_found",
            `Find the trade ${symbol} ${tradeId}: it is not stored`,
            {
              hint: "Look at GET /api/v1/completeness for gaps, and mind the retention",
            },
          );
        }
        return c.json(stamped(parts, { lineage, ...await recordOf(parts, lineage) }), 200);
      },
    );
}

/** The trade's change event in the log, or why it is not to be had. */
async function recordOf(parts: ControlParts, lineage: TradeLineage) {
  const { readLog, config } = parts;
  if (readLog === undefined) return { record: null, recordNote: "The log is not readable from here" };
  try {
    return await within(find(readLog, lineage), config.callTimeoutMs, "Read the log");
  } catch (error) {
    if (!(error instanceof CandlewireError)) throw error;
    // Most often log.out_of_range: retention took it. The lineage itself still stands.
    return { record: null, recordNote: error.message };
  }
}

async function find(readLog: NonNullable<ControlParts["readLog"]>, lineage: TradeLineage) {
  const { topic, partition } = lineage;
  const until = lineage.last_offset + 1;
  let from = lineage.first_offset;
  let left = MAX_LINEAGE_RECORDS;
  while (from < until && left > 0) {
    const batch = await readLog({ topic, partition, from, until, maxRecords: Math.min(left, 1000) });
    for (const record of batch.records) {
      left--;
      const envelope = parsed(record.value);
      const after = envelope?.after;
      if (
        envelope === undefined || after?.symbol !== lineage.symbol ||
        Number(after.trade_id) !== lineage.trade_id
      ) {
        continue;
      }
      const { lsn, txId } = envelope.source;
      return {
        record: {
          offset: record.offset,
          appendedAt: record.timestamp,
          op: envelope.op,
          lsn: lsn === null || !Number.isSafeInteger(lsn) ? null : formatLsn(BigInt(lsn)),
          txId,
          source: envelope.source as unknown as Record<string, unknown>,
          after,
        },
        recordNote: null,
      };
    }
    if (batch.next <= from) break;
    from = batch.next;
  }
  return { record: null, recordNote: "The log's records of that range do not hold the trade any more" };
}

function parsed(value: string | null): Envelope | undefined {
  try {
    const envelope = JSON.parse(value ?? "null") as Envelope | null;
    return typeof envelope?.source === "object" && envelope.source !== null ? envelope : undefined;
  } catch {
    return undefined;
  }
}
