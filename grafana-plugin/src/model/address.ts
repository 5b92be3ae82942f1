/** Addresses: of the plugin's proxy, and of the app's own pages. Pure. */
import { BASE_URL, ROUTES } from '../constants.ts';

export type Parameters = Record<string, string | number | boolean | null | undefined>;

/** `read/*` takes GET with the viewer's token, `operate/*` takes changes with the operator's; as in plugin.json. */
export type ProxyRoute = 'read' | 'operate';

/** Parameters as a query string with its `?`; empty ones are left out. */
export function queryText(parameters: Parameters = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== '') {
      search.set(name, String(value));
    }
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

/** The address of a call of the control API by Grafana's plugin proxy. `subUrl` is where Grafana is served, `/grafana` or empty. */
export function proxyAddress(
  target: { subUrl: string; appId: string; route: ProxyRoute },
  path: string,
  parameters?: Parameters
): string {
  return `${target.subUrl}/api/plugin-proxy/${target.appId}/${target.route}/${path}${queryText(parameters)}`;
}

/** Path segments, each encoded: symbols and names hold letters of any script. */
export function pathOf(...segments: Array<string | number>): string {
  return segments.map((segment) => encodeURIComponent(String(segment))).join('/');
}

/** The page that shows the way of one trade. */
export function lineagePath(symbol: string, trade: string | number): string {
  return `${BASE_URL}/${ROUTES.pipeline}${queryText({ symbol, trade })}`;
}
