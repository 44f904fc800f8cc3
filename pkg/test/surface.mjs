/** What the package declares: every argument of every function, constructor and method that a host may call, from its types. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const PACKAGE = fileURLToPath(new URL("../", import.meta.url));
/**
 * `inline` is the main entry; `react` and `elements` are components, whose properties the browser gives; the arguments of `fhir`
 * and `smart` are documents and messages that others wrote, for which they have tests of their own.
 */
const LEFT_OUT = ["./inline", "./worker-host", "./react", "./elements", "./fhir", "./smart"];

const { exports } = JSON.parse(readFileSync(`${PACKAGE}package.json`, "utf8"));
const entries = Object.entries(exports).flatMap(([name, { types }]) =>
  types === undefined || LEFT_OUT.includes(name) ? [] : [`${PACKAGE}${types}`],
);
const program = ts.createProgram(entries, {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  strict: true,
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.esnext.disposable.d.ts"],
  types: [],
});
const checker = program.getTypeChecker();

/**
 * Names such as `Portal#send` (a method), `Portal.open` (a static one), `new Verifier`, `fingerprint`, each with its arguments in
 * order: `{ name: "message", paths: ["message", "message.text", "message.attachments[].body", …] }`.
 */
export function surface() {
  const found = new Map();
  for (const entry of entries) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry));
    for (const symbol of checker.getExportsOfModule(module)) read("", symbol, found);
  }
  return found;
}

function read(prefix, exported, found) {
  const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
  const name = `${prefix}${exported.name}`;
  if (symbol.flags & ts.SymbolFlags.ValueModule) {
    for (const inner of checker.getExportsOfModule(symbol)) read(`${name}.`, inner, found);
    return;
  }
  if (!(symbol.flags & ts.SymbolFlags.Value)) return;
  const type = checker.getTypeOfSymbol(symbol);
  if (symbol.flags & ts.SymbolFlags.Class) {
    const isPublic = ({ declaration }) =>
      declaration !== undefined &&
      !(ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.NonPublicAccessibilityModifier);
    if (!isTypeOnly(exported)) add(`new ${name}`, type.getConstructSignatures().filter(isPublic), found);
    methods(`${name}#`, checker.getDeclaredTypeOfSymbol(symbol), found);
  }
  if (isTypeOnly(exported)) return;
  add(name, type.getCallSignatures(), found);
  if (type.getCallSignatures().length === 0) methods(`${name}.`, type, found);
}

function isTypeOnly(exported) {
  return exported.declarations?.some((each) => ts.isTypeOnlyImportOrExportDeclaration(each)) === true;
}

function methods(prefix, type, found) {
  for (const property of checker.getPropertiesOfType(type).filter(isOwn)) {
    const of = checker.getTypeOfSymbol(property);
    add(`${prefix}${property.name}`, of.getCallSignatures(), found);
    // A part of an object, such as `portal.vault`.
    if (of.symbol?.flags & ts.SymbolFlags.Class && isOwn(of.symbol)) methods(`${of.symbol.name}#`, of, found);
  }
}

function add(name, signatures, found) {
  const parameters = signatures.flatMap((signature) => signature.parameters);
  if (parameters.length === 0) return;
  const paths = new Map(parameters.map((each) => [each.name, pathsOf(each.name, checker.getTypeOfSymbol(each))]));
  found.set(
    name,
    [...paths].map(([parameter, list]) => ({ name: parameter, paths: [...new Set(list)] })),
  );
}

/** An argument, and what an object of options or a list of them has in it. */
function pathsOf(path, type) {
  const whole = checker.getNonNullableType(type);
  const parts = whole.isUnion() ? whole.types : [whole];
  return [path, ...parts.flatMap((part) => insideOf(path, part))];
}

function insideOf(path, type) {
  const item = checker.isArrayType(type) ? checker.getTypeArguments(type)[0] : undefined;
  if (item !== undefined) return pathsOf(`${path}[]`, item);
  const properties =
    type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection) ? checker.getPropertiesOfType(type) : [];
  // Objects of the platform, and interfaces that the host implements, are no options.
  const isOptions =
    properties.length > 0 && properties.every((each) => isOwn(each) && !(each.flags & ts.SymbolFlags.Method));
  const isHandle = type.symbol?.flags & ts.SymbolFlags.Class;
  if (!isOptions || isHandle) return [];
  return properties.flatMap((each) => pathsOf(`${path}.${each.name}`, checker.getTypeOfSymbol(each)));
}

function isOwn(symbol) {
  return symbol.declarations?.some((each) => each.getSourceFile().fileName.startsWith(`${PACKAGE}dist/`)) === true;
}
