// The list of completions under the cursor: opens while typing a name and on Ctrl-Space.

import { complete } from "./complete.js";
import { element } from "./dom.js";

const SHOWN = 60;

export class CompletionPopup {
  constructor(editor, schemaNow) {
    this.editor = editor;
    this.schemaNow = schemaNow;
    this.list = element("ul", { class: "completions", role: "listbox", id: "completions", "aria-label": "Completions" });
    this.list.hidden = true;
    document.body.append(this.list);
    const area = editor.area;
    area.setAttribute("aria-autocomplete", "list");
    area.setAttribute("aria-controls", "completions");
    area.addEventListener("keydown", (event) => this.pressed(event), { capture: true });
    area.addEventListener("input", (event) => this.typed(event));
    area.addEventListener("blur", () => this.close());
    area.addEventListener("scroll", () => this.close());
    area.addEventListener("mousedown", () => this.close());
  }

  typed(event) {
    if (event.inputType === "insertText" && /^[A-Za-z_$@]$/.test(event.data ?? "")) this.open(false);
    else if (event.inputType === "deleteContentBackward" && !this.list.hidden) this.open(false);
    else this.close();
  }

  open(asked) {
    const schema = this.schemaNow();
    const { selectionStart: position, selectionEnd: end, value } = this.editor.area;
    const found = schema && position === end ? complete(schema, value, position) : null;
    const known = found?.items ?? [];
    const finished = known.length > 0 && known[0].label.toLowerCase() === found.prefix && !asked;
    if (known.length === 0 || finished) {
      this.close();
      return;
    }
    this.found = found;
    this.chosen = 0;
    this.show();
  }

  show() {
    this.list.replaceChildren(
      ...this.found.items.slice(0, SHOWN).map((item, index) =>
        element(
          "li",
          {
            role: "option", id: `completion-${index}`, title: item.description || null,
            class: item.deprecated ? "deprecated" : null,
            onmousedown: (event) => {
              event.preventDefault();
              this.chosen = index;
              this.accept();
            },
          },
          element("span", { class: "label" }, item.label),
          element("span", { class: "detail" }, item.detail),
        ),
      ),
    );
    this.list.hidden = false;
    this.mark();
    const place = this.editor.placeOf(this.found.from);
    const box = this.list.getBoundingClientRect();
    const left = Math.max(4, Math.min(place.left, window.innerWidth - box.width - 8));
    const below = place.bottom + 4 + box.height < window.innerHeight;
    // Style through the object model: the page's policy forbids style attributes in markup, not this.
    this.list.style.left = `${left}px`;
    this.list.style.top = `${below ? place.bottom + 4 : Math.max(4, place.top - box.height - 4)}px`;
  }

  mark() {
    [...this.list.children].forEach((child, index) => child.setAttribute("aria-selected", String(index === this.chosen)));
    this.list.children[this.chosen]?.scrollIntoView({ block: "nearest" });
    this.editor.area.setAttribute("aria-activedescendant", `completion-${this.chosen}`);
  }

  close() {
    this.list.hidden = true;
    this.editor.area.removeAttribute("aria-activedescendant");
  }

  accept() {
    const { from, to, items } = this.found;
    this.close();
    this.editor.replace(from, to, items[this.chosen].insert);
  }

  pressed(event) {
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      this.open(true);
      return;
    }
    if (this.list.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    const count = this.list.children.length;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step !== undefined) {
      this.chosen = Math.abs(step) === 1 ? (this.chosen + step + count) % count : Math.min(count - 1, Math.max(0, this.chosen + step));
      this.mark();
    } else if (event.key === "Enter" || event.key === "Tab") this.accept();
    else if (event.key === "Escape") this.close();
    else {
      if (["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) this.close();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}
