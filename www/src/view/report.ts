/** A diagnostic report as a table that reads well aloud. */

import { freshId, h, type Child } from "../dom";
import { SEE_ORIGINAL, type Flag, type Report, type Row } from "../fhir";
import { wallTime, t, type TextKey } from "../i18n";

const FLAGS: Readonly<Record<NonNullable<Flag>, TextKey>> = {
  high: "flag_high",
  low: "flag_low",
  normal: "flag_normal",
  abnormal: "flag_abnormal",
};

export function reportTable(report: Report): HTMLElement {
  const captionId = freshId("report");
  return h(
    "div",
    { class: "report", testid: "report" },
    h("h4", { id: captionId }, report.title || t("report")),
    facts(report),
    h(
      "div",
      { class: "table-scroll", role: "region", "aria-labelledby": captionId, tabindex: 0 },
      h(
        "table",
        { testid: "fhir-table", "aria-labelledby": captionId },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ...(["col_test", "col_value", "col_unit", "col_range", "col_flag"] as const).map((key) =>
              h("th", { scope: "col" }, t(key)),
            ),
          ),
        ),
        h("tbody", {}, ...report.rows.map(tableRow)),
      ),
    ),
    report.conclusion && h("p", { class: "conclusion" }, report.conclusion),
    h(
      "p",
      { class: "hint" },
      [
        report.rows.some((row) => row.computed) ? t("flag_computed") : "",
        report.more ? t("report_more") : "",
        t("narrative_hidden"),
      ]
        .filter(Boolean)
        .join(" "),
    ),
  );
}

function facts(report: Report): HTMLElement {
  const entry = (key: TextKey, value: string | null): Child[] =>
    value ? [h("div", {}, h("dt", {}, t(key)), h("dd", {}, value))] : [];
  return h(
    "dl",
    { class: "report-facts" },
    ...entry("report_status", report.status),
    ...entry("report_effective", when(report.effective)),
    ...entry("report_issued", when(report.issued)),
    ...entry("report_performer", report.performer),
  );
}

/** The laboratory's own time of day with its offset; a date, a month or a year alone is shown as it stands. */
function when(text: string | null): string | null {
  const [, wall, offset] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.exec(text ?? "") ?? [];
  if (wall === undefined || offset === undefined) return text;
  return `${wallTime(new Date(`${wall}Z`))} UTC${offset === "Z" ? "" : offset}`;
}

function tableRow(row: Row): HTMLElement {
  const flag = row.flag ? `${t(FLAGS[row.flag])}${row.computed ? "*" : ""}` : t("flag_none");
  return h(
    "tr",
    { class: row.flag ? `flag-${row.flag}` : "", testid: "fhir-row", "data-flag": row.flag ?? "none" },
    h("th", { scope: "row" }, row.test, row.status && h("span", { class: "row-status" }, row.status)),
    h("td", { class: "num" }, row.value === SEE_ORIGINAL ? t("see_original") : (row.value ?? t("no_value"))),
    h("td", {}, row.unit),
    h("td", {}, row.range),
    h("td", { class: "flag" }, flag),
  );
}
