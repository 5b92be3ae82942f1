/** A value with listeners, for React's `useSyncExternalStore`. */
export type Store<Value> = {
  get(): Value;
  set(value: Value): void;
  subscribe(listener: () => void): () => void;
};

/** Makes a store; setting what `equal` calls the same tells nobody. */
export function createStore<Value>(first: Value, equal: (a: Value, b: Value) => boolean = Object.is): Store<Value> {
  let value = first;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (equal(value, next)) {
        return;
      }
      value = next;
      listeners.forEach((listener) => listener());
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
