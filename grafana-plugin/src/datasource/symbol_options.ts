import { getTemplateSrv } from '@grafana/runtime';
import type { ComboboxOption } from '@grafana/ui';
import type { MarketDataSource } from './DataSource';

/** The choices of a list of symbols: the dashboard's variables, then the stored markets. The backend may be away: variables stay. */
export function symbolOptions(datasource: MarketDataSource): (typed: string) => Promise<Array<ComboboxOption<string>>> {
  return async (typed) => {
    const variables = getTemplateSrv()
      .getVariables()
      .filter(({ type }) => type !== 'adhoc' && type !== 'datasource')
      .map(({ name }) => ({ value: `$${name}`, label: `$${name}`, description: 'Variable of this dashboard' }));
    const symbols = await datasource.resources.symbols().catch(() => []);
    const wanted = typed.toLowerCase();
    return [...variables, ...symbols.map((symbol) => ({ value: symbol, label: symbol }))].filter(({ value }) => value.toLowerCase().includes(wanted));
  };
}
