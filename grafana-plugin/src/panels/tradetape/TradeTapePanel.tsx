import React, { memo, useEffect, useMemo, useRef, useState } from 'react';
import { LoadingState, type PanelProps } from '@grafana/data';
import { fieldOf, framesWith } from '../frame_reader';
import { PanelMessage } from '../PanelMessage';
import { PanelState } from '../PanelState';
import { OriginMemory, questionOf, tradesAsked } from '../question';
import { lineageLink } from './lineage_link';
import { TapeBuffer, TRADE_NEEDS, tradesProblem } from './model';
import type { TradeTapeOptions } from './options';
import type { TapeFilter, TapeSide } from './tape_filter';
import { TapeToolbar } from './TapeToolbar';
import { TapeView } from './TapeView';

const View = memo(TapeView);

/** The panel: frames into the buffer, which is drawn without React. */
export function TradeTapePanel(props: PanelProps<TradeTapeOptions>) {
  return (
    <PanelState data={props.data} advice="Choose the kind “trades” and a symbol in the query, and “live” for trades as they happen.">
      {/* Other options are another tape: what was chosen in the toolbar belongs to the ones before. */}
      <Tape key={`${props.options.side} ${props.options.minSize}`} {...props} />
    </PanelState>
  );
}

function Tape({ data, options, height, timeZone }: PanelProps<TradeTapeOptions>) {
  const [side, setSide] = useState<TapeSide>(options.side);
  const [minSize, setMinSize] = useState(options.minSize);
  const filter = useMemo<TapeFilter>(
    () => ({ side, minSize, sizeUnit: options.sizeUnit, largeSize: options.largeSize }),
    [side, minSize, options.sizeUnit, options.largeSize]
  );
  const { everyId, own } = tradesAsked(data);
  const capacity = Math.max(1, Math.min(100_000, Math.floor(options.capacity)));
  const [buffer] = useState(() => new TapeBuffer({ capacity, filter, everyId }));
  const problem = useMemo(() => tradesProblem(data.series), [data]);
  useEffect(() => buffer.configure({ capacity, filter, everyId }), [buffer, capacity, filter, everyId]);

  const shown = useRef('');
  useEffect(() => {
    // Another question (symbol, range) is another tape; the same one answered again or streaming on goes on.
    const question = questionOf(data);
    if (shown.current !== question) {
      shown.current = question;
      buffer.clear();
    }
    buffer.addFrames(data.series);
  }, [buffer, data]);

  const frame = framesWith(data.series, TRADE_NEEDS)[0];
  const [memory] = useState(() => new OriginMemory());
  const origin = memory.of(data);
  const { sizeUnit, showToolbar } = options;
  // Kept, so that the view is not rendered with each message of the stream.
  const toolbar = useMemo(
    () => (showToolbar ? <TapeToolbar side={side} minSize={minSize} sizeUnit={sizeUnit} onSide={setSide} onMinSize={setMinSize} /> : undefined),
    [showToolbar, side, minSize, sizeUnit]
  );
  if (problem !== undefined) {
    return (
      <PanelMessage kind="error" title="No trades in this data">
        {problem}
      </PanelMessage>
    );
  }
  const price = frame === undefined ? undefined : fieldOf(frame, 'price');
  const quantity = frame === undefined ? undefined : fieldOf(frame, 'quantity');
  return (
    <View
      buffer={buffer}
      filter={filter}
      height={height}
      simulated={origin.simulated}
      originLabel={origin.label}
      showSymbol={data.series.length > 1}
      pauseOnHover={options.pauseOnHover}
      buyColor={options.buyColor}
      sellColor={options.sellColor}
      priceTitle={titleOf('Price', price?.config)}
      quantityTitle={titleOf('Quantity', quantity?.config)}
      priceDecimals={price?.config?.decimals}
      quantityDecimals={quantity?.config?.decimals}
      timeZone={timeZone}
      none={data.state === LoadingState.Streaming ? undefined : 'No trades in this time range.'}
      linkOf={own ? lineageLink : undefined}
      toolbar={toolbar}
    />
  );
}

function titleOf(name: string, config: { displayName?: string; unit?: string } | undefined): string {
  const unit = config?.unit;
  const shown = config?.displayName ?? name;
  return unit === undefined || unit === '' || unit === 'none' || unit === 'short' ? shown : `${shown} (${unit})`;
}
