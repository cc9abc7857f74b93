// What the parts of the playground share.
import type { Context as ViewContext } from "../../api/types";

export type Context = ViewContext<"playground">;

// An adapter, or a run's checkpoint, in a column.
export interface Share {
  adapter?: string;
  run?: number;
  step?: number;
  strength: number;
}

export interface Column {
  id: string;
  model: string;
  precision: string;
  shares: Share[];
  on: boolean;
}

// A prompt, and what each column answered to it, by the column's id.
export interface Turn {
  id: string;
  prompt: string;
  seed: string;
  sampling: Record<string, string>;
  sent: string[];
  answers: Record<string, any>;
  comparison: number | null;
  vote: { choice: string; place: number | null; blind?: boolean } | null;
  round: string | null;
}

// What is compared in a chat, and what can be done with it.
export interface Comparison {
  ctx: Context;
  options: any;
  state: any;
  // Of blind comparing: the order of the columns, and whether their names are shown again.
  round: () => { id: string; order: string[]; revealed: boolean } | null;
  isBusy: () => boolean;
  isHidden: () => boolean;
  status: () => string;
  columnsShown: () => Column[];
  turnsShown: () => Turn[];
  lastTurn: () => Turn;
  answerShown: (turn: Turn, column: Column) => any;
  baseOf: (column: Column, turn: Turn) => any;
  setBlind: (on: boolean) => void;
  reveal: () => void;
  send: (prompt: string, from?: number) => Promise<boolean | undefined>;
  edit: (at: number) => Promise<void>;
  again: (at: number) => Promise<boolean | undefined>;
  stop: () => void;
  begin: (chat: any) => void;
  keep: () => void;
  changed: () => void;
  draw: () => void;
  refresh: () => Promise<void>;
  // Of saving the chat: under way, and why it failed.
  saving?: { again: boolean; problem: string } | null;
  saveProblem?: string;
}
