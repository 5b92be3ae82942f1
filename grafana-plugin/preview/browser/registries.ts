import {
  type FieldConfigPropertyItem,
  standardEditorsRegistry,
  type StandardEditorsRegistryItem,
  standardFieldConfigEditorRegistry,
} from "@grafana/data";

const EDITORS = [
  "text",
  "number",
  "slider",
  "boolean",
  "radio",
  "select",
  "multi-select",
  "unit",
  "color",
  "strings",
  "timezone",
  "field-name",
  "dashboard-uid",
  "stats-picker",
  "links",
  "actions",
  "mappings",
  "thresholds",
  "field-color",
];

/** Grafana's field options that plugins' panels share, with their defaults; `decimals` of the number type and so on. */
const FIELD_OPTIONS: [path: string, name: string, defaultValue?: unknown][] = [
  ["unit", "Unit"],
  ["min", "Min"],
  ["max", "Max"],
  ["fieldMinMax", "Field min/max"],
  ["decimals", "Decimals"],
  ["displayName", "Display name"],
  ["color", "Color scheme", { mode: "thresholds" }],
  ["noValue", "No value"],
  ["links", "Data links"],
  ["actions", "Actions"],
  ["mappings", "Value mappings", []],
  ["thresholds", "Thresholds", {
    mode: "absolute",
    steps: [{ value: -Infinity, color: "green" }, { value: 80, color: "red" }],
  }],
  ["filterable", "Ad-hoc filterable"],
];

/** Nothing is edited in the mini host: options come with the address. */
const NoEditor = () => null;

/** Fills the registries that panel plugins read when they are loaded. */
export function fillRegistries(): void {
  standardEditorsRegistry.setInit(() =>
    EDITORS.map((id) => ({ id, name: id, editor: NoEditor }) as StandardEditorsRegistryItem)
  );
  standardFieldConfigEditorRegistry.setInit(() =>
    FIELD_OPTIONS.map(([path, name, defaultValue]) =>
      ({
        id: path,
        path,
        name,
        defaultValue,
        editor: NoEditor,
        override: NoEditor,
        process: (value: unknown) => value,
        shouldApply: () => true,
        getItemsCount: (value?: unknown[]) => value?.length ?? 0,
      }) as unknown as FieldConfigPropertyItem
    )
  );
}
