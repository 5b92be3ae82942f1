import { Api } from "./api.js";
import { h, setText } from "./dom.js";
import { utc } from "./format.js";
import { Live } from "./live.js";
import { button, problemElement, tone, word } from "./parts.js";
import { State } from "./state.js";

/**
 * @typedef {object} App
 * @property {Api} api
 * @property {Live} live
 * @property {State} state
 *
 * @typedef {{ element: HTMLElement, dispose?: () => void, route?: (rest: string[]) => void }} Page
 */

/**
 * A page's code is loaded when it is first opened.
 * @type {{ id: string, title: string, load: () => Promise<(app: App, rest: string[]) => Page> }[]}
 */
const PAGES = [
  { id: "pipeline", title: "Pipeline", load: async () => (await import("./page/pipeline.js")).pipelinePage },
  { id: "modules", title: "Modules", load: async () => (await import("./page/modules.js")).modulesPage },
  { id: "markets", title: "Markets", load: async () => (await import("./page/markets.js")).marketsPage },
  {
    id: "dead-letters",
    title: "Dead letters",
    load: async () => (await import("./page/dead_letters.js")).deadLettersPage,
  },
  { id: "replays", title: "Replays", load: async () => (await import("./page/replays.js")).replaysPage },
];

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

const state = new State();
/** @type {Page | undefined} */
let page;
let pageId = "";
/** Rises with each change of page. */
let turns = 0;

const onOrigin = state.setOrigin.bind(state);
const onUnauthorized = () => {
  if (state.role === null) return;
  setSession({ role: null, expiresAt: null });
};
const api = new Api({ onOrigin, onUnauthorized });
const live = new Live({
  onOrigin,
  onUnauthorized,
  onConnection(connection) {
    state.connection = connection;
    state.tell("connection");
  },
});
/** @type {App} */
const app = { api, live, state };

/** @param {{ role: import("./types.js").Role, expiresAt: number | null }} session */
function setSession(session) {
  state.role = session.role;
  state.expiresAt = session.expiresAt;
  if (session.role === null) live.stop();
  else live.start();
  state.tell("session");
  pageId = "";
  void route();
}

/** The page's name in the address, and what follows it. */
function address() {
  const [id = "", ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decode);
  return { id, rest };
}

async function route() {
  const { id, rest } = address();
  const signedIn = state.role !== null;
  const target = PAGES.find((candidate) => candidate.id === id) ?? /** @type {typeof PAGES[number]} */
    (PAGES[0]);
  const targetId = signedIn ? target.id : "sign-in";
  for (const link of byId("tabs").querySelectorAll("a")) {
    if (link.dataset.page === targetId) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (signedIn && pageId === targetId) {
    page?.route?.(rest);
    return;
  }
  page?.dispose?.();
  page = undefined;
  pageId = targetId;
  showOrigin();
  const title = h("h1", { class: "visually-hidden" }, signedIn ? target.title : "Sign in");
  const turn = ++turns;
  try {
    const open = signedIn
      ? await target.load()
      : (await import("./page/sign_in.js")).signInPage.bind(null, app, setSession);
    // Meanwhile the reader may have gone on to another page.
    if (turn !== turns) return;
    page = open(app, address().rest);
    byId("main").replaceChildren(title, page.element);
    // The others once there is time: pages then change without the server, too.
    if (signedIn) {
      requestIdleCallback(() => PAGES.forEach((other) => void other.load().catch(() => undefined)));
    }
  } catch (error) {
    pageId = "";
    byId("main").replaceChildren(title, problemElement(error));
  }
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** I8: on every page and in the tab's title; an unknown origin says so. */
function showOrigin() {
  const { origin, simulated } = state;
  const element = byId("origin");
  const title = PAGES.find((candidate) => candidate.id === pageId)?.title ?? "Sign in";
  if (origin === null) {
    document.title = `Origin unknown · ${title} · Candlewire`;
    return;
  }
  document.title = `${simulated ? "SIMULATED · " : ""}${title} · Candlewire`;
  element.className = `origin ${simulated ? "simulated" : "live"}`;
  element.replaceChildren(
    h("strong", {}, simulated ? "SIMULATED" : "LIVE"),
    h("span", {}, simulated ? `${origin.label}: not the real market` : origin.label),
    h("span", { class: "muted mono" }, `${origin.kind}/${origin.id}`),
  );
}

function showConnection() {
  const { connection } = state;
  const element = byId("connection");
  element.className = `state ${tone(connection.state)}`;
  setText(element, word(connection.state));
  const notices = byId("notices");
  if (connection.state === "disconnected") {
    const seconds = Math.max(0, Math.ceil((connection.retryAt - Date.now()) / 1000));
    const notice = h(
      "div",
      { class: "notice" },
      h("strong", {}, "Disconnected"),
      h("span", {}, `What you see is old. ${connection.detail || "The control API does not answer"}.`),
      h(
        "span",
        { class: "muted", "aria-live": "off" },
        seconds > 0 ? `Next attempt in ${seconds} s` : "Connecting…",
      ),
      button("Connect now", () => live.retryNow(), { class: "small" }),
    );
    notices.replaceChildren(notice);
  } else if (connection.state === "stale") {
    notices.replaceChildren(
      h(
        "div",
        { class: "notice warn" },
        h("strong", {}, "Stale"),
        h("span", {}, `What you see may be old: ${connection.detail}.`),
      ),
    );
  } else if (notices.firstChild !== null) {
    notices.replaceChildren();
  }
}

function showSession() {
  const element = byId("session");
  if (state.role === null) return element.replaceChildren();
  const out = h("button", {
    type: "button",
    class: "link",
    on: {
      click: () =>
        api.delete("/session").catch(() => undefined).then(() => setSession({ role: null, expiresAt: null })),
    },
  }, "Sign out");
  element.replaceChildren(
    h("span", { title: state.operator ? "May look and change" : "May look, not change" }, word(state.role)),
    " · ",
    out,
  );
}

function showTabs() {
  byId("tabs").replaceChildren(...PAGES.map(({ id, title }) =>
    h(
      "a",
      { href: `#/${id}`, "data-page": id },
      title,
      id === "dead-letters" && h("span", { class: "badge bad", id: "dead-letter-badge", hidden: true }),
    )
  ));
}

function showBadge() {
  const badge = byId("dead-letter-badge");
  badge.hidden = (state.deadLetters?.length ?? 0) === 0;
  setText(badge, state.deadLetterCount);
}

function showBuild() {
  const pipeline = state.pipeline;
  if (pipeline === null) return;
  setText(
    byId("build"),
    `Candlewire ${pipeline.version} · ${pipeline.profile} profile · Deno ${pipeline.versions?.deno ?? "?"}`,
  );
}

async function boot() {
  showTabs();
  state.on(["origin"], showOrigin);
  state.on(["connection"], showConnection);
  state.on(["session"], showSession);
  state.on(["deadLetters"], showBadge);
  state.on(["pipeline"], showBuild);
  live.subscribe({
    channels: ["pipeline", "modules", "alerts", "dead-letters", "replays"],
    onEvent: (event) => state.receive(event),
  });
  setInterval(() => {
    setText(byId("clock"), `${utc(Date.now())} UTC`);
    if (state.connection.state === "disconnected") showConnection();
  }, 1000);
  setText(byId("clock"), `${utc(Date.now())} UTC`);
  addEventListener("hashchange", () => void route());
  byId("main").closest("body")?.querySelector(".skip")?.addEventListener("click", (event) => {
    event.preventDefault();
    byId("main").focus();
  });
  try {
    setSession(await api.get("/session"));
  } catch (error) {
    setSession({ role: null, expiresAt: null });
    console.warn("Read the session:", error);
  }
}

void boot();
