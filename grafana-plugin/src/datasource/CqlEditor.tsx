import React, { useEffect, useRef } from 'react';
import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { CodeEditor, CodeEditorSuggestionItemKind, FieldValidationMessage, useStyles2, type CodeEditorSuggestionItem } from '@grafana/ui';
import type { MarketDataSource } from './DataSource';
import { CQL_EXAMPLE, MACROS } from './macros';
import type { MarketQuery } from './types';

/** CQL text with completion of tables, columns and macros. It is run when the editor is left, or by Ctrl+S. */
export function CqlEditor(props: { datasource: MarketDataSource; query: MarketQuery; problem?: string; onChange: (cql: string) => void }) {
  const { datasource, query, problem, onChange } = props;
  const styles = useStyles2(getStyles);
  const names = useRef<CodeEditorSuggestionItem[]>([]);
  useEffect(() => {
    let left = false;
    datasource.resources.keyspace().then(
      (tables) => {
        if (!left) {
          names.current = tables.flatMap(({ name, columns }) => [
            { label: name, kind: CodeEditorSuggestionItemKind.Constant, detail: 'table' },
            ...columns.map((column) => ({ label: column.name, kind: CodeEditorSuggestionItemKind.Field, detail: `${name}, ${column.type}` })),
          ]);
        }
      },
      () => undefined // Completion is a comfort: without the backend there is none, and the query's own error says why.
    );
    return () => {
      left = true;
    };
  }, [datasource]);
  const suggestions = (): CodeEditorSuggestionItem[] => [
    ...MACROS.map(({ macro, insert, what }) => ({ label: macro, insertText: insert, detail: what, kind: CodeEditorSuggestionItemKind.Method })),
    ...names.current,
  ];
  const done = (cql: string) => cql !== query.cql && onChange(cql);
  return (
    <div>
      <CodeEditor
        language="sql"
        height={140}
        value={query.cql ?? ''}
        showMiniMap={false}
        showLineNumbers={false}
        getSuggestions={suggestions}
        onBlur={done}
        onSave={done}
        monacoOptions={{ ariaLabel: 'CQL', automaticLayout: true }}
      />
      {problem !== undefined && <FieldValidationMessage>{problem}</FieldValidationMessage>}
      <details className={styles.help}>
        <summary>Macros and what is allowed</summary>
        <p>
          One SELECT, within one partition: the partition key must be given, ALLOW FILTERING then works within it. Values of macros are bound, not written
          into the text. For example:
        </p>
        <pre>{CQL_EXAMPLE}</pre>
        <dl>
          {MACROS.map(({ macro, what }) => (
            <div key={macro}>
              <dt>
                <code>{macro}</code>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
      </details>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  help: css({
    color: theme.colors.text.secondary,
    marginTop: theme.spacing(0.5),
    '& dl > div': { display: 'flex', gap: theme.spacing(1) },
    '& dt': { flex: '0 0 240px', fontWeight: theme.typography.fontWeightRegular },
    '& dd': { margin: 0 },
    '& summary': { cursor: 'pointer' },
  }),
});
