import React, { useEffect, useMemo } from 'react';
import { Navigate, Route, Routes } from 'react-router';
import type { AppRootProps } from '@grafana/data';
import { config, hasPermission } from '@grafana/runtime';
import { ErrorBoundaryAlert } from '@grafana/ui';
import { ControlApi } from '../../api/control_api';
import { LiveHub } from '../../api/live_hub';
import type { Marked } from '../../api/types';
import { ACTION_OPERATE, BASE_URL, ROUTES } from '../../constants';
import type { AppSettings } from '../../model/settings';
import { createStore } from '../../model/store';
import { DeadLettersPage } from '../../pages/DeadLettersPage';
import { MarketPage } from '../../pages/MarketPage';
import { ModulesPage } from '../../pages/ModulesPage';
import { PipelinePage } from '../../pages/PipelinePage';
import { AppContext, type AppServices } from './AppContext';

const sameMark = (a: Marked | undefined, b: Marked | undefined) =>
  a?.simulated === b?.simulated && a?.origin?.id === b?.origin?.id && a?.origin?.kind === b?.origin?.kind;

/** The app's root: what all pages share, and which page the address names. */
export default function App({ meta }: AppRootProps<AppSettings>) {
  const controlUrl = meta.jsonData?.controlUrl;
  const services = useMemo<AppServices>(() => {
    const marked = createStore<Marked | undefined>(undefined, sameMark);
    const user = config.bootData.user;
    const api = new ControlApi({
      subUrl: config.appSubUrl ?? '',
      orgId: user?.orgId ?? 1,
      actor: user?.login ?? '',
      onMarked: marked.set,
    });
    const live = new LiveHub({
      addressOf: (parameters) => api.readAddress('events', parameters),
      onMarked: marked.set,
    });
    return {
      api,
      live,
      marked,
      canOperate: hasPermission(ACTION_OPERATE),
      configured: meta.jsonData === undefined ? undefined : (controlUrl ?? '') !== '',
    };
  }, [controlUrl, meta.jsonData]);
  useEffect(() => services.live.start(), [services]);
  return (
    <AppContext.Provider value={services}>
      <ErrorBoundaryAlert title="This page failed" style="page">
        <Routes>
          <Route path={`${ROUTES.market}/:symbol?`} element={<MarketPage />} />
          <Route path={ROUTES.pipeline} element={<PipelinePage />} />
          <Route path={`${ROUTES.modules}/:name?`} element={<ModulesPage />} />
          <Route path={`${ROUTES.deadLetters}/:id?`} element={<DeadLettersPage />} />
          <Route path="*" element={<Navigate to={`${BASE_URL}/${ROUTES.market}`} replace />} />
        </Routes>
      </ErrorBoundaryAlert>
    </AppContext.Provider>
  );
}
