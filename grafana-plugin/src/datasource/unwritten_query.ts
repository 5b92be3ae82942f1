import { SYMBOL_KINDS, type MarketQueryModel } from './query.ts';

/** True for a query whose author has not begun: no CQL, or no symbol where the kind asks for one. Pure. */
export function isUnwritten(query: MarketQueryModel): boolean {
  if (query.kind === 'cql') {
    return (query.cql ?? '').trim() === '';
  }
  const asksForSymbols = SYMBOL_KINDS.includes(query.kind) && query.kind !== 'completeness';
  return asksForSymbols && (query.symbols ?? []).every((symbol) => symbol.trim() === '');
}
