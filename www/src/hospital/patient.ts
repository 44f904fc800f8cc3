/** What a patient's home shows besides messages: the hospital's own data, made up here. */

import { h } from "../dom";
import type { Language } from "../languages";
import { say, type TextKey } from "./words";

const DAYS_TO_VISIT = 9;

export function patientCards(language: Language): HTMLElement[] {
  const visit = new Date();
  visit.setDate(visit.getDate() + DAYS_TO_VISIT);
  visit.setHours(9, 30, 0, 0);
  const when = new Intl.DateTimeFormat(language, {
    weekday: "long",
    day: "numeric",
    month: "long",
    hour: "numeric",
    minute: "2-digit",
  }).format(visit);
  const card = (title: TextKey, ...lines: (string | HTMLElement)[]): HTMLElement =>
    h("section", { class: "card" }, h("h2", {}, say(title, language)), ...lines.map((line) => h("p", {}, line)));
  return [
    card("next_visit", h("strong", {}, when), say("visit_what", language)),
    card("medicine_list", h("strong", {}, "Metformin 500 mg"), say("medicine_what", language)),
    card("last_result", h("strong", {}, say("result_name", language)), say("result_what", language)),
  ];
}
