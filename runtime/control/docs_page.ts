import type { OpenApiDocument } from "./control_app.ts";

type Json = Record<string, unknown>;
type Operation = {
  tags?: string[];
  summary?: string;
  description?: string;
  security?: Json[];
  parameters?: {
    name: string;
    in: string;
    required?: boolean;
    description?: string;
    schema?: Json;
    example?: unknown;
  }[];
  requestBody?: { content?: Record<string, { schema?: Json }> };
  responses?: Record<string, { description?: string; content?: Record<string, { schema?: Json }> }>;
};

/** A page for people made from the OpenAPI document: no scripts, no assets from elsewhere. */
export function docsPage(document: OpenApiDocument, simulated: boolean): string {
  const operations: { method: string; path: string; operation: Operation }[] = [];
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const [method, operation] of Object.entries(item as Json)) {
      if (METHODS.includes(method)) operations.push({ method, path, operation: operation as Operation });
    }
  }
  const tags = [...new Set(operations.map((one) => one.operation.tags?.[0] ?? "other"))];
  const schemas = Object.entries((document.components?.schemas ?? {}) as Record<string, Json>);
  const title = escape(document.info.title);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
${simulated ? `<p class="simulated">SIMULATED: this run does not show the live market</p>` : ""}
<header>
<h1>${title} <small>${escape(document.info.version)}</small></h1>
<p>${escape(document.info.description ?? "")}</p>
<p><a href="/">Console</a> · <a href="/openapi.json">OpenAPI document</a> · <a href="/readyz">Readiness</a></p>
</header>
<nav>${
    tags.map((tag) => `<a href="#${anchor(tag)}">${escape(tag)}</a>`).join(" ")
  } <a href="#schemas">schemas</a></nav>
<main>
${
    tags.map((tag) =>
      `<section id="${anchor(tag)}"><h2>${escape(tag)}</h2>\n${
        operations.filter((one) => (one.operation.tags?.[0] ?? "other") === tag).map(operationHtml).join("\n")
      }</section>`
    ).join("\n")
  }
<section id="schemas"><h2>schemas</h2>
${
    schemas.map(([name, schema]) =>
      `<details id="schema-${anchor(name)}"><summary><code>${escape(name)}</code></summary>${
        description(schema)
      }<pre>${schemaText(schema, 0)}</pre></details>`
    ).join("\n")
  }
</section>
</main>
</body>
</html>
`;
}

const METHODS = ["get", "post", "delete", "put", "patch"];

function operationHtml(
  { method, path, operation }: { method: string; path: string; operation: Operation },
): string {
  const parameters = (operation.parameters ?? []).map((one) =>
    `<tr><td><code>${escape(one.name)}</code>${one.required ? " <em>required</em>" : ""}</td><td>${
      escape(one.in)
    }</td><td><code>${schemaText(one.schema ?? {}, 0)}</code></td><td>${
      escape(one.description ?? String(one.schema?.description ?? ""))
    }</td></tr>`
  ).join("");
  const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema;
  const responses = Object.entries(operation.responses ?? {}).map(([status, response]) => {
    const contents = Object.entries(response.content ?? {}).map(([type, { schema }]) =>
      `<code>${escape(type)}</code> ${schema === undefined ? "" : `<code>${schemaText(schema, 0)}</code>`}`
    ).join("<br>");
    return `<tr class="s${status[0]}"><td>${escape(status)}</td><td>${
      escape(response.description ?? "")
    }</td><td>${contents}</td></tr>`;
  }).join("");
  const open = (operation.security ?? []).length === 0;
  return `<details class="${method}"><summary><b>${method.toUpperCase()}</b> <code>${escape(path)}</code> ${
    escape(operation.summary ?? "")
  } <i>${open ? "open" : method === "get" ? "viewer" : "operator"}</i></summary>
${parameters === "" ? "" : `<h4>Parameters</h4><table>${parameters}</table>`}
${body === undefined ? "" : `<h4>Body</h4><pre>${schemaText(body, 0)}</pre>`}
<h4>Answers</h4><table>${responses}</table></details>`;
}

function description(schema: Json): string {
  return typeof schema.description === "string" ? `<p>${escape(schema.description)}</p>` : "";
}

/** A schema in a few words; references are links. */
function schemaText(schema: Json, depth: number): string {
  if (typeof schema.$ref === "string") {
    const name = schema.$ref.split("/").at(-1)!;
    return `<a href="#schema-${anchor(name)}">${escape(name)}</a>`;
  }
  if (Array.isArray(schema.enum)) return schema.enum.map((one) => escape(JSON.stringify(one))).join(" | ");
  if (schema.const !== undefined) return escape(JSON.stringify(schema.const));
  for (const union of ["anyOf", "oneOf", "allOf"]) {
    const parts = schema[union];
    if (Array.isArray(parts)) {
      return parts.map((part) => schemaText(part as Json, depth)).join(union === "allOf" ? " & " : " | ");
    }
  }
  const type = Array.isArray(schema.type) ? schema.type.join(" | ") : String(schema.type ?? "any");
  if (type.includes("array") && typeof schema.items === "object") {
    return `[${schemaText(schema.items as Json, depth)}, …]`;
  }
  const properties = schema.properties as Record<string, Json> | undefined;
  if (properties !== undefined && depth < 6) {
    const required = new Set(Array.isArray(schema.required) ? schema.required : []);
    const indent = "  ".repeat(depth + 1);
    const lines = Object.entries(properties).map(([name, property]) =>
      `${indent}${escape(name)}${required.has(name) ? "" : "?"}: ${schemaText(property, depth + 1)}`
    );
    return `{\n${lines.join("\n")}\n${"  ".repeat(depth)}}`;
  }
  const additional = schema.additionalProperties;
  if (typeof additional === "object" && additional !== null) {
    return `{name: ${schemaText(additional as Json, depth + 1)}}`;
  }
  const bounds = [
    schema.minimum === undefined ? "" : `≥ ${schema.minimum}`,
    typeof schema.maximum !== "number" || schema.maximum >= Number.MAX_SAFE_INTEGER
      ? ""
      : `≤ ${schema.maximum}`,
    schema.default === undefined ? "" : `default ${JSON.stringify(schema.default)}`,
  ].filter(Boolean).join(", ");
  return escape(bounds === "" ? type : `${type} (${bounds})`);
}

function anchor(text: string): string {
  return text.replace(/[^A-Za-z0-9]+/g, "-");
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);
}

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--get:#1a7f5a;--post:#9a6700;--delete:#b3261e}
body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:0 auto;padding:1rem 1.2rem 4rem}
h1 small{font-weight:400;opacity:.6;font-size:.5em}
h2{text-transform:capitalize;margin:2rem 0 .5rem}h4{margin:.8rem 0 .2rem}
nav{position:sticky;top:0;background:Canvas;border-bottom:1px solid var(--line);padding:.5rem 0}nav a{margin-right:1rem}
details{border:1px solid var(--line);border-left:4px solid var(--line);border-radius:6px;margin:.4rem 0;padding:.4rem .8rem}
summary{cursor:pointer}summary i{float:right;opacity:.6}summary b{display:inline-block;min-width:4.5em}
.get{border-left-color:var(--get)}.get b{color:var(--get)}
.post{border-left-color:var(--post)}.post b{color:var(--post)}
.delete{border-left-color:var(--delete)}.delete b{color:var(--delete)}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{overflow:auto;background:#8881;padding:.6rem;border-radius:6px}
td code{white-space:pre-wrap;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}td{border-top:1px solid var(--line);padding:.25rem .5rem .25rem 0;vertical-align:top}
.simulated{background:#ffbf00;color:#000;font-weight:700;text-align:center;padding:.3rem;border-radius:6px}
`;
