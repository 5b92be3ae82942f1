import React, { useCallback, useState } from 'react';
import { useParams } from 'react-router';
import { LoadingPlaceholder } from '@grafana/ui';
import type { LiveEvent, Module } from '../api/types';
import { useApp } from '../components/App/AppContext';
import { useLive, useReading } from '../components/App/hooks';
import { PageFrame } from '../components/App/PageFrame';
import { ModuleDetail } from '../components/modules/ModuleDetail';
import { ModuleTable } from '../components/modules/ModuleTable';
import { useModuleActions } from '../components/modules/useModuleActions';
import { Nothing } from '../components/parts/Figures';
import { ProblemAlert } from '../components/parts/ProblemAlert';
import { Section } from '../components/parts/Section';

/** Memory, CPU and rates come by reading; the channel tells changes of state at once. */
const REFRESH_MS = 2000;

/** The modules: state, cost, life cycle; and of one of them its permissions, metrics and log. */
export function ModulesPage() {
  const { name } = useParams();
  return (
    <PageFrame of={name} subTitle="The processes of the pipeline: what each is allowed, what it does, what it says">
      <Modules name={name} />
    </PageFrame>
  );
}

function Modules({ name }: { name: string | undefined }) {
  const { api } = useApp();
  const read = useCallback((signal: AbortSignal) => api.modules({ signal }), [api]);
  const reading = useReading(read, REFRESH_MS);
  const [told, setTold] = useState<{ after: unknown; modules: ReadonlyMap<string, Module> }>();
  // What the channel told counts until the next reading, which is newer.
  const fresh = told !== undefined && told.after === reading.data ? told.modules : undefined;
  const put = (module: Module) =>
    setTold((last) => ({
      after: reading.data,
      modules: new Map([...(last !== undefined && last.after === reading.data ? last.modules : []), [module.name, module]]),
    }));
  useLive(['modules'], undefined, {
    onEvent: (event: LiveEvent) => {
      const module = event.kind === 'change' ? (event.data as { module: Module | null }).module : null;
      if (module !== null) {
        put(module);
      }
    },
    onGap: reading.reload,
  });
  const actions = useModuleActions(put);
  const modules = reading.data?.modules.map((module) => {
    const newer = fresh?.get(module.name);
    // The channel's module has no figures of cost: those of the last reading stay.
    return newer === undefined ? module : { ...module, ...newer };
  });
  const chosen = modules?.find((module) => module.name === name);
  return (
    <>
      {actions.dialog}
      <ProblemAlert problem={actions.problem} />
      <ProblemAlert problem={reading.problem} onRetry={reading.reload} />
      {modules === undefined && reading.loading && <LoadingPlaceholder text="Reading the modules" />}
      {modules !== undefined && (
        <Section
          title="Modules"
          note={`${modules.filter((module) => module.state === 'running').length} of ${modules.length} running`}
        >
          {modules.length === 0 ? (
            <Nothing title="No modules yet">The host has not told of any module.</Nothing>
          ) : (
            <ModuleTable modules={modules} chosen={name} actions={actions} />
          )}
        </Section>
      )}
      {name === undefined && modules !== undefined && modules.length > 0 && (
        <Nothing title="Choose a module for its log, permissions and metrics" />
      )}
      {name !== undefined && modules !== undefined && chosen === undefined && (
        <Nothing title={`There is no module "${name}"`}>It may have been removed.</Nothing>
      )}
      {chosen !== undefined && <ModuleDetail key={chosen.name} module={chosen} actions={actions} />}
    </>
  );
}
