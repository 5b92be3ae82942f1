import {
  applyFieldOverrides,
  EventBusSrv,
  type FieldConfigSource,
  getDefaultTimeRange,
  getPanelOptionsWithDefaults,
  LoadingState,
  type PanelData,
  type PanelPlugin,
  standardFieldConfigEditorRegistry,
} from "@grafana/data";
import { config, getTemplateSrv } from "@grafana/runtime";
import { Alert } from "@grafana/ui";
import { useEffect, useMemo, useRef, useState } from "react";
import { loadPlugin } from "./shared_modules.ts";

/** What a panel is shown with. */
export type PanelViewProps = {
  pluginId: string;
  title: string;
  data?: PanelData;
  options?: Record<string, unknown>;
  fieldConfig?: FieldConfigSource;
  width: number;
  height: number;
  timeZone?: string;
  onOptionsChange?: (options: never) => void;
};

const NO_FIELD_CONFIG: FieldConfigSource = { defaults: {}, overrides: [] };

/** A panel plugin with data, as a dashboard shows it: defaults, field overrides, thresholds, size. */
export function PanelView(props: PanelViewProps) {
  const { pluginId, title, width, height, timeZone = "browser" } = props;
  const [plugin, setPlugin] = useState<PanelPlugin>();
  const [problem, setProblem] = useState<string>();
  const [ownOptions, setOwnOptions] = useState<Record<string, unknown>>();
  const bus = useRef(new EventBusSrv()).current;
  const renders = useRef(0);
  useEffect(() => {
    loadPlugin<PanelPlugin>(pluginId).then(async (loaded) => {
      loaded.meta = { id: pluginId, name: title } as PanelPlugin["meta"];
      await (loaded as { loadPluginDependencies?: () => Promise<void> }).loadPluginDependencies?.();
      setPlugin(loaded);
    }, (error) => setProblem(String(error)));
  }, [pluginId]);
  const defaults = useMemo(() =>
    plugin === undefined ? undefined : getPanelOptionsWithDefaults({
      plugin,
      currentOptions: ownOptions ?? props.options ?? {},
      currentFieldConfig: structuredClone(props.fieldConfig ?? NO_FIELD_CONFIG),
      isAfterPluginChange: false,
    }), [plugin, ownOptions, props.options, props.fieldConfig]);
  const data = useMemo((): PanelData => {
    const given = props.data ??
      { state: LoadingState.Loading, series: [], timeRange: getDefaultTimeRange() };
    if (plugin === undefined || defaults === undefined) return given;
    return {
      ...given,
      series: applyFieldOverrides({
        data: given.series,
        fieldConfig: defaults.fieldConfig,
        fieldConfigRegistry: plugin.fieldConfigRegistry ?? standardFieldConfigEditorRegistry,
        replaceVariables: getTemplateSrv().replace,
        theme: config.theme2,
        timeZone,
      }),
    };
  }, [plugin, defaults, props.data, timeZone]);
  if (problem !== undefined) return <Alert title="Panel plugin did not load">{problem}</Alert>;
  if (plugin?.panel === null) return <Alert title="Panel plugin has no panel">{pluginId}</Alert>;
  if (plugin === undefined || defaults === undefined) return null;
  const Panel = plugin.panel!;
  return (
    <Panel
      id={1}
      data={data}
      title={title}
      timeRange={data.timeRange}
      timeZone={timeZone}
      options={defaults.options}
      fieldConfig={defaults.fieldConfig}
      transparent={false}
      width={width}
      height={height}
      renderCounter={renders.current++}
      eventBus={bus}
      replaceVariables={getTemplateSrv().replace}
      onOptionsChange={(options: Record<string, unknown>) => {
        setOwnOptions(options);
        props.onOptionsChange?.(options as never);
      }}
      onFieldConfigChange={() => {}}
      onChangeTimeRange={() => {}}
    />
  );
}
