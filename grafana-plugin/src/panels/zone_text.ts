import { dateTime, dateTimeFormat } from '@grafana/data';

/**
 * The zone that times are shown in, by its distance from UTC: names such as IST are several zones'.
 * @param at epoch ms; undefined is now
 * @param timeZone a time zone's name as Grafana has it
 */
export function zoneText(at: number | undefined, timeZone: string): string {
  const offset = dateTimeFormat(at ?? dateTime(), { format: 'Z', timeZone });
  return offset === '+00:00' ? 'UTC' : `UTC${offset}`;
}
