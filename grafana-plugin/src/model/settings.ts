import type { AppPluginMeta } from '@grafana/data';

/** The app's settings that are not secret (`jsonData`). */
export type AppSettings = {
  /** Address of the control API, such as `http://runtime:8787`; Grafana's server must reach it. */
  controlUrl?: string;
};

/** Names of the secret settings (`secureJsonData`); Grafana's proxy puts them into its calls, the browser never has them. */
export const APP_SECRETS = ['viewerToken', 'operatorToken'] as const;
export type AppSecret = (typeof APP_SECRETS)[number];

export type AppMeta = AppPluginMeta<AppSettings>;

/**
 * What is wrong with an address of the control API, in words for who typed it; undefined when it can be one.
 */
export function addressProblem(address: string): string | undefined {
  const text = address.trim();
  if (text === '') {
    return 'No address; give the one that Grafana can reach, such as http://127.0.0.1:8787';
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return `${text} is no address; it begins with http:// or https://`;
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return `The address begins with ${url.protocol}; it must begin with http:// or https://`;
  }
  if (url.username !== '' || url.password !== '') {
    return 'The address holds a user name or password; access goes by the tokens below';
  }
  if (url.search !== '' || url.hash !== '') {
    return 'The address goes on with ? or #; leave them out';
  }
  return /\/api\/v1\/?$/.test(url.pathname) ? 'Leave /api/v1 out; it is added' : undefined;
}

/** The address as it is saved: without spaces around it and without a slash at its end. */
export function tidyAddress(address: string): string {
  return address.trim().replace(/\/+$/, '');
}
