/** The libraries that Grafana shares with its plugins, registered for SystemJS under the names that plugins ask for. */
import * as emotionCss from "@emotion/css";
import * as emotionReact from "@emotion/react";
import * as grafanaData from "@grafana/data";
import * as grafanaRuntime from "@grafana/runtime";
import * as grafanaUi from "@grafana/ui";
import * as i18next from "i18next";
import jquery from "jquery";
import lodash from "lodash";
import moment from "moment";
import prismjs from "prismjs";
import React from "react";
import * as jsxDevRuntime from "react/jsx-dev-runtime";
import * as jsxRuntime from "react/jsx-runtime";
import ReactDom from "react-dom";
import * as reactRedux from "react-redux";
import * as reactRouter from "react-router";
import * as redux from "redux";
import * as rxjs from "rxjs";
import * as rxjsOperators from "rxjs/operators";

declare const System: SystemLoader;

/** What of SystemJS is used. */
export type SystemLoader = {
  import(id: string): Promise<Record<string, unknown>>;
  addImportMap(map: { imports: Record<string, string> }): void;
  set(id: string, module: object): void;
};

/** A CommonJS module: plugins take the whole of it. */
const whole = (module: unknown) => ({ default: module, __useDefault: true });

const SHARED: Record<string, object> = {
  "@emotion/css": emotionCss,
  "@emotion/react": emotionReact,
  "@grafana/data": grafanaData,
  "@grafana/runtime": grafanaRuntime,
  "@grafana/ui": grafanaUi,
  i18next,
  jquery: whole(jquery),
  lodash: whole(lodash),
  moment: whole(moment),
  prismjs: whole(prismjs),
  react: whole(React),
  "react/jsx-dev-runtime": jsxDevRuntime,
  "react/jsx-runtime": jsxRuntime,
  "react-dom": whole(ReactDom),
  "react-redux": reactRedux,
  "react-router": reactRouter,
  redux,
  rxjs,
  "rxjs/operators": rxjsOperators,
};

/** Makes the shared libraries known to SystemJS; before the first plugin is loaded. */
export function shareModules(): void {
  const imports: Record<string, string> = {};
  for (const [name, module] of Object.entries(SHARED)) {
    imports[name] = `shared:${name}`;
    System.set(imports[name], module);
  }
  System.addImportMap({ imports });
}

/** Loads a plugin's module.js and gives its `plugin`. */
export async function loadPlugin<Plugin>(id: string): Promise<Plugin> {
  const module = await System.import(`/public/plugins/${id}/module.js`);
  if (module.plugin === undefined) throw new Error(`Load ${id}: its module has no export "plugin"`);
  return module.plugin as Plugin;
}
