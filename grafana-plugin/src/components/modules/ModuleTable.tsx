import { css, cx } from '@emotion/css';
import React from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, Stack, TextLink, useStyles2 } from '@grafana/ui';
import { count, memory, sentence } from '../../../../runtime/console/format.js';
import type { Module, ModuleAction } from '../../api/types';
import { BASE_URL, ROUTES } from '../../constants';
import { pathOf } from '../../model/address';
import { useApp } from '../App/AppContext';
import { DataTable, type Column } from '../parts/DataTable';
import { StateText } from '../parts/StateText';
import type { ModuleActions } from './useModuleActions';

const ACTIONS: readonly ModuleAction[] = ['start', 'stop', 'restart'];

/** All modules with what they cost, and their life cycle for who may operate. */
export function ModuleTable(props: { modules: readonly Module[]; chosen: string | undefined; actions: ModuleActions }) {
  const { canOperate } = useApp();
  const styles = useStyles2(getStyles);
  const { actions } = props;
  const columns: Array<Column<Module>> = [
    {
      title: 'Module',
      header: true,
      cell: (module) => (
        <>
          <TextLink href={`${BASE_URL}/${ROUTES.modules}/${pathOf(module.name)}`} inline={false} variant="bodySmall">
            {module.name}
          </TextLink>
          <div className={styles.muted}>
            {module.kind} {module.version}
          </div>
        </>
      ),
    },
    {
      title: 'State',
      cell: (module) => (
        <>
          <StateText state={stateOf(module)} />
          {actions.busy?.endsWith(` ${module.name}`) && <div className={styles.muted}>{actions.busy.split(' ')[0]}…</div>}
        </>
      ),
    },
    { title: 'Detail', wrap: true, cell: (module) => sentence(module.detail || module.description) },
    {
      title: 'Memory / ceiling',
      cell: (module) => {
        const share = module.rssBytes === null ? 0 : module.rssBytes / module.memoryLimitBytes;
        return (
          <>
            <div>
              {memory(module.rssBytes)} / {memory(module.memoryLimitBytes)}
            </div>
            <div className={styles.meter} aria-hidden="true">
              <div
                className={cx(styles.fill, share > 0.75 && styles.high, share > 0.9 && styles.full)}
                style={{ width: `${Math.min(100, share * 100).toFixed(1)}%` }}
              />
            </div>
          </>
        );
      },
    },
    {
      title: 'CPU',
      help: 'Of one core, over the last seconds',
      numeric: true,
      cell: (module) => (typeof module.cpuPercent === 'number' ? `${module.cpuPercent.toFixed(1)} %` : '–'),
    },
    {
      title: 'Restarts / left',
      help: 'Restarts, and how many are left in the window',
      numeric: true,
      cell: (module) => `${count(module.restarts)} / ${count(module.restartBudget)}`,
    },
    {
      title: 'Violations',
      help: 'Permission denials and protocol violations (I6)',
      numeric: true,
      cell: (module) => {
        const total = Object.values(module.violations ?? {}).reduce((sum, number) => sum + number, 0);
        return <span className={cx(total > 0 && styles.bad)}>{count(total)}</span>;
      },
    },
  ];
  if (canOperate) {
    // Before the figures: on a narrow page those are what is scrolled to.
    columns.splice(2, 0, {
      title: 'Actions',
      cell: (module) => (
        <Stack direction="row" gap={0.5}>
          {ACTIONS.map((action) => {
            const reason = actions.whyNot(module, action);
            return (
              <Button
                key={action}
                size="sm"
                variant={action === 'stop' ? 'destructive' : 'secondary'}
                fill={action === 'stop' ? 'outline' : 'solid'}
                disabled={reason !== null}
                tooltip={reason ?? undefined}
                aria-label={`${action.charAt(0).toUpperCase()}${action.slice(1)} ${module.name}`}
                onClick={() => void actions.act(module, action)}
              >
                {action.charAt(0).toUpperCase() + action.slice(1)}
              </Button>
            );
          })}
        </Stack>
      ),
    });
  }
  return (
    <DataTable
      caption="Modules"
      columns={columns}
      rows={props.modules}
      rowKey={(module) => module.name}
      selected={props.chosen}
    />
  );
}

/** A running module that is not well shows its health. */
export function stateOf(module: Module): string {
  return module.state === 'running' && module.health !== 'running' ? module.health : module.state;
}

const getStyles = (theme: GrafanaTheme2) => ({
  muted: css({ color: theme.colors.text.secondary, fontWeight: theme.typography.fontWeightRegular }),
  meter: css({ width: 120, height: 4, borderRadius: 2, background: theme.colors.background.secondary, overflow: 'hidden' }),
  fill: css({ height: '100%', background: theme.colors.success.main }),
  high: css({ background: theme.colors.warning.main }),
  full: css({ background: theme.colors.error.main }),
  bad: css({ color: theme.colors.error.text }),
});
