import { createContext, useContext } from 'react';
import type { ControlApi } from '../../api/control_api';
import type { LiveHub } from '../../api/live_hub';
import type { Marked } from '../../api/types';
import type { Store } from '../../model/store';

/** What every page of the app uses. */
export type AppServices = {
  api: ControlApi;
  live: LiveHub;
  /** The origin that answers told last; undefined before the first. */
  marked: Store<Marked | undefined>;
  /** What the pages do not offer to a viewer (the routes refuse it too). */
  canOperate: boolean;
  /** The settings hold an address; unknown (undefined) for users who may not see them. */
  configured: boolean | undefined;
};

export const AppContext = createContext<AppServices | undefined>(undefined);

/** Throws outside of the app's pages: that is a mistake in the code. */
export function useApp(): AppServices {
  const services = useContext(AppContext);
  if (services === undefined) {
    throw new Error('useApp is for components inside of App');
  }
  return services;
}
