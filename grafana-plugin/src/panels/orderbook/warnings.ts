/** What is wrong with a book, in words. Pure. */
import type { BookModel, BookSource } from './model.ts';

/** `bad` must not be traded on; `note` is worth knowing. */
export type BookWarning = { tone: 'bad' | 'note'; title: string; text: string };

/**
 * All that a reader of this book must be told, the worst first.
 * @param tick what was asked for, to tell of one that could not be used
 */
export function bookWarnings(book: BookSource, model: BookModel, tick = ''): BookWarning[] {
  const warnings: BookWarning[] = [];
  if (book.trusted === false) {
    // I4: a book that is being rebuilt must not look like one to trade on.
    warnings.push({ tone: 'bad', title: 'UNTRUSTED', text: 'this book is being rebuilt and may be wrong' });
  }
  if (model.shape === 'crossed') {
    warnings.push({ tone: 'bad', title: 'CROSSED', text: `best bid ${model.bestBid} is above best ask ${model.bestAsk}` });
  }
  if (model.shape === 'locked') {
    warnings.push({ tone: 'bad', title: 'LOCKED', text: `best bid and best ask are both ${model.bestBid}` });
  }
  if (model.shape === 'one_sided') {
    warnings.push({ tone: 'note', title: 'One side only', text: `there are no ${model.bestBid === null ? 'bids' : 'asks'}` });
  }
  if (book.trusted === null) {
    warnings.push({ tone: 'note', title: 'Trust unknown', text: 'this source does not say whether the book is complete' });
  }
  if (tick.trim() !== '' && model.tick === null) {
    warnings.push({ tone: 'note', title: 'Not grouped', text: `the tick size “${tick}” is no decimal number above 0` });
  }
  if (book.unread !== undefined && book.unread > 0) {
    const rows = book.unread === 1 ? 'one row has' : `${book.unread} rows have`;
    warnings.push({ tone: 'note', title: 'Levels left out', text: `${rows} no readable side, price or quantity` });
  }
  if (!book.exact) {
    warnings.push({ tone: 'note', title: 'From doubles', text: 'exact to 15 digits; the exchange’s own text is not in the data' });
  }
  return warnings;
}
