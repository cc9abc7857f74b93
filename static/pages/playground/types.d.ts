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

// What a column can be made of, as the handler `options` answers.
export interface Options {
  models: { name: string; reference: string }[];
  // `fits` are the models that it works over.
  adapters: { id: number; name: string; base_name: string; colour: number; fits: string[] }[];
  // Of runs that train now.
  checkpoints: { run: number; name: string; model: string; step: number; eval_loss: number | null }[];
  // The address of the server that answers in place of this machine, if there is one.
  server: string;
  // What has become of the runs whose checkpoints are in columns.
  runs: {
    run: number;
    name: string;
    trains: boolean;
    steps: number[];
    kept: Record<string, string>;
    adapter: string | null;
  }[];
}

// The chat: what is compared, what was said, and how it is shown.
export interface State {
  columns: Column[];
  turns: Turn[];
  system: string;
  // The settings of sampling, as they were typed.
  numbers: Record<string, string>;
  // A new seed for each prompt.
  fresh: boolean;
  view: string;
  shade: boolean;
  blind: boolean;
  conversation: { id: number; name: string } | null;
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
  options: Options;
  state: State;
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
