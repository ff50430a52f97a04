/** The parameters of the prompt language for people: names, order, and how much of what follows a name belongs to it. Pure.

Names, ranges and meanings come from the service; here is only what a panel needs besides. */

import type { Model, Parameter } from "../api/types";
import type { Naming } from "./outline";

/** All that is known of the language: what the service listed, ready to be looked up. */
export interface Language {
  models: readonly Model[];
  parameters: readonly Parameter[];
  naming: Naming;
  of: (name: string) => Parameter | undefined;
}

/** Before the service has said what there is. */
export const UNKNOWN: Language = languageOf([], []);

const TITLES: Record<string, string> = {
  ar: "Aspect ratio",
  v: "Model",
  niji: "Niji",
  stylize: "Stylize",
  chaos: "Chaos",
  weird: "Weird",
  quality: "Quality",
  seed: "Seed",
  no: "Leave out",
  stop: "Stop early",
  tile: "Seamless tile",
  iw: "Image weight",
  sref: "Style references",
  sw: "Style weight",
  cref: "Character references",
  cw: "Character weight",
  oref: "Omni references",
  ow: "Omni weight",
  raw: "Raw",
  style: "Style",
  profile: "Profile",
  exp: "Experimental",
  draft: "Draft",
  hd: "Large size",
  sd: "Native size",
  repeat: "Repeat",
  turbo: "Turbo lane",
  fast: "Fast lane",
  relax: "Relax lane",
  stealth: "Stealth",
  public: "Public",
  video: "Film",
  motion: "Motion",
  loop: "Loop",
  end: "Last picture",
  bs: "Films",
};

/** Giving one takes the others away, so that a click never makes a prompt that is refused. */
const RIVALS: readonly (readonly string[])[] = [
  ["turbo", "fast", "relax"],
  ["hd", "sd"],
  ["draft", "hd"],
  ["stealth", "public"],
  ["v", "niji"],
  ["raw", "style"],
  ["loop", "end"],
];

export function languageOf(models: readonly Model[], parameters: readonly Parameter[]): Language {
  const byName = new Map(parameters.map((each) => [each.name, each]));
  const naming = parameters.length ? namingOf(parameters) : (name: string) => name.toLowerCase() || null;
  return { models, parameters, naming, of: (name) => byName.get(name) };
}

export function namingOf(parameters: readonly Parameter[]): Naming {
  const first = new Map(
    parameters.flatMap((each) => [each.name, ...each.aliases].map((name) => [name, each.name])),
  );
  return (name) => first.get(name.toLowerCase()) ?? null;
}

/** What people call a parameter. */
export function titleOf(name: string): string {
  return TITLES[name] ?? name;
}

export function rivalsOf(name: string): string[] {
  return RIVALS.filter((each) => each.includes(name))
    .flat()
    .filter((each) => each !== name);
}

/** How much of what stands behind a name is its value: a flag's none, a list's all; links as long as there are links. */
export function takesOf(parameter: Parameter | undefined): "nothing" | "word" | "links" | "all" {
  if (!parameter || parameter.name === "no") return "all";
  if (parameter.kind === "flag") return "nothing";
  return parameter.kind === "reference" ? "links" : "word";
}

/** Its range in a few words: "0 to 1000", "0.25, 0.5, 1", "on or off". */
export function rangeOf(parameter: Parameter): string {
  if (parameter.kind === "flag") return "on or off";
  if (parameter.choices.length) return parameter.choices.join(", ");
  if (parameter.min !== null && parameter.max !== null) return `${parameter.min} to ${parameter.max}`;
  if (parameter.kind === "ratio") return "W:H";
  return parameter.kind === "reference" ? "pictures" : "";
}

/** The model that a prompt names, the default where it names none; undefined where it names something unknown. */
export function modelNamed(language: Language, value: string | null, niji = false): Model | undefined {
  if (value === null && !niji) return language.models.find((each) => each.default) ?? language.models[0];
  const wanted = niji ? `niji ${value ?? ""}`.trim() : (value ?? "").toLowerCase();
  return language.models.find((each) =>
    [each.name, ...each.aliases].some((name) => name.toLowerCase() === wanted),
  );
}
