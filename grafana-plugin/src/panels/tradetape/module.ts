import { FieldConfigProperty, PanelPlugin } from '@grafana/data';
import { UNREAD_OPTIONS } from '../field_options';
import type { TradeTapeOptions } from './options';
import { TradeTapePanel } from './TradeTapePanel';

export const plugin = new PanelPlugin<TradeTapeOptions>(TradeTapePanel)
  .useFieldConfig({ disableStandardOptions: [...UNREAD_OPTIONS, FieldConfigProperty.Color, FieldConfigProperty.Thresholds] })
  .setPanelOptions((builder) =>
    builder
      .addRadio({
        path: 'side',
        name: 'Side',
        description: 'By who took: the buyer (the price went to the ask) or the seller (to the bid)',
        defaultValue: 'all',
        settings: {
          options: [
            { value: 'all', label: 'All' },
            { value: 'buy', label: 'Buys' },
            { value: 'sell', label: 'Sells' },
          ],
        },
      })
      .addRadio({
        path: 'sizeUnit',
        name: 'Size is',
        description: 'What the two sizes below measure: the quantity in the base asset, or the value in the quote asset (price × quantity)',
        defaultValue: 'quantity',
        settings: {
          options: [
            { value: 'quantity', label: 'Quantity' },
            { value: 'value', label: 'Value' },
          ],
        },
      })
      .addNumberInput({
        path: 'minSize',
        name: 'Least size',
        description: 'Smaller trades are left out. 0: none is.',
        defaultValue: 0,
        settings: { min: 0 },
      })
      .addNumberInput({
        path: 'largeSize',
        name: 'Large from',
        description: 'Trades of this size and above are marked. 0: none is.',
        defaultValue: 0,
        settings: { min: 0 },
      })
      .addNumberInput({
        path: 'capacity',
        name: 'Trades kept',
        description: 'The newest this many are kept for scrolling back; older ones fall out.',
        defaultValue: 5000,
        settings: { min: 1, max: 100_000, integer: true },
      })
      .addBooleanSwitch({
        path: 'pauseOnHover',
        name: 'Pause under the pointer',
        description: 'Holds the tape still while the mouse is on it. The key P pauses always.',
        defaultValue: true,
      })
      .addBooleanSwitch({ path: 'showToolbar', name: 'Toolbar', description: 'Side and least size above the tape', defaultValue: true })
      .addColorPicker({ path: 'buyColor', name: 'Color of buys', defaultValue: 'green', category: ['Colors'] })
      .addColorPicker({ path: 'sellColor', name: 'Color of sells', defaultValue: 'red', category: ['Colors'] })
  );
