/**
 * Work at most once an animation frame, however many events ask for it: a burst of thousands of events costs one
 * render. While the page is hidden nothing is rendered; the last state is drawn when it shows again.
 * @param {() => void} render
 * @returns {{ schedule: () => void, cancel: () => void }}
 */
export function perFrame(render) {
  let handle = 0;
  return {
    schedule() {
      if (handle !== 0) return;
      handle = requestAnimationFrame(() => {
        handle = 0;
        render();
      });
    },
    cancel() {
      cancelAnimationFrame(handle);
      handle = 0;
    },
  };
}

/**
 * The newest `size` items, newest last; older ones fall out (I10).
 * @template Item
 */
export class Ring {
  /** @type {Item[]} */
  #items = [];
  #size;
  /** How many ever fell out. */
  dropped = 0;

  /** @param {number} size */
  constructor(size) {
    this.#size = size;
  }

  /** @param {Item} item */
  push(item) {
    this.#items.push(item);
    // Cut in one go at twice the size: a shift a push would be quadratic in a burst.
    if (this.#items.length >= this.#size * 2) {
      this.dropped += this.#items.length - this.#size;
      this.#items.splice(0, this.#items.length - this.#size);
    }
  }

  clear() {
    this.#items = [];
  }

  /**
   * The newest `limit` items, newest last.
   * @param {number} [limit]
   * @returns {Item[]}
   */
  last(limit = this.#size) {
    return this.#items.slice(-Math.min(limit, this.#size));
  }
}
