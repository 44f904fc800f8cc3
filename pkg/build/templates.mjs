// Leaves comments and indentation out of the elements' templates and style sheets: no bundler looks into template literals.
// Lines of markup stay lines, so that source maps still name the right one. Run by `npm run build`.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import ts from "typescript";

const FOLDER = new URL("../dist/elements/", import.meta.url);
const SHORTER = { css: styles, html: markup, svg: markup };

function styles(text) {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/\s+/g, " ")
    .replace(/ ?([{};,]) ?/g, "$1")
    .replace(/(\w): /g, "$1:")
    .replace(/;}/g, "}")
    .replace(/([ :(,])0\.(\d)/g, "$1.$2")
    .replace(/ > /g, ">");
}

/** White space stays white space: between inline elements it is seen. */
function markup(text) {
  return text.replace(/\n\s+/g, "\n");
}

/** The literal parts of the templates in a script, the last first. */
function literals(script) {
  const found = [];
  const visit = (node) => {
    if (ts.isTaggedTemplateExpression(node)) {
      const { tag, template } = node;
      const shorter = SHORTER[tag.getText()];
      const parts = ts.isTemplateExpression(template)
        ? [template.head, ...template.templateSpans.map(({ literal }) => literal)]
        : [template];
      if (shorter !== undefined) found.push(...parts.map((part) => [part.getStart(), part.getEnd(), shorter]));
    }
    ts.forEachChild(node, visit);
  };
  visit(script);
  return found.sort(([one], [other]) => other - one);
}

for (const name of readdirSync(FOLDER, { recursive: true }).filter((name) => name.endsWith(".js"))) {
  const file = new URL(name, FOLDER);
  let text = readFileSync(file, "utf8");
  for (const [start, end, shorter] of literals(ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true)))
    text = text.slice(0, start) + shorter(text.slice(start, end)) + text.slice(end);
  writeFileSync(file, text);
}
