// What a view is given. Names, arguments and results of handlers come from the Python code: see handlers.d.ts.
import type { Handlers, Streams } from "./handlers";

export type ViewName = keyof Handlers;

type Arguments<H> = H extends { args: infer A } ? A : never;
type Result<H> = H extends { result: infer R } ? R : never;
type Given<A> = Record<string, never> extends A ? [args?: A] : [args: A];

export interface Polling {
  stop: () => void;
  now: () => void;
}

export interface Context<View extends ViewName> {
  name: View;
  root: HTMLElement;
  // What the Python side gave the view from the start.
  value: any;
  // Whether the view is still on the page.
  readonly alive: boolean;
  draw: (...nodes: Child[]) => HTMLElement;

  // One call, one answer; throws a Fault. For what changes something: it is never repeated by itself.
  call<Name extends keyof Handlers[View]>(
    handler: Name,
    ...args: Given<Arguments<Handlers[View][Name]>>
  ): Promise<Result<Handlers[View][Name]>>;

  // For reading: waits out a lost connection, with a line that says so. Throws a Fault that the handler meant.
  read<Name extends keyof Handlers[View]>(
    handler: Name,
    ...args: Given<Arguments<Handlers[View][Name]>>
  ): Promise<Result<Handlers[View][Name]>>;

  // Reads, then draws; a Fault is drawn in the place of the view with a way to try again.
  load<Name extends keyof Handlers[View]>(
    handler: Name,
    args: Arguments<Handlers[View][Name]> | (() => Arguments<Handlers[View][Name]>),
    draw: (answer: Result<Handlers[View][Name]>) => unknown,
  ): Promise<void>;

  // What a button does: it is busy meanwhile, a Fault is a toast, and the answer is undefined then.
  act<Name extends keyof Handlers[View]>(
    button: Element | null,
    handler: Name,
    args: Arguments<Handlers[View][Name]>,
    options?: { onFault?: (fault: any) => unknown },
  ): Promise<Result<Handlers[View][Name]> | undefined>;

  // Asks again and again while the page is seen; draw may return false to end it.
  poll<Name extends keyof Handlers[View]>(
    handler: Name,
    args: Arguments<Handlers[View][Name]> | (() => Arguments<Handlers[View][Name]>),
    ms: number,
    draw: (answer: Result<Handlers[View][Name]>) => unknown,
  ): Polling;

  // Follows a generator: draw gets each value that it yields. `done` is a promise of true at its end, of false when it
  // was stopped, and rejects with a Fault.
  stream<Name extends keyof Streams[View]>(
    handler: Name,
    args: Arguments<Streams[View][Name]>,
    draw: (value: Result<Streams[View][Name]>) => unknown,
  ): { done: Promise<boolean>; stop: () => void };

  // Sends a file with its progress (0 to 1); gives the token by which a handler finds it.
  upload(file: File, options?: { onProgress?: (share: number) => unknown; signal?: AbortSignal }): Promise<string>;
}

// What Gradio gives the component's script.
export interface Component {
  element: HTMLElement;
  props: { value: any };
  server: Record<string, (args: object) => Promise<any>>;
  trigger: (event: string, data: object) => void;
  watch: (property: string, changed: () => void) => void;
  events: string[];
}
