// Makes elements. Text always arrives as text nodes: results and descriptions come from elsewhere and are never markup.

/** `element("a", { class: "x", onclick: f, disabled: true }, "text", child)`; false and null attributes are left out. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** Shows [class, text] pairs as spans inside `target`. */
export function paint(target, pairs) {
  const fragment = document.createDocumentFragment();
  for (const [name, text] of pairs) fragment.append(name ? element("span", { class: `t-${name}` }, text) : text);
  target.replaceChildren(fragment);
}

/** Storage that forgets instead of failing where the browser blocks it or it is full. */
export function storage(kind) {
  return {
    read(key, otherwise) {
      try {
        return JSON.parse(window[kind].getItem(`lectern.${key}`)) ?? otherwise;
      } catch {
        return otherwise;
      }
    },
    write(key, value) {
      try {
        if (value === null) window[kind].removeItem(`lectern.${key}`);
        else window[kind].setItem(`lectern.${key}`, JSON.stringify(value));
      } catch {
        // Blocked or full: the console works on without memory.
      }
    },
  };
}

let fading = 0;

/** One sentence at the top of the page, gone after a while unless `stays`. */
export function notify(text, { stays = false } = {}) {
  const place = byId("notice");
  clearTimeout(fading);
  place.textContent = text;
  place.hidden = text === "";
  if (!stays) fading = setTimeout(() => (place.hidden = true), 8000);
}

/** Left and right arrow keys move between the tabs of a tab list. */
export function arrowKeys(list) {
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const tabs = [...list.querySelectorAll('[role="tab"]')];
    const at = tabs.indexOf(document.activeElement);
    if (step === undefined || at < 0) return;
    event.preventDefault();
    tabs[(at + step + tabs.length) % tabs.length].click();
    list.querySelector('[aria-selected="true"]')?.focus();
  });
}
