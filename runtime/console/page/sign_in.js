import { h } from "../dom.js";
import { attempt, panel } from "../parts.js";

/**
 * Asks for a token when there is no session: the one-time link was used up, or the session ended.
 * @param {import("../main.js").App} app
 * @param {(session: any) => void} onSession
 * @returns {import("../main.js").Page}
 */
export function signInPage(app, onSession) {
  const token = h("input", {
    type: "password",
    id: "token",
    name: "token",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    size: 48,
  });
  const problem = h("div");
  const submit = h("button", { class: "primary", type: "submit" }, "Sign in");
  const form = h(
    "form",
    {
      on: {
        submit: async (event) => {
          event.preventDefault();
          submit.disabled = true;
          await attempt(problem, async () => {
            const session = await app.api.post("/session", { token: token.value.trim() });
            token.value = "";
            onSession(session);
          });
          submit.disabled = false;
        },
      },
    },
    h("div", { class: "row" }, h("label", { for: "token" }, "Token"), token, submit),
  );
  const element = panel(
    "Sign in",
    {},
    h(
      "div",
      { class: "body grid" },
      h(
        "p",
        {},
        "Open the one-time link that the host printed when it started, or paste a token: ",
        h("code", {}, "viewer"),
        " looks, ",
        h("code", {}, "operator"),
        " also changes. Both are in ",
        h("code", {}, "tokens.json"),
        " in the data folder.",
      ),
      form,
      problem,
    ),
  );
  queueMicrotask(() => token.focus());
  return { element };
}
