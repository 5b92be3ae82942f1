import React, { useMemo, useState } from 'react';
import type { PanelProps } from '@grafana/data';
import { RadioButtonGroup } from '@grafana/ui';
import { fieldOf, framesWith } from '../frame_reader';
import { PanelMessage } from '../PanelMessage';
import { PanelState } from '../PanelState';
import { askedSymbol, OriginMemory } from '../question';
import { columnLook } from './look';
import { BOOK_NEEDS, booksOfFrames } from './model';
import type { OrderBookOptions } from './options';
import { OrderBookView } from './OrderBookView';

const ADVICE = 'Choose the kind “book” and a symbol in the query; books are kept for the configured symbols only.';

/** The panel: frames to books, one of them shown. */
export function OrderBookPanel(props: PanelProps<OrderBookOptions>) {
  return (
    <PanelState data={props.data} advice={ADVICE}>
      <Books {...props} />
    </PanelState>
  );
}

function Books({ data, options, width, height, timeZone }: PanelProps<OrderBookOptions>) {
  // `data.structureRev` alone would miss new values: a stream's frame is the same object with other values.
  const found = useMemo(() => booksOfFrames(data.series), [data]);
  const [chosen, setChosen] = useState('');
  const [memory] = useState(() => new OriginMemory());
  const origin = memory.of(data);
  const frames = framesWith(data.series, BOOK_NEEDS);
  const books = Array.isArray(found)
    ? found.map((book, at) => ({
        ...book,
        symbol: book.symbol || askedSymbol(data, frames[at]?.refId),
        simulated: origin.simulated,
        originLabel: book.originLabel ?? origin.label,
      }))
    : found;
  if (!Array.isArray(books)) {
    return (
      <PanelMessage kind="error" title="No order book in this data">
        {books.problem}
      </PanelMessage>
    );
  }
  const index = Math.max(0, books.findIndex((book) => book.symbol === chosen));
  const book = books[index];
  const frame = frames[index];
  if (book === undefined) {
    return (
      <PanelMessage kind="empty" title="No order book">
        {ADVICE}
      </PanelMessage>
    );
  }
  const several = books.length > 1;
  return (
    <>
      {several && (
        <RadioButtonGroup
          size="sm"
          aria-label="Symbol"
          value={book.symbol}
          options={books.map(({ symbol }) => ({ label: symbol, value: symbol }))}
          onChange={setChosen}
        />
      )}
      <div style={{ height: several ? height - 28 : height }}>
        <OrderBookView
          book={book}
          width={width}
          height={several ? height - 28 : height}
          levels={options.levels}
          tick={options.tick}
          show={options.show}
          bidColor={options.bidColor}
          askColor={options.askColor}
          wideSpreadBp={options.wideSpreadBp}
          price={columnLook(frame && fieldOf(frame, 'price'))}
          quantity={columnLook(frame && fieldOf(frame, 'quantity'))}
          timeZone={timeZone}
        />
      </div>
    </>
  );
}
