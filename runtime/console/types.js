/**
 * Shapes of the control API's answers (runtime/control/contract.md); rows and modules are the project's own types.
 *
 * @typedef {import("../market/origin.ts").Origin} Origin
 * @typedef {import("../market/table.ts").TradeRow} TradeRow
 * @typedef {import("../market/table.ts").KlineRow} KlineRow
 * @typedef {import("../market/table.ts").CompletenessRow} CompletenessRow
 * @typedef {import("../query/market_query.ts").Ticker} Ticker
 * @typedef {import("../query/market_query.ts").Book} Book
 * @typedef {import("../query/market_query.ts").WindowRow} WindowRow
 * @typedef {import("../query/market_query.ts").DeadLetter} DeadLetter
 * @typedef {import("../query/market_query.ts").StoredAlert} StoredAlert
 * @typedef {import("../query/market_query.ts").TradeLineage} TradeLineage
 * @typedef {import("../host/module_context.ts").LogLine} LogLine
 * @typedef {import("../host/module_host.ts").ModuleStatus & { rates?: Record<string, number>, cpuPercent?: number | null }} Module
 *
 * @typedef {"running" | "starting" | "degraded" | "blocked" | "stopped" | "failed" | "unknown"} StageState
 * @typedef {object} Stage
 * @property {string} id
 * @property {string} title
 * @property {string | null} module
 * @property {StageState} state
 * @property {string} detail
 * @property {number | null} rate
 * @property {string} rateUnit
 * @property {number | null} total
 * @property {{ value: number, unit: "seconds" | "bytes" | "records" } | null} lag
 * @property {{ p50: number | null, p99: number | null, mean: number | null } | null} latency seconds
 * @property {number | null} rssBytes
 * @property {number | null} cpuPercent
 * @property {number | null} restarts
 * @property {{ label: string, value: number | string, unit: string }[]} figures
 *
 * @typedef {object} Pipeline
 * @property {string} profile
 * @property {string} version
 * @property {Record<string, string>} versions
 * @property {number} startedAt
 * @property {number} uptimeMs
 * @property {number} at
 * @property {boolean} ready
 * @property {string[]} notReady
 * @property {number} alerts
 * @property {Record<string, number>} diskBytes
 * @property {Stage[]} stages
 * @property {{ from: string, to: string, rate: number | null, unit: string }[]} edges
 *
 * @typedef {object} Replay
 * @property {string} id
 * @property {"running" | "done" | "cancelled" | "failed"} state
 * @property {string} topic
 * @property {{ partition: number, from: number, until: number }[]} ranges
 * @property {number} total
 * @property {number} done
 * @property {number} stored
 * @property {number} [unchanged]
 * @property {number} filtered
 * @property {number} failed
 * @property {boolean} dry_run
 * @property {boolean} correcting
 * @property {number | string} created_at
 * @property {number | string | null} finished_at
 * @property {string | { message?: string } | null} error
 *
 * @typedef {"viewer" | "operator" | null} Role
 * @typedef {{ state: "connecting" | "live" | "stale" | "disconnected" | "signed_out", detail: string, retryAt: number }} Connection
 *
 * @typedef {object} LiveEvent
 * @property {string} channel
 * @property {"snapshot" | "change"} kind
 * @property {string | null} symbol
 * @property {any} data
 */
export {};
