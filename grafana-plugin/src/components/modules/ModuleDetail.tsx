import { css } from '@emotion/css';
import React from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { Alert, Button, Stack, Tag, useStyles2 } from '@grafana/ui';
import { count, rate } from '../../../../runtime/console/format.js';
import type { Module } from '../../api/types';
import { useApp } from '../App/AppContext';
import { DataTable } from '../parts/DataTable';
import { Facts, Nothing, Time } from '../parts/Figures';
import { Section } from '../parts/Section';
import { StateText } from '../parts/StateText';
import { LogView } from './LogView';
import { stateOf } from './ModuleTable';
import type { ModuleActions } from './useModuleActions';

/** One module: what it was granted and refused, how it fared, its metrics and its log. */
export function ModuleDetail({ module, actions }: { module: Module; actions: ModuleActions }) {
  const { canOperate } = useApp();
  const styles = useStyles2(getStyles);
  const violations = Object.entries(module.violations ?? {}).filter(([, number]) => number > 0);
  const waiting = module.state === 'awaiting_approval' || (module.pendingDigest ?? null) !== null;
  const metrics = Object.entries(module.metrics ?? {}).sort(([a], [b]) => a.localeCompare(b));
  return (
    <>
      {waiting && (
        <Alert severity="warning" title={`The code of ${module.name} changed since it was allowed`} bottomSpacing={0}>
          <Stack direction="column" gap={1} alignItems="flex-start">
            <span>
              Digest to approve: <code>{module.pendingDigest ?? module.digest}</code>
            </span>
            {canOperate ? (
              <Button size="sm" disabled={actions.busy !== undefined} onClick={() => void actions.approve(module)}>
                Approve this code
              </Button>
            ) : (
              <span>An operator must approve it before it runs.</span>
            )}
          </Stack>
        </Alert>
      )}
      <div className={styles.columns}>
        <Section title={`About ${module.name}`}>
          <Facts
            pairs={[
              ['What', module.description],
              ['State', <StateText key="state" state={stateOf(module)} />],
              [
                'Started',
                module.startedAt === null ? (
                  '–'
                ) : (
                  <span key="started">
                    <Time at={module.startedAt} form="full" /> (epoch {module.epoch})
                  </span>
                ),
              ],
              ['Process', module.pid === null ? 'none' : String(module.pid)],
              ['Heartbeat', <Time key="heartbeat" at={module.lastHeartbeatAt} form="ago" />],
              [
                'Last exit',
                module.lastExit === null ? (
                  'never'
                ) : (
                  <span key="exit">
                    <Time at={module.lastExit.at} form="full" />: {module.lastExit.cause} (code {module.lastExit.code ?? '–'},
                    signal {module.lastExit.signal ?? '–'})
                  </span>
                ),
              ],
              ['Granted', <Tags key="granted" values={module.permissions.granted} colorIndex={9} />],
              ['Refused', <Tags key="refused" values={module.permissions.refused} colorIndex={4} />],
              [
                'Violations',
                violations.length === 0 ? 'none' : violations.map(([name, number]) => `${name}: ${count(number)}`).join(', '),
              ],
              ['Code digest', <code key="digest">{module.digest}</code>],
            ]}
          />
        </Section>
        <Section title="Metrics">
          {metrics.length === 0 ? (
            <Nothing title="No metrics">A module that runs tells its metrics with each heartbeat.</Nothing>
          ) : (
            <DataTable
              caption={`Metrics of ${module.name}`}
              maxHeight={320}
              rows={metrics}
              rowKey={([key]) => key}
              columns={[
                { title: 'Name', header: true, wrap: true, cell: ([key]) => <MetricName name={key} /> },
                {
                  title: 'Value',
                  numeric: true,
                  cell: ([, value]) => (Number.isInteger(value) ? count(value) : value.toPrecision(4)),
                },
                { title: 'per s', numeric: true, cell: ([key]) => (module.rates?.[key] === undefined ? '' : rate(module.rates[key])) },
              ]}
            />
          )}
        </Section>
      </div>
      <LogView name={module.name} />
    </>
  );
}

function Tags({ values, colorIndex }: { values: readonly string[]; colorIndex: number }) {
  return values.length === 0 ? (
    <>none</>
  ) : (
    <Stack direction="row" gap={0.5} wrap="wrap">
      {values.map((value) => (
        <Tag key={value} name={value} colorIndex={colorIndex} />
      ))}
    </Stack>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  columns: css({
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fit, minmax(min(100%, 420px), 1fr))',
    gap: theme.spacing(2),
    alignItems: 'start',
  }),
});

/** May break before its labels. */
function MetricName({ name }: { name: string }) {
  const [metric, ...labels] = name.split('{');
  return (
    <>
      {metric}
      {labels.length > 0 && (
        <>
          <wbr />
          {`{${labels.join('{')}`}
        </>
      )}
    </>
  );
}
