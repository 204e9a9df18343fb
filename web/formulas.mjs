// Formulas as HTML and MathML: reads [{tex, display}] from standard input, writes [{html}] or [{error}] in the same order.
import { readFileSync } from "node:fs";
import katex from "katex";

const formulas = JSON.parse(readFileSync(0, "utf8"));
const typeset = formulas.map(({ tex, display }) => {
  try {
    return { html: katex.renderToString(tex, { displayMode: display, strict: "ignore", trust: false }) };
  } catch (error) {
    return { error: error.message };
  }
});
process.stdout.write(JSON.stringify(typeset));
