// The page's alphabet: elements, words, numbers. Text from data reaches the document as text only, never as HTML.
// @ts-check

const SVG = "http://www.w3.org/2000/svg";

// h("button", {class: "button", onclick: f, "aria-label": "…", data: {id: 3}}, "Text", child, [more], null)
export const h = (tag, props, ...children) => build(document.createElement(tag), props, children);
export const svg = (tag, props, ...children) => build(document.createElementNS(SVG, tag), props, children);

function build(node, props, children) {
  for (const [name, value] of Object.entries(props || {})) setProp(node, name, value);
  for (const child of children.flat(Infinity))
    if (child != null && child !== false) node.append(child.isConnected ? standIn(child) : child);
  return node;
}

// What is in the page already is not taken out of it while the nodes around it are made anew: it would lose the focus
// and the scroll position. Something else stands in the new nodes, and render leaves or puts the element in that place.
function standIn(element) {
  const place = document.createElement("template");
  place.standsFor = element;
  return place;
}

function settled(node) {
  if (node instanceof Element)
    for (const place of node.querySelectorAll("template")) if (place.standsFor) place.replaceWith(place.standsFor);
  return node;
}

function setProp(node, name, value) {
  if (value == null || value === false) return;
  if (name.startsWith("on")) {
    node[name] = value;
    (node.handlers ??= {})[name] = value;
  } else if (name === "style" && typeof value === "object") {
    for (const [key, each] of Object.entries(value)) node.style.setProperty(key, each);
  } else if (name === "data") {
    Object.assign(node.dataset, value);
  } else if (["value", "checked", "indeterminate", "selected", "returnValue"].includes(name)) {
    node[name] = value;
    if (name === "checked" || name === "selected") node.toggleAttribute(name, true);
  } else {
    node.setAttribute(name, value === true ? "" : value);
  }
}

// render(root, ...nodes): makes root's children equal to the nodes while it keeps what is already there, so that a
// poll does not steal the focus, the selection or the scroll position. Nodes with data-key are matched by it; a node
// that is in root already (a chart that draws itself) stays as it is.
export function render(root, ...nodes) {
  root.removeAttribute("aria-busy");
  morphChildren(
    root,
    nodes.flat(Infinity).filter((node) => node != null && node !== false),
  );
  return root;
}

function morphChildren(parent, wanted) {
  const keyed = new Map();
  for (const child of parent.childNodes) if (child.dataset?.key) keyed.set(child.dataset.key, child);
  wanted = wanted.map((node) => node.standsFor || node);
  const own = new Set(wanted);
  let cursor = parent.firstChild;
  for (let node of wanted) {
    if (!(node instanceof Node)) node = document.createTextNode(node);
    while (cursor && own.has(cursor) && cursor !== node) cursor = cursor.nextSibling;
    if (node.parentNode === parent) {
      if (node !== cursor) parent.insertBefore(node, cursor);
    } else {
      const key = node.dataset?.key;
      const old = key ? keyed.get(key) : cursor && !cursor.dataset?.key ? cursor : null;
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

function morph(old, node) {
  if (old.nodeType !== node.nodeType || old.nodeName !== node.nodeName) return false;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== node.nodeValue) old.nodeValue = node.nodeValue;
    return true;
  }
  if (old.draws || node.draws || (old.dataset?.key || "") !== (node.dataset?.key || "")) return false;
  for (const { name } of [...old.attributes]) {
    const held = (name === "open" && old.nodeName === "DETAILS") || name === "aria-busy" || name === "aria-expanded";
    if (!node.hasAttribute(name) && !held) old.removeAttribute(name);
  }
  for (const { name, value } of node.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const name of Object.keys(old.handlers || {})) old[name] = null;
  Object.assign(old, node.handlers);
  old.handlers = node.handlers;
  morphChildren(old, [...node.childNodes]);
  if ("value" in node && ["INPUT", "TEXTAREA", "SELECT"].includes(old.nodeName) && old !== document.activeElement) {
    if (old.type === "checkbox" || old.type === "radio") old.checked = node.checked;
    else if (old.type !== "file" && old.value !== node.value) old.value = node.value;
  }
  return true;
}
let ids = 0;
export const uniqueId = (prefix) => `${prefix}-${++ids}`;
