// What the modules get from the document around them, and the types that many of them share.

// The dictionary of the page's language, English text → translation: the import map names its address.
declare module "studio/text" {
  const dictionary: Record<string, string>;
  export default dictionary;
}

interface Element {
  // Draws itself: render leaves what is in it alone.
  draws?: boolean;
  // Those that h has set, so that render can bring them up to date.
  handlers?: Record<string, Handler>;
  // Of a template: the element that is in the page already and whose place it keeps.
  standsFor?: Element;
}

type Handler = ((event: any) => unknown) | null | undefined | false;

// What h takes as a child. Nothing is drawn of null, undefined and false.
type Child = Node | string | number | null | undefined | false | Child[];

interface Props {
  [attribute: string]: any;
  [handler: `on${string}`]: Handler;
  data?: Record<string, string | number | null | undefined>;
  style?: string | Record<string, string>;
}

// What a list of actions holds: a button, a link, or an entry of a menu.
interface Action {
  label: string;
  icon?: string;
  href?: string;
  danger?: boolean;
  disabled?: boolean;
  title?: string;
  run?: (opener: HTMLElement) => unknown;
}

// One of several things to choose from.
interface Choice {
  value: string;
  label: string;
  title?: string;
  disabled?: boolean;
}

// A problem with its remedy, as handlers tell it.
interface Problem {
  problem: string;
  remedy?: string;
  fields?: Record<string, string>;
}

type Falsy = false | null | undefined | 0 | "";
