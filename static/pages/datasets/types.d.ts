// What the parts of a dataset's card share.
import type { Context as ViewContext } from "../../api/types";

export type Context = ViewContext<"datasets">;

// Something that cleaning can do to a dataset; value asks for it, and that of stricter for more of the same.
export interface Offer {
  name: string;
  level: "error" | "warning";
  text: string;
  label: string;
  // It changes rows instead of leaving them out.
  changes: boolean;
  value: any;
  stricter: { text: string; value: any } | null;
}

// What becomes of one row; see studio/domain/datasets/edits.py.
export interface RowEdit {
  row?: number;
  refused?: number;
  drop?: boolean;
  raw?: string;
  set: Record<string, any>;
  remove: string[];
}

// A turn, or the text, of a row that is being edited.
export interface EditedTurn {
  path: string;
  part: string;
  role: string;
  content: string;
  reasoning: string | null;
  masked?: boolean;
  calls: string[];
  removed: boolean;
}

// A dataset's version on the page, as its tabs see it.
export interface DatasetView {
  ctx: Context;
  dataset: any;
  encodings: Choice[];
  // Follows the counting of its tokens; see token_counts.js.
  counting: any;
  record: () => any;
  groups: () => any[];
  // Goes to another version or dataset.
  went: (dataset: any) => void;
  pick: (event: Event, reference: string) => void;
  modelSelect: (id: string) => Child;
  // Names of the datasets that this one can be validated against.
  others: () => string[];
  // What is counted has been changed.
  asked: () => void;
  // The base model that rows are rendered for; empty for the first that is ready.
  modelName: () => string;
  // An edit was kept, or is gone.
  edited: () => void;
  remove: (button: HTMLElement, row: any) => Promise<unknown>;
}
