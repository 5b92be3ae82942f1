import type { ReplayRequest } from '../api/types';

/** The topics that can be read again. */
export const TOPICS = [
  'recent_trades',
  'klines',
  'order_book',
  'latest_prices',
  'crypto_24h_stats',
  'completeness',
].map((table) => `binance.public.${table}`);

/** The form as typed; times are UTC, `2026-11-29T10:00` with or without seconds. */
export type ReplayForm = {
  topic: string;
  partition: string;
  by: 'offsets' | 'times';
  fromOffset: string;
  untilOffset: string;
  fromTime: string;
  untilTime: string;
  correcting: boolean;
};

export const EMPTY_REPLAY: ReplayForm = {
  topic: TOPICS[0],
  partition: '',
  by: 'offsets',
  fromOffset: '',
  untilOffset: '',
  fromTime: '',
  untilTime: '',
  correcting: false,
};

export type ReplayFormProblems = Partial<Record<keyof ReplayForm, string>>;

/** The request, or what is wrong at which field. An empty field leaves its bound open. */
export function replayRequest(
  form: ReplayForm,
  dryRun: boolean
): { request: ReplayRequest; problems?: undefined } | { request?: undefined; problems: ReplayFormProblems } {
  const problems: ReplayFormProblems = {};
  const whole = (field: 'partition' | 'fromOffset' | 'untilOffset'): number | undefined => {
    const text = form[field].trim();
    if (text === '') {
      return undefined;
    }
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!Number.isSafeInteger(value)) {
      problems[field] = `${text} is no whole number from 0 on`;
      return undefined;
    }
    return value;
  };
  const instant = (field: 'fromTime' | 'untilTime'): string | undefined => {
    const text = form[field].trim();
    if (text === '') {
      return undefined;
    }
    // The field shows no zone: it is read as UTC, as its label says.
    const at = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?$/.test(text)
      ? Date.parse(`${text.replace(' ', 'T')}Z`)
      : NaN;
    if (Number.isNaN(at)) {
      problems[field] = `${text} is no time; write 2026-11-29 10:00:00`;
      return undefined;
    }
    return new Date(at).toISOString();
  };
  const request: ReplayRequest = { topic: form.topic, dry_run: dryRun, correcting: form.correcting };
  const partition = whole('partition');
  if (partition !== undefined) {
    request.partition = partition;
  }
  if (form.by === 'offsets') {
    const [from, until] = [whole('fromOffset'), whole('untilOffset')];
    if (from !== undefined && until !== undefined && until <= from) {
      problems.untilOffset = `Until offset is ${until}, which is not after ${from}; nothing lies between`;
    }
    Object.assign(request, from !== undefined && { from_offset: from }, until !== undefined && { until_offset: until });
  } else {
    const [from, until] = [instant('fromTime'), instant('untilTime')];
    if (from !== undefined && until !== undefined && until <= from) {
      problems.untilTime = 'The end is not after the beginning; nothing lies between';
    }
    Object.assign(request, from !== undefined && { from_time: from }, until !== undefined && { until_time: until });
  }
  return Object.keys(problems).length > 0 ? { problems } : { request };
}

/** What a form covers, in words, for the question before it is written. */
export function replayWords(request: ReplayRequest): string {
  const { topic, partition, from_offset, until_offset, from_time, until_time } = request;
  const where = partition === undefined ? 'all partitions' : `partition ${partition}`;
  const bounds = [
    from_offset === undefined ? null : `from offset ${from_offset}`,
    until_offset === undefined ? null : `until offset ${until_offset} (not included)`,
    from_time === undefined ? null : `from ${from_time}`,
    until_time === undefined ? null : `until ${until_time} (not included)`,
  ].filter((bound) => bound !== null);
  return `${topic}, ${where}, ${bounds.length === 0 ? 'all that is kept' : bounds.join(' ')}`;
}
