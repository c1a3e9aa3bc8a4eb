// The search: fields of the form, parameters of the address, and flags of a command are the same.

import { at, announce } from "./dom.js";

export const FILTERS = [
  "text", "user", "verb", "resource", "namespace", "name", "code", "outcome", "since", "until",
  "kind", "group", "source-ip", "user-agent", "audit-id", "where",
];
const MORE = ["kind", "group", "source-ip", "user-agent", "audit-id", "where"];

const form = () => at("filters");

// The filters of the address that are not empty.
export function wanted() {
  const address = new URLSearchParams(location.search);
  return Object.fromEntries(
    FILTERS.map((name) => [name, address.get(name) ?? ""]).filter(([, value]) => value),
  );
}

export function fillForm() {
  const now = wanted();
  for (const name of FILTERS) form().elements[name].value = now[name] ?? "";
  if (MORE.some((name) => now[name])) at("more").open = true;
}

// The filters of the form.
export function entered() {
  const values = FILTERS.map((name) => [name, form().elements[name].value.trim()]);
  return Object.fromEntries(values.filter(([, value]) => value));
}

// Go to another address of this page: back and forward come here again.
export function go(parameters, { replace = false } = {}) {
  const query = new URLSearchParams(parameters).toString();
  const address = location.pathname + (query ? `?${query}` : "");
  history[replace ? "replaceState" : "pushState"](null, "", address);
}

export function offer(suggestions) {
  for (const [name, values] of Object.entries(suggestions)) {
    at(`of-${name}`).replaceChildren(...values.map((value) => new Option(value)));
  }
}

const quoted = (text) => (/^[\w@%+=:,./*-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

// The same search as a command; what only this page has is left out and said.
export async function copyCommand(files) {
  const now = wanted();
  const flags = Object.entries(now)
    .filter(([name]) => name !== "text" && name !== "outcome")
    .map(([name, value]) => `--${name}=${quoted(value)}`);
  const parts = [];
  if (now.outcome) parts.push(`outcome = '${now.outcome}'`);
  if (now.where) parts.push(`(${now.where})`);
  const others = flags.filter((flag) => !flag.startsWith("--where="));
  if (parts.length) others.push(`--where=${quoted(parts.join(" AND "))}`);
  const command = ["auditproxy events list", ...files.map(quoted), ...others].join(" ");
  await navigator.clipboard.writeText(command);
  announce(`Copied: ${command}`);
}
