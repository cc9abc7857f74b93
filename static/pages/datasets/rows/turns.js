// The turns of one row as they are edited: what the server gave, and what was changed in it since.
// @ts-check

/** @typedef {import("../types").RowEdit} RowEdit */
/** @typedef {import("../types").EditedTurn} EditedTurn */

const STARTS = {
  text: [["text", ""]],
  chat: [
    ["messages[0]", "user"],
    ["messages[1]", "assistant"],
  ],
  preference: [
    ["prompt[0]", "user"],
    ["chosen[0]", "assistant"],
    ["rejected[0]", "assistant"],
  ],
  unpaired: [
    ["prompt[0]", "user"],
    ["completion[0]", "assistant"],
  ],
};

const partOf = (path) => path.replace(/\[.*/, "");
const indexOf = (path) => Number(/\[(\d+)\]/.exec(path)?.[1] ?? 0);
export const contentPath = (turn) => (turn.path === "text" ? "text" : `${turn.path}.content`);

/**
 * The turns with the changes of the edit in them. Of a row that holds nothing yet, those that one of its kind begins
 * with.
 *
 * @param {any} answer of the server, to the edit without its changes
 * @param {RowEdit} edit
 * @returns {EditedTurn[]}
 */
export function turnsOf(answer, edit) {
  const starts = answer.turns.length || answer.raw ? [] : STARTS[answer.kind];
  for (const [path, role] of starts) {
    if (role) edit.set[`${path}.role`] ??= role;
    edit.set[path === "text" ? "text" : `${path}.content`] ??= "";
  }
  if (starts.length && answer.kind === "unpaired") edit.set.label ??= true;
  const turns = answer.turns.map((turn) => ({ ...turn, part: partOf(turn.path), removed: false }));
  for (const path of Object.keys(edit.set).map((each) => each.replace(/\.\w+$/, "")))
    if (path !== "label" && !turns.some((turn) => turn.path === path))
      turns.push({ path, part: partOf(path), role: "", content: "", reasoning: null, calls: [], removed: false });
  for (const turn of turns) {
    turn.content = edit.set[contentPath(turn)] ?? turn.content;
    turn.role = edit.set[`${turn.path}.role`] ?? turn.role;
    turn.removed = edit.remove.includes(turn.path);
  }
  return turns;
}

/**
 * Adds a turn behind the last one of a part, by whoever is next.
 *
 * @param {EditedTurn[]} turns
 * @param {RowEdit} edit
 * @param {string} part
 */
export function addTurn(turns, edit, part) {
  const own = turns.filter((turn) => turn.part === part);
  const last = own.filter((turn) => !turn.removed).at(-1);
  const path = `${part}[${own.length ? Math.max(...own.map((turn) => indexOf(turn.path))) + 1 : 0}]`;
  const role = part !== "messages" && part !== "prompt" ? "assistant" : last?.role === "user" ? "assistant" : "user";
  edit.set[`${path}.role`] = role;
  edit.set[`${path}.content`] = "";
  const turn = { path, part, role, content: "", reasoning: null, calls: [], removed: false };
  turns.splice(turns.indexOf(own.at(-1) ?? turns[turns.length - 1]) + 1, 0, turn);
  return turn;
}

/**
 * The turn that a problem's field is in: in the names of the file while the row is as it stands there, else in the
 * studio's own. undefined where it is of the whole row.
 *
 * @param {EditedTurn[]} turns
 * @param {string} field
 * @param {Record<string, string> | null} columns of the file
 */
export function turnAt(turns, field, columns) {
  if (!field) return undefined;
  const name = field.replace(/[.[].*/, "");
  const part = columns ? (Object.entries(columns).find(([, column]) => column === name)?.[0] ?? name) : name;
  const left = turns.filter((turn) => !turn.removed);
  const own = left.filter((turn) => turn.part === part);
  const inPart = own.length ? own : left;
  const index = /\[(\d+)\]/.exec(field);
  if (index) return inPart[Number(index[1])];
  if (part === "output" || part === "completion") return inPart.at(-1);
  if (part === "instruction" || part === "prompt" || part === "input")
    return inPart.find((turn) => turn.role === "user");
  return ["text", "chosen", "rejected"].includes(part) ? own[0] : undefined;
}
