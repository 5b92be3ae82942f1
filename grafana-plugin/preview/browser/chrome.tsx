import { AppEvents } from "@grafana/data";
import { Alert, type AlertVariant } from "@grafana/ui";
import { type ReactNode, useEffect, useState } from "react";
import { Link } from "react-router-dom";
import { appEvents } from "./services.ts";

const bar = {
  display: "flex",
  gap: 16,
  padding: "8px 16px",
  borderBottom: "1px solid var(--preview-border)",
};

/** What stands around a page in place of Grafana's own frame: links to all pages and panels, alerts. */
export function Chrome({ children }: { children: ReactNode }) {
  const { pages, panels, role } = globalThis.candlewirePreview;
  return (
    <>
      <nav aria-label="Mini host" style={{ ...bar, flexWrap: "wrap" }}>
        {pages.map(({ name, path }) => <Link key={path} to={path}>{name}</Link>)}
        {panels.map(({ id, name }) => <a key={id} href={`/panel/${id}`}>{`Panel: ${name}`}</a>)}
        <span style={{ marginLeft: "auto" }}>{role}</span>
      </nav>
      <Toasts />
      <main style={{ padding: 24 }}>{children}</main>
    </>
  );
}

type Toast = { id: number; severity: AlertVariant; title: string; text?: string };

function Toasts() {
  const [toasts, setToasts] = useState<Toast[]>([]);
  useEffect(() => {
    let count = 0;
    const show = (severity: AlertVariant) => (event: { payload?: string[] }) => {
      const toast = { id: count++, severity, title: event.payload?.[0] ?? "", text: event.payload?.[1] };
      setToasts((shown) => [...shown.slice(-4), toast]);
    };
    const subscriptions = [
      appEvents.subscribe(AppEvents.alertError as never, show("error")),
      appEvents.subscribe(AppEvents.alertWarning as never, show("warning")),
      appEvents.subscribe(AppEvents.alertSuccess as never, show("success")),
    ];
    return () => subscriptions.forEach((subscription) => subscription.unsubscribe());
  }, []);
  return (
    <div style={{ position: "fixed", right: 16, top: 56, zIndex: 1100, width: 380 }}>
      {toasts.map(({ id, severity, title, text }) => (
        <Alert
          key={id}
          elevated
          severity={severity}
          title={title}
          onRemove={() => setToasts((shown) => shown.filter((toast) => toast.id !== id))}
        >
          {text}
        </Alert>
      ))}
    </div>
  );
}
