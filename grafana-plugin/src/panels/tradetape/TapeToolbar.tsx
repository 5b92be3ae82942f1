import React, { useState } from 'react';
import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Input, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import type { SizeUnit, TapeSide } from './tape_filter';

const SIDES: Array<{ label: string; value: TapeSide; description: string }> = [
  { label: 'All', value: 'all', description: 'All trades' },
  { label: '▲ Buys', value: 'buy', description: 'The buyer took' },
  { label: '▼ Sells', value: 'sell', description: 'The seller took' },
];

/** Side and least size, for a look at once; the panel's options are the defaults. */
export function TapeToolbar(props: {
  side: TapeSide;
  minSize: number;
  sizeUnit: SizeUnit;
  onSide: (side: TapeSide) => void;
  onMinSize: (size: number) => void;
}) {
  const styles = useStyles2(getStyles);
  const [text, setText] = useState(props.minSize === 0 ? '' : String(props.minSize));
  const bad = text.trim() !== '' && !(Number(text) >= 0);
  return (
    <>
      <span className={styles.side}>
        <RadioButtonGroup size="sm" aria-label="Side" options={SIDES} value={props.side} onChange={props.onSide} />
      </span>
      <span className={styles.size}>
        <Input
          type="text"
          inputMode="decimal"
          value={text}
          invalid={bad}
          aria-invalid={bad}
          aria-label={props.sizeUnit === 'value' ? 'Least value of a trade, in the quote asset' : 'Least quantity of a trade'}
          title={bad ? 'A number from 0' : undefined}
          placeholder={props.sizeUnit === 'value' ? 'min value' : 'min size'}
          onChange={(event) => {
            const next = event.currentTarget.value;
            setText(next);
            const size = next.trim() === '' ? 0 : Number(next);
            if (size >= 0) {
              props.onMinSize(size);
            }
          }}
        />
      </span>
    </>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  // On a narrow panel it goes to a line of its own, for its words must not be cut.
  side: css({ flexShrink: 0 }),
  size: css({ width: 96, '& > div, & input': { height: theme.spacing(3) } }),
});
