import { FieldConfigProperty, PanelPlugin } from '@grafana/data';
import { COLOR_BY_VALUE, UNREAD_OPTIONS } from '../field_options';
import type { PipelineOptions } from './options';
import { PipelinePanel } from './PipelinePanel';

export const plugin = new PanelPlugin<PipelineOptions>(PipelinePanel)
  .useFieldConfig({
    disableStandardOptions: [...UNREAD_OPTIONS, FieldConfigProperty.DisplayName],
    standardOptions: COLOR_BY_VALUE,
  })
  .setPanelOptions((builder) =>
    builder
      .addRadio({
        path: 'show',
        name: 'Show',
        description: 'The flow as a picture or as a table; who looks at it can change it',
        defaultValue: 'flow',
        settings: {
          options: [
            { value: 'flow', label: 'Flow' },
            { value: 'table', label: 'Table' },
          ],
        },
      })
      .addNumberInput({
        path: 'lagWarnSeconds',
        name: 'Lag to warn of (s)',
        description: 'A stage that is this many seconds behind is shown as a warning, whatever its state. Empty: never.',
        defaultValue: 5,
        settings: { min: 0 },
      })
      .addNumberInput({
        path: 'lagBadSeconds',
        name: 'Lag that is bad (s)',
        description: 'A stage that is this many seconds behind is shown as failing. Empty: never.',
        defaultValue: 30,
        settings: { min: 0 },
      })
  );
