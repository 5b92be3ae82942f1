import { css } from '@emotion/css';
import React, { type ReactNode } from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { PluginPage } from '@grafana/runtime';
import { Stack, useStyles2 } from '@grafana/ui';
import { ConnectionMark } from '../parts/ConnectionMark';
import { NotConfigured } from '../parts/NotConfigured';
import { SimulatedBanner } from '../parts/SimulatedBanner';
import { useApp } from './AppContext';
import { useStore } from './hooks';

/** The frame of every page: title, state of the live connection, SIMULATED whenever the answers say so (I8). */
export function PageFrame(props: {
  subTitle: string;
  /** The thing that the address names below the page, such as a module: title and breadcrumb. */
  of?: string;
  actions?: ReactNode;
  children: ReactNode;
}) {
  const { configured, marked } = useApp();
  const styles = useStyles2(getStyles);
  const mark = useStore(marked);
  // Users who may not see the settings have none of them; an answer proves that there is an address.
  const ready = configured !== false || mark !== undefined;
  return (
    <PluginPage
      subTitle={props.subTitle}
      pageNav={props.of === undefined ? undefined : { text: props.of }}
      actions={
        <Stack direction="row" gap={1} alignItems="center">
          <ConnectionMark />
          {/* They ask the control API too. */}
          {ready && props.actions}
        </Stack>
      }
    >
      <div className={styles.page}>
        {mark?.simulated === true && <SimulatedBanner origin={mark.origin} />}
        {ready ? props.children : <NotConfigured />}
      </div>
    </PluginPage>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  page: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(2), minWidth: 0 }),
});
