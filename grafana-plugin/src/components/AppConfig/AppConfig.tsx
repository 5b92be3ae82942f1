import { css } from '@emotion/css';
import React, { useState, type SyntheticEvent } from 'react';
import { lastValueFrom } from 'rxjs';
import type { GrafanaTheme2, PluginConfigPageProps } from '@grafana/data';
import { getBackendSrv } from '@grafana/runtime';
import { Alert, Button, Field, FieldSet, Input, SecretInput, Stack, useStyles2 } from '@grafana/ui';
import { addressProblem, tidyAddress, type AppMeta, type AppSecret } from '../../model/settings';
import { useAction } from '../App/hooks';
import { ProblemAlert } from '../parts/ProblemAlert';
import { ConnectionTest } from './ConnectionTest';

type Form = { controlUrl: string } & Record<AppSecret, { text: string; isSet: boolean }>;

/** The app's settings: where the control API is, and the two tokens, which Grafana keeps and the browser never reads. */
export default function AppConfig({ plugin }: PluginConfigPageProps<AppMeta>) {
  const styles = useStyles2(getStyles);
  const { meta } = plugin;
  const [saved, setSaved] = useState({ controlUrl: meta.jsonData?.controlUrl ?? '', enabled: meta.enabled === true });
  const [form, setForm] = useState<Form>({
    controlUrl: saved.controlUrl,
    viewerToken: { text: '', isSet: meta.secureJsonFields?.viewerToken === true },
    operatorToken: { text: '', isSet: meta.secureJsonFields?.operatorToken === true },
  });
  const [savedAt, setSavedAt] = useState<number>();
  const action = useAction();
  const wrong = form.controlUrl === '' ? undefined : addressProblem(form.controlUrl);
  const changed =
    tidyAddress(form.controlUrl) !== saved.controlUrl || form.viewerToken.text !== '' || form.operatorToken.text !== '';

  const save = (enabled: boolean) =>
    action.run('save', async () => {
      const controlUrl = tidyAddress(form.controlUrl);
      const typed = (['viewerToken', 'operatorToken'] as const).filter((name) => form[name].text.trim() !== '');
      await lastValueFrom(
        getBackendSrv().fetch({
          url: `/api/plugins/${meta.id}/settings`,
          method: 'POST',
          showErrorAlert: false,
          showSuccessAlert: false,
          data: {
            enabled,
            pinned: enabled,
            jsonData: { ...meta.jsonData, controlUrl },
            // A secret that is not sent stays as it is.
            secureJsonData: Object.fromEntries(typed.map((name) => [name, form[name].text.trim()])),
          },
        })
      ).catch((error: { data?: { message?: string }; status?: number }) => {
        throw new Error(`Grafana did not save the settings: ${error.data?.message ?? `status ${error.status}`}`);
      });
      const kept = (name: AppSecret) => ({ text: '', isSet: form[name].isSet || typed.includes(name) });
      setForm({ controlUrl, viewerToken: kept('viewerToken'), operatorToken: kept('operatorToken') });
      setSaved({ controlUrl, enabled });
      setSavedAt(Date.now());
      if (enabled !== saved.enabled) {
        // The menu and the app's pages come and go with a new load of Grafana.
        window.location.reload();
      }
    });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    void save(true);
  };
  const token = (name: AppSecret, label: string, description: string) => (
    <Field label={label} description={description} noMargin>
      <SecretInput
        id={name}
        name={name}
        width={60}
        isConfigured={form[name].isSet}
        value={form[name].text}
        placeholder="64 letters and digits"
        autoComplete="off"
        onChange={(event) => setForm({ ...form, [name]: { text: event.currentTarget.value, isSet: false } })}
        onReset={() => setForm({ ...form, [name]: { text: '', isSet: false } })}
      />
    </Field>
  );
  const busy = action.busy !== undefined;
  return (
    <div className={styles.page}>
      {!saved.enabled && (
        <Alert severity="info" title="The app is not enabled" bottomSpacing={0}>
          Save the settings to enable it; its pages and dashboards appear then.
        </Alert>
      )}
      <form onSubmit={submit}>
        <FieldSet label="Control API">
          <Stack direction="column" gap={2}>
            <Field
              label="Address"
              description="As Grafana's server reaches it, without /api/v1. The host prints it when it starts; port 8787 unless told otherwise."
              invalid={wrong !== undefined}
              error={wrong}
              noMargin
            >
              <Input
                id="controlUrl"
                name="controlUrl"
                width={60}
                placeholder="http://127.0.0.1:8787"
                value={form.controlUrl}
                onChange={(event) => setForm({ ...form, controlUrl: event.currentTarget.value })}
              />
            </Field>
            <div className={styles.help}>
              Both tokens are in <code>tokens.json</code> in the host&apos;s data folder (<code>--data-dir</code>), as{' '}
              <code>viewer</code> and <code>operator</code>, or where the host&apos;s configuration says. Grafana keeps them
              encrypted and adds them to its calls; a browser never has them.
            </div>
            {token('viewerToken', "Viewer's token", 'Reads: the market, the pipeline, modules, dead letters, replays')}
            {token(
              'operatorToken',
              "Operator's token",
              'Changes: starting and stopping modules, retrying and dropping dead letters, replays. Optional: without it nobody operates the pipeline from Grafana'
            )}
            <Stack direction="row" gap={1} alignItems="center">
              <Button type="submit" disabled={busy || form.controlUrl.trim() === '' || wrong !== undefined || (!changed && saved.enabled)}>
                {saved.enabled ? 'Save' : 'Save and enable'}
              </Button>
              {saved.enabled && (
                <Button type="button" variant="secondary" fill="outline" disabled={busy} onClick={() => void save(false)}>
                  Disable the app
                </Button>
              )}
              {savedAt !== undefined && !changed && <span role="status">Saved</span>}
            </Stack>
          </Stack>
        </FieldSet>
      </form>
      <ProblemAlert problem={action.problem} />
      {saved.enabled && (
        <ConnectionTest
          reason={changed ? 'Save first: the test uses the saved settings' : saved.controlUrl === '' ? 'Give an address first' : undefined}
          withOperator={form.operatorToken.isSet}
        />
      )}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  page: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(2), maxWidth: 900 }),
  help: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize, maxWidth: 720 }),
});
