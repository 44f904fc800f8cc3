/** Bars over time; the page also states what they show in words. */

import { html, svg, type TemplateResult } from "lit";

const WIDTH = 480;
const HEIGHT = 96;

/** `series`: layers, the first at the bottom. `name` tells its colours apart from those of other charts. */
export function barChart(
  series: readonly (readonly number[])[],
  name: string,
  label: string,
  axis: readonly [string, string],
): TemplateResult {
  const count = series[0]?.length ?? 0;
  const totals = Array.from({ length: count }, (_, slot) => series.reduce((sum, layer) => sum + (layer[slot] ?? 0), 0));
  const most = Math.max(1, ...totals);
  const step = WIDTH / Math.max(1, count);
  const bars = totals.flatMap((_, slot) => {
    let top = HEIGHT;
    return series.map((layer, index) => {
      const height = ((layer[slot] ?? 0) / most) * HEIGHT;
      top -= height;
      return svg`<rect class=${`layer-${index}`} x=${slot * step + 1} y=${top} width=${step - 2} height=${height} />`;
    });
  });
  return html`<figure class="chart chart-${name}">
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${label} preserveAspectRatio="none">${bars}<path class="axis" d="M0 ${HEIGHT}H${WIDTH}" /></svg>
    <p class="axis-words hint"><span>${axis[0]}</span><span>${axis[1]}</span></p>
  </figure>`;
}
