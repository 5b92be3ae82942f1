import { PanelPlugin } from '@grafana/data';
import { COLOR_BY_VALUE, UNREAD_OPTIONS } from '../field_options';
import { OrderBookPanel } from './OrderBookPanel';
import type { OrderBookOptions } from './options';

export const plugin = new PanelPlugin<OrderBookOptions>(OrderBookPanel)
  .useFieldConfig({ disableStandardOptions: UNREAD_OPTIONS, standardOptions: COLOR_BY_VALUE })
  .setPanelOptions((builder) =>
    builder
      .addRadio({
        path: 'show',
        name: 'Show',
        description: 'The depth curve, the ladder of levels, or both where there is room',
        defaultValue: 'both',
        settings: {
          options: [
            { value: 'both', label: 'Both' },
            { value: 'ladder', label: 'Ladder' },
            { value: 'depth', label: 'Depth' },
          ],
        },
      })
      .addNumberInput({
        path: 'levels',
        name: 'Levels a side',
        description: 'Rows of the ladder a side; fewer when they do not fit. The curve always has all levels of the query.',
        defaultValue: 15,
        settings: { min: 1, max: 500, integer: true },
      })
      .addTextInput({
        path: 'tick',
        name: 'Group by tick',
        description: 'Joins levels to multiples of this price step, such as 0.5 or 10. Bids go down, asks go up, so that no level looks better than it is. Empty: as the exchange has them.',
        defaultValue: '',
        settings: { placeholder: 'no grouping' },
      })
      .addNumberInput({
        path: 'wideSpreadBp',
        name: 'Wide spread from (bp)',
        description: 'A spread above this many hundredths of a percent of the mid price is marked. Empty: never.',
        settings: { min: 0 },
      })
      .addColorPicker({ path: 'bidColor', name: 'Color of bids', defaultValue: 'green', category: ['Colors'] })
      .addColorPicker({ path: 'askColor', name: 'Color of asks', defaultValue: 'red', category: ['Colors'] })
  );
