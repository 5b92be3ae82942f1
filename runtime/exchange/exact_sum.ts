/** Where the low limb carries over. Two limbs hold sums up to 10^30 exactly. */
const LIMB = 1e15;
/** The largest term that the fast path adds: the low limb plus it stays a safe integer. */
const SAFE_TERM = 8e15;

/**
 * Adds a non-negative integer to the sum in `cells[at]` (high limb) and `cells[at + 1]` (low limb). Sums of quote
 * volumes pass 2^53 within a day, and BigInt on every trade would cost more than the matching.
 */
export function addExact(cells: Float64Array, at: number, term: number): void {
  const low = cells[at + 1]! + term;
  if (low < LIMB) {
    cells[at + 1] = low;
    return;
  }
  const carry = Math.floor(low / LIMB);
  cells[at] = cells[at]! + carry;
  cells[at + 1] = low - carry * LIMB;
}

/** Adds price × quantity, exactly, whatever its size. */
export function addProduct(cells: Float64Array, at: number, price: number, quantity: number): void {
  const product = price * quantity;
  if (product <= SAFE_TERM) return addExact(cells, at, product);
  const exact = BigInt(price) * BigInt(quantity);
  cells[at] = cells[at]! + Number(exact / BigInt(LIMB));
  addExact(cells, at, Number(exact % BigInt(LIMB)));
}

/** Adds the sum at `from[fromAt]` to the one at `cells[at]`. */
export function addSum(cells: Float64Array, at: number, from: Float64Array, fromAt: number): void {
  cells[at] = cells[at]! + from[fromAt]!;
  addExact(cells, at, from[fromAt + 1]!);
}

/** The sum as one integer. */
export function exactValue(cells: Float64Array, at: number): bigint {
  return BigInt(cells[at]!) * BigInt(LIMB) + BigInt(cells[at + 1]!);
}
