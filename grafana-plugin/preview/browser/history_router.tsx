import { locationService } from "@grafana/runtime";
import { type ReactNode, useLayoutEffect, useState } from "react";
import { type NavigationType, type Navigator, Router } from "react-router";

/** A router on Grafana's history, which is of an older form than the router's own. */
export function HistoryRouter({ children }: { children: ReactNode }) {
  const history = locationService.getHistory();
  const [location, setLocation] = useState(history.location);
  useLayoutEffect(() => history.listen((next: typeof history.location) => setLocation(next)), [history]);
  const navigator: Navigator = {
    createHref: (to) => history.createHref(typeof to === "string" ? parts(to) : to),
    go: (by) => history.go(by),
    push: (to, state) => history.push({ ...(typeof to === "string" ? parts(to) : to), state }),
    replace: (to, state) => history.replace({ ...(typeof to === "string" ? parts(to) : to), state }),
  };
  return (
    <Router
      location={{ ...location, key: location.key ?? "default", state: location.state }}
      navigationType={history.action as NavigationType}
      navigator={navigator}
    >
      {children}
    </Router>
  );
}

function parts(to: string): { pathname: string; search: string; hash: string } {
  const { pathname, search, hash } = new URL(to, globalThis.location.href);
  return { pathname, search, hash };
}
