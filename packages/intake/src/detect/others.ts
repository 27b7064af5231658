import { readText } from "../tree.ts";
import type { Detector } from "./detection.ts";

const needs = (tool: string): string =>
  `The base image has no ${tool}: name an image that has it as sandbox.image in headrace.yaml.`;

export const detectGo: Detector = async ({ paths }, found) => {
  if (!paths.has("go.mod")) return;
  found.setup.push("go mod download");
  found.gate("vet", "go vet ./...", "go-vet");
  found.gate("test", "go test ./...", "go-test");
  found.notes.push(needs("go"));
};

export const detectRust: Detector = async ({ tree, paths }, found) => {
  if (!paths.has("Cargo.toml")) return;
  const manifest = (await readText(tree, "Cargo.toml")) ?? "";
  if (/^\[workspace\]/m.test(manifest))
    found.notes.push("Dependencies of a Cargo workspace are not detected: list setup commands.");
  // cargo reads no manifest without a target, and set-up sees no sources
  else found.setup.push("mkdir -p src && touch src/lib.rs && cargo fetch && rm src/lib.rs");
  found.gate("test", "cargo test --offline", "cargo-test");
  found.notes.push(needs("cargo"));
};

/** A Makefile's own test target; where an ecosystem already has tests it usually wraps them. */
export const detectMake: Detector = async ({ tree, paths }, found) => {
  const file = ["GNUmakefile", "makefile", "Makefile"].find((name) => paths.has(name));
  if (file === undefined || found.hasGate("test")) return;
  const text = (await readText(tree, file)) ?? "";
  if (/^test[ \t]*:(?!=)/m.test(text)) found.gate("test", "make test", "make-test");
};
