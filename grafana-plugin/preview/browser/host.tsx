/** The page around our plugins: what Grafana's frontend does for a plugin, with the real Grafana libraries and no Grafana. */
import {
  type AppPlugin,
  createTheme,
  type GrafanaTheme2,
  type NavModelItem,
  ThemeContext,
} from "@grafana/data";
import { initPluginTranslations } from "@grafana/i18n";
import { config } from "@grafana/runtime";
import { Alert, GlobalStyles, ModalRoot, ModalsProvider, PortalContainer } from "@grafana/ui";
import { type ReactNode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { Navigate, Route, Routes, useLocation } from "react-router-dom";
import * as runtimeUnstable from "@grafana/runtime/unstable";
// Not exported for plugins: what Grafana's own frontend sets.
import { setPanelRenderer } from "../../node_modules/@grafana/runtime/dist/esm/components/PanelRenderer.mjs";
import { setPluginPage } from "../../node_modules/@grafana/runtime/dist/esm/components/PluginPage.mjs";
import type { PluginSettings } from "./boot_data.ts";
import { Chrome } from "./chrome.tsx";
import { HistoryRouter } from "./history_router.tsx";
import { PanelPage } from "./panel_page.tsx";
import { PanelView } from "./panel_view.tsx";
import { fillRegistries } from "./registries.ts";
import { installServices } from "./services.ts";
import { loadPlugin, shareModules } from "./shared_modules.ts";

const { appId, panels, theme: mode, pages } = globalThis.candlewirePreview;

/** Title, actions and text of a page as Grafana sets them. */
function PluginPage(
  { children, pageNav, actions, subTitle, renderTitle }: {
    children: ReactNode;
    pageNav?: NavModelItem;
    actions?: ReactNode;
    subTitle?: ReactNode;
    renderTitle?: (title: string) => ReactNode;
  },
) {
  const { pathname } = useLocation();
  const page = pages.find(({ path }) => pathname === path || pathname.startsWith(`${path}/`));
  const title = pageNav?.text ?? page?.name ?? "Candlewire";
  return (
    <div>
      <header style={{ display: "flex", alignItems: "center", gap: 16 }}>
        {renderTitle?.(title) ?? <h1>{title}</h1>}
        <div style={{ marginLeft: "auto" }}>{actions}</div>
      </header>
      {(subTitle ?? pageNav?.subTitle) && <div>{subTitle ?? pageNav?.subTitle}</div>}
      {children}
    </div>
  );
}

type Loaded = { plugin: AppPlugin; meta: AppPlugin["meta"] } | { problem: string } | undefined;

/** Loads the app with its settings, as Grafana does when one of its pages is opened. */
function useApp(): Loaded {
  const [loaded, setLoaded] = useState<Loaded>();
  useEffect(() => {
    Promise.all([
      loadPlugin<AppPlugin>(appId),
      fetch(`/api/plugins/${appId}/settings`).then((response) => response.json() as Promise<PluginSettings>),
    ]).then(
      ([plugin, meta]) => {
        plugin.meta = meta as never;
        plugin.init(meta as never);
        setLoaded({ plugin, meta: meta as never });
      },
      (error) => setLoaded({ problem: String(error) }),
    );
  }, []);
  return loaded;
}

function AppPage({ configuration = false }: { configuration?: boolean }) {
  const loaded = useApp();
  const { pathname, search } = useLocation();
  if (loaded === undefined) return null;
  if ("problem" in loaded) return <Alert title="App plugin did not load">{loaded.problem}</Alert>;
  const { plugin, meta } = loaded;
  const query = Object.fromEntries(new URLSearchParams(search));
  if (configuration) {
    const page = plugin.configPages?.[0];
    if (page === undefined) return <Alert title="App plugin has no configuration page">{appId}</Alert>;
    return (
      <>
        <h1>{page.title}</h1>
        <page.body plugin={plugin as never} query={query} />
      </>
    );
  }
  if (plugin.root === undefined) return <Alert title="App plugin has no pages">{appId}</Alert>;
  return (
    <plugin.root
      meta={meta}
      basename={`/a/${appId}`}
      path={pathname}
      query={query}
      onNavChanged={() => {}}
    />
  );
}

function Host({ theme }: { theme: GrafanaTheme2 }) {
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <ModalsProvider>
        <HistoryRouter>
          <Chrome>
            <Routes>
              <Route path={`/a/${appId}/*`} element={<AppPage />} />
              <Route path={`/plugins/${appId}`} element={<AppPage configuration />} />
              {panels.map(({ id, name }) => (
                <Route key={id} path={`/panel/${id}`} element={<PanelPage pluginId={id} name={name} />} />
              ))}
              <Route path="*" element={<Navigate to={pages[0]?.path ?? "/"} replace />} />
            </Routes>
          </Chrome>
        </HistoryRouter>
        <ModalRoot />
        <PortalContainer />
      </ModalsProvider>
    </ThemeContext.Provider>
  );
}

async function main(): Promise<void> {
  const theme = createTheme({ colors: { mode } });
  config.theme2 = theme;
  config.theme = theme.v1;
  document.documentElement.style.setProperty("--preview-border", theme.colors.border.weak);
  await initPluginTranslations("grafana");
  // Grafana 12.4 has no such registry.
  runtimeUnstable.initializeLoggersRegistry?.();
  fillRegistries();
  installServices();
  setPluginPage(PluginPage);
  setPanelRenderer(PanelView);
  shareModules();
  createRoot(document.getElementById("reactRoot")!).render(<Host theme={theme} />);
}

void main();
