import React, { useCallback, useMemo } from 'react';
import { locationService } from '@grafana/runtime';
import { Combobox } from '@grafana/ui';
import { BASE_URL, ROUTES } from '../../constants';
import { pathOf } from '../../model/address';
import { useApp } from '../App/AppContext';
import { useReading } from '../App/hooks';

const ALL_SYMBOLS = 5000;

/** Chooses any symbol of the market; one that is not listed can be typed. */
export function SymbolPicker({ symbol }: { symbol: string | undefined }) {
  const { api } = useApp();
  const read = useCallback((signal: AbortSignal) => api.tickers({ limit: ALL_SYMBOLS, orderBy: 'symbol' }, { signal }), [api]);
  const { data } = useReading(read);
  const options = useMemo(() => (data?.rows ?? []).map((ticker) => ({ value: ticker.symbol })), [data]);
  return (
    <Combobox
      aria-label="Symbol"
      placeholder="Symbol"
      width={24}
      createCustomValue
      options={options}
      value={symbol ?? null}
      onChange={(option) => {
        const chosen = option.value.trim().toUpperCase();
        if (chosen !== '') {
          locationService.push(`${BASE_URL}/${ROUTES.market}/${pathOf(chosen)}`);
        }
      }}
    />
  );
}
