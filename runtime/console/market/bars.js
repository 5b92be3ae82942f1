import { setDecimal } from "../decimal_text.js";
import { h, reconcile, setText, svg } from "../dom.js";
import { shortDecimal } from "../format.js";

/** @typedef {import("../types.js").Ticker} Ticker */

/**
 * The largest markets as horizontal bars; each is a button that chooses its symbol.
 * @param {(symbol: string) => void} onChoose
 */
export function marketBars(onChoose) {
  const element = h("ol", {
    class: "bars",
    "aria-label": "Markets by 24 h quote volume in USDT, largest first",
  });
  return {
    element,
    /**
     * @param {readonly Ticker[]} tickers largest first
     * @param {string} chosen
     */
    draw(tickers, chosen) {
      const most = Number(tickers[0]?.quote_volume_usdt ?? 0);
      reconcile(element, tickers, {
        key: (ticker) => ticker.symbol,
        create: (ticker) =>
          h(
            "li",
            { "data-symbol": ticker.symbol },
            h(
              "button",
              { type: "button", on: { click: () => onChoose(ticker.symbol) } },
              h("span", { class: "muted num" }),
              h("strong", {}, ticker.symbol),
              h(
                "span",
                { class: "track", "aria-hidden": "true" },
                svg(
                  "svg",
                  { viewBox: "0 0 100 10", preserveAspectRatio: "none" },
                  svg("rect", { height: 10 }),
                ),
              ),
              h("span", { class: "num" }),
              h("span", { class: "sub" }, h("span", { class: "mono" }), h("span", { class: "mono" })),
            ),
          ),
        update: (item, ticker) => {
          const button = /** @type {HTMLButtonElement} */ (item.firstElementChild);
          const [rank, , track, volume, sub] = /** @type {Element[]} */ (Array.from(button.children));
          const [last, change] = /** @type {Element[]} */ (Array.from(sub?.children ?? []));
          const selected = ticker.symbol === chosen;
          item.className = selected ? "selected" : "";
          button.setAttribute("aria-pressed", String(selected));
          button.title = `${ticker.symbol}: quote volume ${
            ticker.quote_volume_usdt ?? "unknown"
          } USDT in 24 h`;
          setText(rank, tickers.indexOf(ticker) + 1);
          track?.querySelector("rect")?.setAttribute(
            "width",
            (most > 0 ? (Number(ticker.quote_volume_usdt ?? 0) / most) * 100 : 0).toFixed(2),
          );
          setText(volume, ticker.quote_volume_usdt === null ? "–" : shortDecimal(ticker.quote_volume_usdt));
          setDecimal(last, ticker.last_price);
          drawChange(/** @type {HTMLElement} */ (change), ticker.price_change_percent);
        },
      });
    },
  };
}

/**
 * A change in percent with its sign and direction, as text and color.
 * @param {HTMLElement} element
 * @param {string | undefined} percent decimal text
 */
export function drawChange(element, percent) {
  const falling = percent?.startsWith("-") ?? false;
  const flat = percent === undefined || /^-?0*(\.0*)?$/.test(percent);
  element.className = `mono ${flat ? "muted" : falling ? "down" : "up"}`;
  setText(element, percent === undefined ? "–" : `${flat ? "" : falling ? "▼ " : "▲ +"}${percent} %`);
}
