import { CandlewireError } from "../error.ts";
import { decodeBody, encodeBody } from "./frame.ts";
import type { Answer } from "./message.ts";
import { failed, type OutgoingCall } from "./module_calls.ts";
import type { SupervisedModule } from "./supervised_module.ts";

/** Answers a call to `"host"`. */
export type HostHandler = (parameters: unknown, from: string) => unknown | Promise<unknown>;

/**
 * Carries calls from module to module, bodies undecoded, and answers those to the host. A user module reaches only the
 * methods that were granted to it (I6). Nothing here rejects: failures are answers.
 */
export class Relay {
  readonly #find: (name: string) => SupervisedModule | undefined;
  readonly #handlers = new Map<string, HostHandler>();
  /** Calls so far, by `from to ok`. */
  readonly calls = new Map<string, number>();

  constructor(find: (name: string) => SupervisedModule | undefined) {
    this.#find = find;
  }

  /** Answers calls of modules to `"host"`. */
  handle(method: string, handler: HostHandler): void {
    this.#handlers.set(method, handler);
  }

  async route(from: SupervisedModule, to: string, call: OutgoingCall): Promise<Answer> {
    const answer = await this.#answer(from, to, call);
    const target = to === "host" || this.#find(to) !== undefined ? to : "unknown";
    const key = `${from.name} ${target} ${answer.ok}`;
    this.calls.set(key, (this.calls.get(key) ?? 0) + 1);
    return answer;
  }

  async #answer(from: SupervisedModule, to: string, call: OutgoingCall): Promise<Answer> {
    const { builtIn, grant } = from.definition;
    if (!builtIn && !grant.calls.includes(`${to}.${call.method}`)) {
      from.record.violate("denied_call", `call ${to}.${call.method}`);
      return failed(
        new CandlewireError("host.call_denied", `Call ${to}.${call.method}: not granted to ${from.name}`, {
          hint: "List it under permissions.calls in the manifest, and allow it in the ceiling",
          retry: "operator",
        }),
      );
    }
    if (to === "host") return await this.#answerHere(call);
    const module = this.#find(to);
    if (module !== undefined) return await module.request(call);
    return failed(
      new CandlewireError("host.unreachable", `Call ${to}.${call.method}: no such module`, {
        retry: "retry",
      }),
    );
  }

  async #answerHere(call: OutgoingCall): Promise<Answer> {
    const handler = this.#handlers.get(call.method);
    if (handler === undefined) {
      return failed(new CandlewireError("host.unknown_method", `Call host.${call.method}: no such method`));
    }
    try {
      const decoded = decodeBody(call.body);
      if ("error" in decoded) return failed(decoded.error);
      return { ok: true, body: encodeBody(await handler(decoded.value, call.from) ?? null) };
    } catch (error) {
      return failed(error);
    }
  }
}
