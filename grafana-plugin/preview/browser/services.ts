import {
  type CurrentUser,
  type DataSourceApi,
  type DataSourceInstanceSettings,
  EventBusSrv,
  type ScopedVars,
} from "@grafana/data";
import {
  config,
  type DataSourceSrv,
  FakeEchoSrv,
  locationService,
  setAppEvents,
  setBackendSrv,
  setChromeHeaderHeightHook,
  setCurrentUser,
  setDataSourceSrv,
  setEchoSrv,
  setGrafanaLiveSrv,
  setHelpNavItemHook,
  setLocationSrv,
  setMegaMenuOpenHook,
  setPluginComponentHook,
  setPluginComponentsHook,
  setPluginFunctionsHook,
  setPluginImportUtils,
  setPluginLinksHook,
  setReturnToPreviousHook,
  setRunRequest,
  setTemplateSrv,
} from "@grafana/runtime";
import { newBackendSrv } from "./backend_srv.ts";
import { newLiveSrv } from "./live_srv.ts";
import { runRequest } from "./run_request.ts";
import { loadPlugin } from "./shared_modules.ts";

/** Alerts and other events of the whole page. */
export const appEvents = new EventBusSrv();

/** Values of variables, from the address: `?var-symbol=BTCUSDT`. */
function variables(): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of new URLSearchParams(location.search)) {
    if (key.startsWith("var-")) found.set(key.slice(4), value);
  }
  return found;
}

function replaceVariables(text = "", scoped: ScopedVars = {}): string {
  const values = variables();
  return text.replace(/\$\{(\w+)(?::\w+)?\}|\$(\w+)/g, (match, braced?: string, plain?: string) => {
    const name = braced ?? plain!;
    return String(scoped[name]?.value ?? values.get(name) ?? match);
  });
}

/** Gives @grafana/runtime what a Grafana server's page gives it. */
export function installServices(): void {
  const { user } = config.bootData;
  setAppEvents(appEvents);
  setBackendSrv(newBackendSrv(appEvents));
  setCurrentUser(user as CurrentUser);
  setEchoSrv(new FakeEchoSrv());
  setGrafanaLiveSrv(newLiveSrv());
  setLocationSrv({
    update: ({ query = {}, partial = false, path, replace }) => {
      if (partial) locationService.partial(query, replace);
      else locationService.push({ pathname: path, search: new URLSearchParams(query as never).toString() });
    },
  });
  setTemplateSrv({
    getVariables: () => [],
    replace: replaceVariables,
    containsTemplate: (text = "") => /\$\{?\w/.test(text),
    updateTimeRange: () => {},
  });
  setRunRequest(runRequest);
  setDataSourceSrv(newDataSourceSrv());
  setPluginImportUtils({ importPanelPlugin: loadPlugin, getPanelPluginFromCache: () => undefined });
  setReturnToPreviousHook(() => () => {});
  setMegaMenuOpenHook(() => [false, () => {}]);
  setChromeHeaderHeightHook(() => 0);
  setHelpNavItemHook(() => undefined as never);
  setPluginComponentHook(() => ({ component: null, isLoading: false }));
  setPluginComponentsHook(() => ({ components: [], isLoading: false }));
  setPluginLinksHook(() => ({ links: [], isLoading: false }));
  setPluginFunctionsHook(() => ({ functions: [], isLoading: false }));
}

/** The one data source: ours. */
function newDataSourceSrv(): DataSourceSrv {
  const { dataSource } = globalThis.candlewirePreview;
  const settings = dataSource === null ? undefined : {
    id: 1,
    type: dataSource.id,
    uid: dataSource.uid,
    name: dataSource.name,
    url: `/api/datasources/proxy/uid/${dataSource.uid}`,
    access: "proxy",
    readOnly: true,
    isDefault: true,
    jsonData: {},
    meta: dataSource.meta,
  } as unknown as DataSourceInstanceSettings;
  let instance: Promise<DataSourceApi> | undefined;
  return {
    get: async () => {
      if (settings === undefined) throw new Error("The data source's backend does not run");
      instance ??= loadPlugin<
        { DataSourceClass: new (settings: DataSourceInstanceSettings) => DataSourceApi }
      >(
        settings.type,
      ).then(({ DataSourceClass }) => Object.assign(new DataSourceClass(settings), { meta: settings.meta }));
      return await instance;
    },
    getList: () => settings === undefined ? [] : [settings],
    getInstanceSettings: () => settings,
    reload: () => Promise.resolve(),
    registerRuntimeDataSource: () => {},
  };
}
