/**
 * Elements without markup: everything that comes from data becomes a text node or an attribute value, never HTML, so a
 * hostile symbol, log line or payload stays text.
 */

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {{ [name: string]: unknown, on?: Record<string, (event: any) => void> }} Attributes */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {Element} element
 * @param {Attributes} attributes
 */
function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [type, listener] of Object.entries(attributes.on ?? {})) {
        element.addEventListener(type, listener);
      }
    } else if (name === "value" || name === "checked" || name === "disabled" || name === "hidden") {
      /** @type {any} */ (element)[name] = value;
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

/**
 * @param {Element} element
 * @param {Child[]} children
 */
function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/**
 * An HTML element. `on` holds listeners; null, undefined and false attributes and children are left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  append(element, children);
  return element;
}

/**
 * An SVG element.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  setAttributes(element, attributes);
  append(element, children);
  return element;
}

/**
 * Sets the text of a node only when it changed: an untouched node costs no layout.
 * @param {Node | null | undefined} node nothing happens when it is missing
 * @param {string | number} text
 */
export function setText(node, text) {
  if (!node) return;
  const next = String(text);
  if (node.textContent !== next) node.textContent = next;
}

/**
 * Makes the children of `parent` be one element per item, in order, by key: kept elements are updated in place, so that
 * focus, selection and scroll survive a refresh.
 * @template Item
 * @template {Element} Row
 * @param {Element} parent
 * @param {readonly Item[]} items
 * @param {{ key: (item: Item) => string, create: (item: Item) => Row, update?: (row: Row, item: Item) => void }} how
 */
export function reconcile(parent, items, how) {
  /** @type {Map<string, Element>} */
  const present = new Map();
  for (const child of Array.from(parent.children)) {
    const key = /** @type {any} */ (child).candlewireKey;
    if (key === undefined) child.remove();
    else present.set(key, child);
  }
  let before = parent.firstElementChild;
  for (const item of items) {
    const key = how.key(item);
    let row = /** @type {Row | undefined} */ (present.get(key));
    if (row === undefined) {
      row = how.create(item);
      /** @type {any} */ (row).candlewireKey = key;
    } else {
      present.delete(key);
    }
    how.update?.(row, item);
    if (row === before) before = before.nextElementSibling;
    else parent.insertBefore(row, before);
  }
  for (const left of present.values()) left.remove();
}
