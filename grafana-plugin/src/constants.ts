/** The ids that others build on; as in the plugin.json files. */
export const APP_ID = 'candlewire-marketdata-app';
export const DATASOURCE_ID = 'candlewire-market-datasource';

/** What a user may do: the actions that the routes and the pages ask for. */
export const ACTION_READ = `${APP_ID}.market:read`;
export const ACTION_OPERATE = `${APP_ID}.pipeline:operate`;

/** The pages, by their last path segment. */
export const ROUTES = {
  market: 'market',
  pipeline: 'pipeline',
  modules: 'modules',
  deadLetters: 'dead-letters',
} as const;

export const BASE_URL = `/a/${APP_ID}`;
