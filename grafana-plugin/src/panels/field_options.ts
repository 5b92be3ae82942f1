import { FieldConfigProperty } from '@grafana/data';

/** Grafana's field options that none of the panels reads. */
export const UNREAD_OPTIONS = [
  FieldConfigProperty.Min,
  FieldConfigProperty.Max,
  FieldConfigProperty.Links,
  FieldConfigProperty.Mappings,
  FieldConfigProperty.NoValue,
  FieldConfigProperty.Filterable,
];

/** Colors by value are offered, yet none is set until the user sets thresholds: rates, lags and prices have no common limit. */
export const COLOR_BY_VALUE = {
  [FieldConfigProperty.Color]: { settings: { byValueSupport: true }, defaultValue: { mode: 'fixed' } },
};
