import type { MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { CandlewireError } from "../error.ts";
import type { ControlEnv } from "./control_env.ts";
import { FailedSignIns } from "./failed_sign_ins.ts";
import { cut } from "./problem.ts";
import type { Role, Session, Sessions } from "./session.ts";

/** The session cookie's name. */
export const COOKIE = "candlewire_session";

/** Options of {@linkcode Access}. */
export type AccessOptions = {
  sessions: Sessions;
  /** The hostname listened on: beyond loopback, IP addresses are good Host headers too. */
  hostname: string;
  allowedHosts: readonly string[];
  allowedOrigins: readonly string[];
  maxSignInFailures: number;
  nowMs: () => number;
  /** Told of each new wrong credential, which is not named. */
  onFailure?: (address: string) => void;
};

/** Who may call what. The order of the checks is Host, Origin, credential, role. */
export class Access {
  readonly #options: AccessOptions;
  readonly #failures: FailedSignIns;
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;
  readonly #loopbackOnly: boolean;

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#failures = new FailedSignIns({ limit: options.maxSignInFailures });
    this.#hosts = new Set(["localhost", ...options.allowedHosts.map((host) => host.toLowerCase())]);
    this.#origins = new Set(options.allowedOrigins.map((origin) => new URL(origin).origin));
    this.#loopbackOnly = isLoopback(options.hostname);
  }

  /**
   * Refuses a Host that is not ours: a page whose name was rebound to our address sends its own name. An IP address
   * cannot be rebound; ports may be forwarded, so they are not compared.
   */
  readonly host: MiddlewareHandler<ControlEnv> = async (c, next) => {
    const header = c.req.header("host") ?? new URL(c.req.url).host;
    const name = hostnameOf(header);
    const allowed = name !== undefined &&
      (this.#hosts.has(name) || isLoopback(name) || (!this.#loopbackOnly && isAddress(name)));
    if (!allowed) {
      throw new CandlewireError(
        "control.unknown_host",
        `Check the Host header: "${cut(header)}" is not allowed`,
        {
          hint: "Call by 127.0.0.1 or localhost, or add the name to control.allowedHosts",
        },
      );
    }
    await next();
  };

  /** Refuses changes that another site's page sends. */
  readonly origin: MiddlewareHandler<ControlEnv> = async (c, next) => {
    if (isChange(c.req.method)) {
      const origin = c.req.header("origin");
      const bearer = bearerOf(c.req.header("authorization")) !== undefined;
      // A token in the header cannot come from another site's page, for nothing here answers its preflight. Grafana's proxy takes
      // the browser's Origin away, leaves its Sec-Fetch-Site and adds the token.
      const fromPage = origin !== undefined || (!bearer && c.req.header("sec-fetch-site") !== undefined);
      const own = origin !== undefined &&
        this.#ownOrigin(origin, c.req.header("host") ?? new URL(c.req.url).host);
      // Programs send no Origin; a call with our cookie can only come from a page.
      const cookieAlone = !bearer && getCookie(c, COOKIE) !== undefined;
      if ((fromPage || cookieAlone) && !own) {
        throw new CandlewireError(
          "control.foreign_origin",
          `Check the Origin of a change: ${
            origin === undefined ? "it is missing" : `"${cut(origin)}" is not ours`
          }`,
          {
            hint:
              "Send changes from the console's own page, or add the page's origin to control.allowedOrigins",
          },
        );
      }
    }
    await next();
  };

  /** Asks for a credential; changes ask for the operator's. */
  readonly signedIn: MiddlewareHandler<ControlEnv> = async (c, next) => {
    const role = this.roleOf(c);
    if (role === undefined) {
      throw new CandlewireError("control.unauthorized", `Call ${c.req.path}: nobody is signed in`, {
        hint:
          "Send Authorization: Bearer with a token from <data-dir>/tokens.json, or open the login link that start prints",
      });
    }
    if (isChange(c.req.method) && role !== "operator") {
      throw new CandlewireError("control.forbidden", `Change ${c.req.path}: the role ${role} only reads`, {
        hint: "Use the operator's token",
      });
    }
    c.set("role", role);
    await next();
  };

  /** The caller's role; undefined without a good credential. A bearer token wins over a cookie. */
  roleOf(c: Parameters<MiddlewareHandler<ControlEnv>>[0]): Role | undefined {
    const header = c.req.header("authorization");
    if (header === undefined) return this.session(c)?.role;
    return this.roleOfToken(bearerOf(header) ?? header, c.get("address"));
  }

  /** The role of a token, guarded against guessing. */
  roleOfToken(token: string, address: string): Role | undefined {
    return this.#guarded(address, token, () => this.#options.sessions.roleOf(token));
  }

  /** Spends a login code, guarded against guessing. */
  spendCode(code: string, address: string): boolean {
    return this.#guarded(
      address,
      code,
      () => this.#options.sessions.spendCode(code, this.#options.nowMs()) || undefined,
    ) ?? false;
  }

  /** The console session of the cookie. */
  session(c: Parameters<MiddlewareHandler<ControlEnv>>[0]): Session | undefined {
    const id = getCookie(c, COOKIE);
    return id === undefined ? undefined : this.#options.sessions.get(id, this.#options.nowMs());
  }

  /** Opens a session and sets its cookie. */
  open(c: Parameters<MiddlewareHandler<ControlEnv>>[0], role: Role): Session {
    const { id, session } = this.#options.sessions.open(role, this.#options.nowMs());
    setCookie(c, COOKIE, id, {
      httpOnly: true,
      sameSite: "Strict",
      path: "/",
      // Behind a proxy that ends TLS the page is https; on loopback it is not.
      secure: this.#origins.has(`https://${c.req.header("host")}`),
      expires: new Date(session.expiresAt),
    });
    return session;
  }

  /** Ends the session of the cookie and takes the cookie back. */
  close(c: Parameters<MiddlewareHandler<ControlEnv>>[0]): void {
    const id = getCookie(c, COOKIE);
    if (id !== undefined) this.#options.sessions.close(id);
    setCookie(c, COOKIE, "", { httpOnly: true, sameSite: "Strict", path: "/", maxAge: 0 });
  }

  #guarded<T>(address: string, credential: string, check: () => T | undefined): T | undefined {
    const now = this.#options.nowMs();
    const waitMs = this.#failures.blockedFor(address, now);
    if (waitMs > 0) {
      throw new CandlewireError(
        "control.too_many_attempts",
        `Sign in from ${address}: ${this.#options.maxSignInFailures} different wrong tokens or codes came within a minute`,
        {
          retry: "retry",
          hint: `Wait ${Math.ceil(waitMs / 1000)} s, then use a token from <data-dir>/tokens.json`,
          details: { retryAfterMs: waitMs },
        },
      );
    }
    const found = check();
    if (found === undefined && this.#failures.failed(address, credential, now)) {
      this.#options.onFailure?.(address);
    }
    return found;
  }

  #ownOrigin(origin: string, host: string): boolean {
    if (this.#origins.has(origin)) return true;
    const url = URL.parse(origin);
    return url !== null && (url.protocol === "http:" || url.protocol === "https:") &&
      url.host === host.toLowerCase();
  }
}

/** True for methods that change something. */
export function isChange(method: string): boolean {
  return method !== "GET" && method !== "HEAD" && method !== "OPTIONS";
}

/** `localhost`, `127.0.0.0/8`, `::1`. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || /^127(\.\d{1,3}){3}$/.test(hostname) ||
    hostname === "::1" || hostname === "[::1]" || /^::ffff:127(\.\d{1,3}){3}$/.test(hostname);
}

function isAddress(hostname: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(hostname) || /^\[[0-9a-f:.]+\]$/.test(hostname);
}

/** `Example.org:80` to `example.org`; undefined for what is no host. */
function hostnameOf(header: string): string | undefined {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/.exec(header);
  return match?.[1]?.toLowerCase().replace(/\.$/, "");
}

function bearerOf(header: string | undefined): string | undefined {
  return /^bearer +(\S+)$/i.exec(header ?? "")?.[1];
}
