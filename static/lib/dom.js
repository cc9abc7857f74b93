// Elements: made, and brought up to date in place. Text from data reaches the document as text only, never as HTML.
// @ts-check

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element: h("button", { class: "button", onclick: f, "aria-label": "…", data: { id: 3 } }, "Text", child, [more],
 * null)
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props} [props]
 * @param {Child[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export const h = (tag, props, ...children) => build(document.createElement(tag), props, children);

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props} [props]
 * @param {Child[]} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export const svg = (tag, props, ...children) => build(document.createElementNS(SVG, tag), props, children);

/**
 * An element of the document that the server has written.
 *
 * @param {string} id
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`The document has no element ${id}`);
  return element;
}

/**
 * The input in an element that has one.
 *
 * @param {Element} element
 */
export const inputIn = (element) => /** @type {HTMLInputElement} */ (element.querySelector("input"));

/**
 * @template {HTMLElement | SVGElement} Made
 * @param {Made} node
 * @param {Props | undefined} props
 * @param {Child[]} children
 */
function build(node, props, children) {
  for (const [name, value] of Object.entries(props || {})) setProp(node, name, value);
  for (const child of flatChildren(children))
    if (child instanceof Element && child.isConnected) node.append(standIn(child));
    else node.append(child);
  return node;
}

// What is in the page already is not taken out of it while the nodes around it are made anew: it would lose the focus
// and the scroll position. Something else stands in the new nodes, and render leaves or puts the element in that place.
/**
 * What there is to draw, out of lists in lists.
 *
 * @param {unknown[]} children
 * @returns {(Node | string)[]}
 */
const flatChildren = (children) =>
  /** @type {any[]} */ (children).flat(Infinity).filter((child) => child != null && child !== false);

/** @param {Element} element */
function standIn(element) {
  const place = document.createElement("template");
  place.standsFor = element;
  return place;
}

/** @param {Node} node */
function settled(node) {
  if (node instanceof Element)
    for (const place of node.querySelectorAll("template")) if (place.standsFor) place.replaceWith(place.standsFor);
  return node;
}

/**
 * @param {HTMLElement | SVGElement} node
 * @param {string} name
 * @param {any} value
 */
function setProp(node, name, value) {
  if (value == null || value === false) return;
  if (name.startsWith("on")) {
    Object.assign(node, { [name]: value });
    node.handlers = { ...node.handlers, [name]: value };
  } else if (name === "style" && typeof value === "object") {
    for (const [key, each] of Object.entries(/** @type {Record<string, string>} */ (value)))
      node.style.setProperty(key, each);
  } else if (name === "data") {
    Object.assign(node.dataset, value);
  } else if (["value", "checked", "indeterminate", "selected", "returnValue"].includes(name)) {
    Object.assign(node, { [name]: value });
    if (name === "checked" || name === "selected") node.toggleAttribute(name, true);
  } else {
    node.setAttribute(name, value === true ? "" : value);
  }
}

/**
 * Makes root's children equal to the nodes while it keeps what is already there, so that a poll does not steal the
 * focus, the selection or the scroll position. Nodes with data-key are matched by it; a node that is in root already (a
 * chart that draws itself) stays as it is.
 *
 * @template {Element} Root
 * @param {Root} root
 * @param {Child[]} nodes
 */
export function render(root, ...nodes) {
  root.removeAttribute("aria-busy");
  morphChildren(root, flatChildren(nodes));
  return root;
}

/** @param {Node} node */
const keyOf = (node) => (node instanceof HTMLElement || node instanceof SVGElement ? node.dataset.key : undefined);

/**
 * @param {Element} parent
 * @param {(Node | string)[]} children
 */
function morphChildren(parent, children) {
  const keyed = new Map();
  for (const child of parent.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
  const nodes = children.map((node) => (node instanceof Element && node.standsFor) || node);
  const own = new Set(nodes);
  let cursor = parent.firstChild;
  for (const each of nodes) {
    let node = each instanceof Node ? each : document.createTextNode(each);
    while (cursor && own.has(cursor) && cursor !== node) cursor = cursor.nextSibling;
    if (node.parentNode === parent) {
      if (node !== cursor) parent.insertBefore(node, cursor);
    } else {
      const key = keyOf(node);
      const old = key ? keyed.get(key) : cursor && !keyOf(cursor) ? cursor : null;
      if (old && old.parentNode === parent && !own.has(old) && morph(old, node)) {
        if (old !== cursor) parent.insertBefore(old, cursor);
        node = old;
      } else {
        parent.insertBefore(settled(node), cursor);
      }
    }
    cursor = node.nextSibling;
  }
  while (cursor) {
    const next = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
}

/**
 * Makes old equal to node; false where it cannot become it.
 *
 * @param {Node} old
 * @param {Node} node
 */
function morph(old, node) {
  if (old.nodeType !== node.nodeType || old.nodeName !== node.nodeName) return false;
  if (!(old instanceof Element && node instanceof Element)) {
    if (old.nodeValue !== node.nodeValue) old.nodeValue = node.nodeValue;
    return true;
  }
  if (old.draws || node.draws || (keyOf(old) || "") !== (keyOf(node) || "")) return false;
  for (const { name } of [...old.attributes]) {
    const isOwnState =
      (name === "open" && old.nodeName === "DETAILS") || name === "aria-busy" || name === "aria-expanded";
    if (!node.hasAttribute(name) && !isOwnState) old.removeAttribute(name);
  }
  for (const { name, value } of node.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const name of Object.keys(old.handlers || {})) Object.assign(old, { [name]: null });
  Object.assign(old, node.handlers);
  old.handlers = node.handlers;
  morphChildren(old, [...node.childNodes]);
  if (old !== document.activeElement) morphValue(old, node);
  return true;
}

/**
 * @param {Element} old
 * @param {Element} node
 */
function morphValue(old, node) {
  if (old instanceof HTMLInputElement && node instanceof HTMLInputElement) {
    if (old.type === "checkbox" || old.type === "radio") old.checked = node.checked;
    else if (old.type !== "file" && old.value !== node.value) old.value = node.value;
  } else if (
    (old instanceof HTMLSelectElement && node instanceof HTMLSelectElement) ||
    (old instanceof HTMLTextAreaElement && node instanceof HTMLTextAreaElement)
  ) {
    if (old.value !== node.value) old.value = node.value;
  }
}

let ids = 0;
/** @param {string} prefix */
export function uniqueId(prefix) {
  ids += 1;
  return `${prefix}-${ids}`;
}
