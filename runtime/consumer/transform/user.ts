import { CandlewireError, errorText } from "../../error.ts";
import type { CallOptions } from "../../host/module_context.ts";
import { type TableName, TABLES } from "../../market/table.ts";
import { checkColumn } from "../decode_change.ts";
import { retry } from "../retry.ts";
import { type Column, TABLE_COLUMNS } from "../table_columns.ts";
import type { Alert, Change, Outcome, Transform } from "./transform.ts";
import type { UserRequest, UserResponse } from "./user_protocol.ts";

/** What a user transform needs of its surroundings. */
export type UserTransformOptions = {
  tables: string[];
  call: (to: string, method: string, parameters: unknown, options?: CallOptions) => Promise<unknown>;
  signal: AbortSignal;
  /** Rows in one call at most. */
  maxRows: number;
  /** How long one call may take, ms. */
  timeoutMs: number;
  /** How often a row is tried before it is taken to be at fault, the try within its group included. */
  attempts: number;
  /** Told when the transform is away, and when it is back. */
  onUnavailable?: (problem: string) => void;
  onAvailable?: () => void;
  onCrash?: (problem: string) => void;
  /** Waits between attempts to reach it, ms; see `retry`. */
  minMs?: number;
  maxMs?: number;
};

/** Says that the transform did not answer for rows; `cause` tells why. */
class Crashed extends Error {}

/**
 * A transform of the user, in a process of its own. What it answers is checked row by row; a row out of shape fails
 * with `transform.bad_answer`, a row it refuses with `transform.refused`.
 *
 * A process that dies, hangs or answers garbage on a group of rows is not asked for the group again: the rows go one by
 * one, and a row on which it does so again, alone and right after it answered, becomes a dead letter
 * (`transform.crashed`). An answer that does not come in time is asked for once more first. That costs two processes a
 * bad row, however large the group is, which matters because the host starts a process again only so often. A process
 * that is not there is waited for without end: unavailable is no dead letter.
 */
export class UserTransform implements Transform {
  readonly name: string;
  readonly tables: readonly TableName[];
  readonly #options: UserTransformOptions;
  #alerts: Alert[] = [];
  #removed = false;

  constructor(name: string, options: UserTransformOptions) {
    this.name = name;
    this.tables = TABLES.filter((table) => options.tables.includes(table));
    this.#options = options;
  }

  /** True once the host knew no module of this name: the operator took the file away, so rows pass by. */
  get removed(): boolean {
    return this.#removed;
  }

  takeAlerts(): Alert[] {
    const alerts = this.#alerts;
    this.#alerts = [];
    return alerts;
  }

  async apply(changes: Change[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = new Array(changes.length);
    for (const table of this.tables) {
      const places: number[] = [];
      for (let at = 0; at < changes.length; at++) {
        const change = changes[at]!;
        if (change.table !== table) continue;
        // A deletion has a key and no values to look at.
        if (change.kind === "delete") outcomes[at] = { kind: "keep", change };
        else places.push(at);
      }
      for (let from = 0; from < places.length; from += this.#options.maxRows) {
        const group = places.slice(from, from + this.#options.maxRows);
        const answers = await this.#applyGroup(table, group.map((at) => changes[at]!));
        group.forEach((at, index) => outcomes[at] = answers[index]!);
      }
    }
    return outcomes;
  }

  async #applyGroup(table: TableName, changes: Change[]): Promise<Outcome[]> {
    try {
      return await this.#call(table, changes);
    } catch (error) {
      if (!(error instanceof Crashed)) throw error;
    }
    const outcomes: Outcome[] = [];
    await this.#reach(table);
    for (const change of changes) outcomes.push(await this.#applyAlone(table, change));
    return outcomes;
  }

  /** One row, after the process did not get through its group. It was there when this is called. */
  async #applyAlone(table: TableName, change: Change): Promise<Outcome> {
    // The try within its group was the first.
    for (let attempt = 2;; attempt++) {
      try {
        return (await this.#call(table, [change]))[0]!;
      } catch (error) {
        if (!(error instanceof Crashed)) throw error;
        if (attempt >= this.#options.attempts) {
          // Whatever comes next must find it there, or be held responsible for what this row did.
          await this.#reach(table);
          return {
            kind: "fail",
            code: "transform.crashed",
            message: `Transform ${this.name} on ${table} ${keyText(change)}: ${errorText(error.cause)}`
              .slice(0, 2000),
          };
        }
        await this.#reach(table);
      }
    }
  }

  async #call(table: TableName, changes: Change[]): Promise<Outcome[]> {
    const { columns } = TABLE_COLUMNS[table];
    const request: UserRequest = {
      table,
      columns: columns.map(({ name }) => name),
      rows: changes.map(({ row }) =>
        columns.map(({ name }) => (row as unknown as Record<string, unknown>)[name])
      ),
    };
    let answer: unknown;
    let isLate = false;
    try {
      while (true) {
        if (this.#removed) return changes.map((change) => ({ kind: "keep", change }));
        try {
          answer = await this.#options.call(this.name, "apply", request, this.#callOptions());
          break;
        } catch (error) {
          // Once, it may be we who were held up.
          const isExcused: boolean = !isLate && error instanceof CandlewireError &&
            error.code === "host.timeout";
          if (!(isExcused || isNotDelivered(error)) || this.#options.signal.aborted) throw error;
          isLate ||= isExcused;
          await this.#reach(table);
        }
      }
    } catch (error) {
      if (this.#options.signal.aborted) {
        throw new CandlewireError(
          "transform.unavailable",
          `Call transform ${this.name}: this consumer stops`,
          {
            retry: "retry",
            cause: error,
          },
        );
      }
      this.#options.onCrash?.(errorText(error));
      throw new Crashed("No answer", { cause: error });
    }
    const response = answer as UserResponse | null;
    if (!Array.isArray(response?.outcomes) || response.outcomes.length !== changes.length) {
      const count = Array.isArray(response?.outcomes) ? response.outcomes.length : 0;
      this.#options.onCrash?.("bad answer");
      throw new Crashed("Bad answer", {
        cause: new Error(`It answered ${count} outcomes for ${changes.length} rows`),
      });
    }
    for (const alert of Array.isArray(response.alerts) ? response.alerts.slice(0, 1000) : []) {
      if (isAlert(alert)) this.#alerts.push(alert);
    }
    return changes.map((change, at) => this.#outcome(change, columns, response.outcomes[at]));
  }

  /** Waits until the process answers an empty call. */
  async #reach(table: TableName): Promise<void> {
    let away = false;
    await retry(async () => {
      try {
        await this.#options.call(this.name, "apply", { table, columns: [], rows: [] }, this.#callOptions());
      } catch (cause) {
        if (isUnknownModule(cause)) {
          this.#removed = true;
          return;
        }
        throw new CandlewireError(
          "transform.unavailable",
          `Reach transform ${this.name}: ${errorText(cause)}`,
          {
            retry: "retry",
            hint: `Start ${this.name}, approve its code, or take it out of the configuration`,
            cause,
          },
        );
      }
    }, {
      signal: this.#options.signal,
      minMs: this.#options.minMs,
      maxMs: this.#options.maxMs ?? 2000,
      onWait: (error) => {
        away = true;
        this.#options.onUnavailable?.(error.message);
      },
    });
    if (away) this.#options.onAvailable?.();
  }

  #callOptions(): CallOptions {
    return { signal: this.#options.signal, timeoutMs: this.#options.timeoutMs };
  }

  #outcome(change: Change, columns: readonly Column[], answer: unknown): Outcome {
    if (!Array.isArray(answer)) return this.#badAnswer(change, `its outcome is ${typeof answer}`);
    const [kind, value] = answer;
    if (kind === 1 && typeof value === "string") {
      return { kind: "filter", rule: `${this.name}:${value}`.slice(0, 128) };
    }
    if (kind === 2 && typeof value === "string") {
      return {
        kind: "fail",
        code: "transform.refused",
        message: `Transform ${this.name} on ${change.table} ${keyText(change)}: ${value}`.slice(0, 2000),
      };
    }
    if (kind !== 0 || !Array.isArray(value) || value.length !== columns.length) {
      return this.#badAnswer(change, `its outcome is neither row, rule nor message`);
    }
    const { key } = TABLE_COLUMNS[change.table];
    const before = change.row as unknown as Record<string, unknown>;
    const row: Record<string, unknown> = {};
    for (let at = 0; at < columns.length; at++) {
      const column = columns[at]!;
      const expected = checkColumn(column, value[at]);
      if (expected !== undefined) return this.#badAnswer(change, `column ${column.name} must be ${expected}`);
      // I2: a row that changed its key or version would escape the guard of the store.
      const fixed = key.includes(column.name) || column.name === "version" || column.name === "trade_time";
      if (fixed && value[at] !== before[column.name]) {
        return this.#badAnswer(change, `column ${column.name} must stay ${String(before[column.name])}`);
      }
      row[column.name] = value[at];
    }
    return { kind: "keep", change: { ...change, row: row as unknown as Change["row"] } };
  }

  #badAnswer(change: Change, problem: string): Outcome {
    return {
      kind: "fail",
      code: "transform.bad_answer",
      message: `Transform ${this.name} on ${change.table} ${keyText(change)}: ${problem}`,
    };
  }
}

/** The host routes a call to a module that it does not have with the code of one that is down, and another text. */
function isUnknownModule(error: unknown): boolean {
  return error instanceof CandlewireError &&
    (error.code === "host.unknown_module" ||
      (error.code === "host.unreachable" && /no such module$/.test(error.message)));
}

/**
 * True where the host says that the process was not there to be asked. That it was there follows from no error: a call to
 * a dying process fails in many ways.
 */
function isNotDelivered(error: unknown): boolean {
  return isUnknownModule(error) ||
    (error instanceof CandlewireError && error.code === "host.unreachable" &&
      / the module is \w+$/.test(error.message));
}

function keyText(change: Change): string {
  const row = change.row as unknown as Record<string, unknown>;
  return TABLE_COLUMNS[change.table].key.map((name) => String(row[name])).join(" ").slice(0, 200);
}

function isAlert(value: unknown): value is Alert {
  const alert = value as Alert | null;
  return typeof alert?.id === "string" && typeof alert.rule === "string" &&
    typeof alert.symbol === "string" &&
    typeof alert.message === "string" && Number.isFinite(alert.raisedAt) &&
    typeof alert.evidence === "object" && alert.evidence !== null;
}
