import React from 'react';
import type { DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { Alert, Combobox, Field, FieldSet, Input, SecretInput, SecretTextArea, Switch } from '@grafana/ui';
import { MOST_SETTINGS, type MarketDataSourceOptions, type MarketDataSourceSecrets } from './query';
import type { MarketOptions } from './types';

const WIDTH = 60;

/** Consistency levels of a read. */
const CONSISTENCIES = ['LOCAL_ONE', 'LOCAL_QUORUM', 'QUORUM', 'ONE', 'TWO', 'THREE', 'ALL'].map((value) => ({ value, label: value }));

type Props = DataSourcePluginOptionsEditorProps<MarketOptions, MarketDataSourceSecrets>;

/** The data source's settings. Provisioned ones can be looked at, not changed. */
export function ConfigEditor({ options, onOptionsChange }: Props) {
  const { jsonData, readOnly } = options;
  const set = (changed: Partial<MarketDataSourceOptions>) => onOptionsChange({ ...options, jsonData: { ...jsonData, ...changed } });
  const secret = (name: keyof MarketDataSourceSecrets) => ({
    id: `config-${name}`,
    disabled: readOnly,
    isConfigured: options.secureJsonFields?.[name] === true,
    value: options.secureJsonData?.[name] ?? '',
    // What the event types of React 18 and 19 have in common.
    onChange: (event: React.SyntheticEvent<HTMLInputElement | HTMLTextAreaElement>) =>
      onOptionsChange({ ...options, secureJsonData: { ...options.secureJsonData, [name]: event.currentTarget.value } }),
    onReset: () =>
      onOptionsChange({
        ...options,
        secureJsonFields: { ...options.secureJsonFields, [name]: false },
        secureJsonData: { ...options.secureJsonData, [name]: '' },
      }),
  });
  const text = (name: 'controlUrl' | 'contactPoints' | 'localDataCenter' | 'keyspace' | 'username' | 'tlsServerName', placeholder: string) => ({
    id: `config-${name}`,
    width: WIDTH,
    placeholder,
    disabled: readOnly,
    value: jsonData[name] ?? '',
    onChange: (event: React.ChangeEvent<HTMLInputElement>) => set({ [name]: event.currentTarget.value }),
  });
  const number = (name: 'timeoutMs' | 'maxRows', placeholder: string) => ({
    id: `config-${name}`,
    width: WIDTH / 2,
    type: 'number',
    min: 1,
    max: MOST_SETTINGS[name],
    step: 1,
    placeholder,
    disabled: readOnly,
    value: jsonData[name] ?? '',
    onChange: (event: React.ChangeEvent<HTMLInputElement>) =>
      set({ [name]: event.currentTarget.value === '' ? undefined : Number(event.currentTarget.value) }),
  });
  const problem = (name: keyof typeof MOST_SETTINGS) => ({
    invalid: badCount(jsonData[name], MOST_SETTINGS[name]),
    error: `A whole number from 1 to ${MOST_SETTINGS[name].toLocaleString('en-US')}`,
  });
  const neither = !jsonData.controlUrl && !jsonData.contactPoints;
  return (
    <>
      {readOnly && (
        <Alert severity="info" title="Provisioned">
          These settings come from a provisioning file and are changed there.
        </Alert>
      )}
      {neither && (
        <Alert severity="warning" title="Nothing to read from yet">
          Give the control API’s address, Cassandra’s contact points, or both.
        </Alert>
      )}
      <FieldSet label="Control API">
        <Field label="Address" description="Of the pipeline’s control API. It alone serves the embedded profile and the pipeline’s state." htmlFor="config-controlUrl" invalid={badUrl(jsonData.controlUrl)} error="An address with http:// or https://, without a path">
          <Input {...text('controlUrl', 'http://runtime:8787')} />
        </Field>
        <Field label="Viewer’s token" description="Reads only. The pipeline writes both tokens to tokens.json in its data folder; give the viewer’s, not the operator’s." htmlFor="config-viewerToken">
          <SecretInput width={WIDTH} {...secret('viewerToken')} />
        </Field>
      </FieldSet>
      <FieldSet label="Cassandra">
        <Field label="Contact points" description="Nodes by commas, each host or host:port. Empty: the control API alone." htmlFor="config-contactPoints">
          <Input {...text('contactPoints', 'cassandra-1:9042, cassandra-2:9042')} />
        </Field>
        <Field label="Local data center" description="As the nodes call it; queries stay within it." htmlFor="config-localDataCenter">
          <Input {...text('localDataCenter', 'datacenter1')} />
        </Field>
        <Field label="Keyspace" htmlFor="config-keyspace">
          <Input {...text('keyspace', 'binance_keyspace')} />
        </Field>
        <Field label="Consistency" description="Of every read" htmlFor="config-consistency">
          <Combobox
            id="config-consistency"
            width={WIDTH / 2}
            disabled={readOnly}
            options={CONSISTENCIES}
            value={jsonData.consistency ?? 'LOCAL_QUORUM'}
            onChange={({ value }) => set({ consistency: value })}
          />
        </Field>
        <Field label="User name" description="A role that may SELECT and nothing else. Empty: no login." htmlFor="config-username">
          <Input {...text('username', '')} autoComplete="off" />
        </Field>
        <Field label="Password" htmlFor="config-password">
          <SecretInput width={WIDTH} {...secret('password')} autoComplete="new-password" />
        </Field>
        <Field label="TLS" description="Encrypt the connection and check the server’s certificate" htmlFor="config-useTls">
          <Switch id="config-useTls" disabled={readOnly} value={jsonData.useTls === true} onChange={(event) => set({ useTls: event.currentTarget.checked })} />
        </Field>
        {jsonData.useTls === true && (
          <>
            <Field label="Server name" description="In the certificate, when it is not the host’s name" htmlFor="config-tlsServerName">
              <Input {...text('tlsServerName', '')} />
            </Field>
            <Field label="CA certificate" description="PEM. Empty: the system’s authorities." htmlFor="config-tlsCaCert">
              <SecretTextArea cols={60} rows={4} placeholder="-----BEGIN CERTIFICATE-----" {...secret('tlsCaCert')} />
            </Field>
            <Field label="Client certificate" description="PEM, where the servers ask for one" htmlFor="config-tlsClientCert">
              <SecretTextArea cols={60} rows={4} placeholder="-----BEGIN CERTIFICATE-----" {...secret('tlsClientCert')} />
            </Field>
            <Field label="Client key" description="PEM" htmlFor="config-tlsClientKey">
              <SecretTextArea cols={60} rows={4} placeholder="-----BEGIN PRIVATE KEY-----" {...secret('tlsClientKey')} />
            </Field>
          </>
        )}
      </FieldSet>
      <FieldSet label="Limits">
        <Field label="Time of a query (ms)" description="A query that takes longer is given up" htmlFor="config-timeoutMs" {...problem('timeoutMs')}>
          <Input {...number('timeoutMs', '20000')} />
        </Field>
        <Field label="Rows of a query" description="At most, whatever the query’s own limit" htmlFor="config-maxRows" {...problem('maxRows')}>
          <Input {...number('maxRows', '100000')} />
        </Field>
      </FieldSet>
    </>
  );
}

function badUrl(text: string | undefined): boolean {
  return text !== undefined && text !== '' && !/^https?:\/\/[^\s/]+\/?$/.test(text);
}

function badCount(value: number | undefined, most: number): boolean {
  return value !== undefined && !(Number.isSafeInteger(value) && value > 0 && value <= most);
}
