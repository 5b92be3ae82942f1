import { css } from '@emotion/css';
import React, { useCallback, useState, type SyntheticEvent } from 'react';
import { useLocation } from 'react-router';
import type { GrafanaTheme2 } from '@grafana/data';
import { locationService } from '@grafana/runtime';
import { Button, Field, Input, LoadingPlaceholder, useStyles2 } from '@grafana/ui';
import { count, prettyJson } from '../../../../runtime/console/format.js';
import { useApp } from '../App/AppContext';
import { useReading } from '../App/hooks';
import { Facts, Payload, Time } from '../parts/Figures';
import { ProblemAlert } from '../parts/ProblemAlert';
import { Section } from '../parts/Section';

/** The way of one trade, by symbol and id; both are in the address, so that it can be passed on. */
export function Lineage() {
  const { search } = useLocation();
  const asked = new URLSearchParams(search);
  const [symbol, trade] = [asked.get('symbol') ?? '', asked.get('trade') ?? ''];
  return <LineageParts key={`${symbol} ${trade}`} symbol={symbol} trade={trade} />;
}

function LineageParts({ symbol, trade }: { symbol: string; trade: string }) {
  const styles = useStyles2(getStyles);
  const { api } = useApp();
  const [form, setForm] = useState({ symbol, trade });
  const read = useCallback((signal: AbortSignal) => api.lineage(symbol, trade, { signal }), [api, symbol, trade]);
  const { data, problem, loading, reload } = useReading(symbol !== '' && trade !== '' ? read : undefined);
  const wrong = form.trade.trim() !== '' && !/^\d+$/.test(form.trade.trim());
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (form.symbol.trim() !== '' && form.trade.trim() !== '' && !wrong) {
      locationService.partial({ symbol: form.symbol.trim().toUpperCase(), trade: form.trade.trim() });
      reload();
    }
  };
  return (
    <Section title="The way of one trade" note="From its record in the log to the row in the store">
      <form onSubmit={submit} className={styles.form}>
        <Field label="Symbol" noMargin>
          <Input
            id="lineage-symbol"
            width={20}
            placeholder="BTCUSDT"
            value={form.symbol}
            onChange={(event) => setForm({ ...form, symbol: event.currentTarget.value })}
          />
        </Field>
        <Field label="Trade id" noMargin invalid={wrong} error="A trade id is a whole number">
          <Input
            id="lineage-trade"
            width={24}
            inputMode="numeric"
            value={form.trade}
            onChange={(event) => setForm({ ...form, trade: event.currentTarget.value })}
          />
        </Field>
        <Button type="submit" disabled={form.symbol.trim() === '' || form.trade.trim() === '' || wrong}>
          Look up
        </Button>
      </form>
      {loading && <LoadingPlaceholder text="Looking the trade up" />}
      <ProblemAlert problem={problem} />
      {data !== undefined && (
        <>
          <Facts
            pairs={[
              ['Trade', `${data.lineage.symbol} ${data.lineage.trade_id}`],
              ['Topic', <code key="topic">{data.lineage.topic}</code>],
              ['Partition', String(data.lineage.partition)],
              ['Offsets of its batch', `${count(data.lineage.first_offset)}–${count(data.lineage.last_offset)}`],
              ['Stored', <Time key="stored" at={data.lineage.stored_at} form="full" />],
              ...(data.recordNote === null ? [] : [['Record', data.recordNote] as const]),
            ]}
          />
          {data.record !== null && <Payload label="Change record" text={prettyJson(data.record)} />}
        </>
      )}
    </Section>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  form: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(2), alignItems: 'flex-end' }),
});
