// A text area whose text is invisible, above a painted copy of the same text: the browser keeps doing the editing,
// the undoing and the reading aloud, and only the colours are ours.

import { element, paint } from "./dom.js";

const PAIRS = { "{": "}", "(": ")", "[": "]", '"': '"' };
// Beyond this, painting every keystroke would be felt; the text is shown in one colour.
const PAINTED_CHARACTERS = 20_000;
// A replacement that undo knows costs the browser time with the square of its lines (two seconds at 1,000).
const UNDOABLE_LINES = 300;

export class Editor {
  constructor(host, { label, placeholder = "", painter, onChange = () => {} }) {
    this.painter = painter;
    this.onChange = onChange;
    this.numbers = element("div", { class: "numbers", "aria-hidden": "true" });
    this.copy = element("pre", { class: "copy", "aria-hidden": "true" });
    this.area = element("textarea", {
      "aria-label": label, placeholder, spellcheck: "false", autocapitalize: "off", autocomplete: "off", wrap: "off",
      "aria-description": "Tab indents; press Escape, then Tab, to leave.",
    });
    host.replaceChildren(this.numbers, element("div", { class: "sheet" }, this.copy, this.area));
    this.area.addEventListener("input", () => this.replacing || this.changed());
    this.area.addEventListener("scroll", () => this.scrolled());
    this.area.addEventListener("keydown", (event) => this.pressed(event));
    this.area.addEventListener("blur", () => (this.leaving = false));
    this.leaving = false;
    this.replacing = false;
    this.repaint();
  }

  get value() {
    return this.area.value;
  }

  /** Replaces everything without an undo step: for changing what the editor shows. */
  set value(text) {
    this.area.value = text;
    this.area.scrollTop = 0;
    this.repaint();
  }

  changed() {
    this.repaint();
    this.onChange(this.area.value);
  }

  repaint() {
    const text = this.area.value;
    paint(this.copy, text.length > PAINTED_CHARACTERS ? [["", text]] : this.painter(text));
    // The last line break would otherwise have no height, and the copy would scroll one line less than the text.
    this.copy.append("\n");
    const lines = text.split("\n").length;
    if (lines !== this.lines) {
      this.numbers.textContent = Array.from({ length: lines }, (_, index) => index + 1).join("\n");
      this.lines = lines;
    }
    this.scrolled();
  }

  scrolled() {
    this.copy.scrollTop = this.area.scrollTop;
    this.copy.scrollLeft = this.area.scrollLeft;
    this.numbers.scrollTop = this.area.scrollTop;
  }

  /** Replaces a stretch of text as if typed, so that undo knows it. */
  replace(from, to, text, caret = from + text.length) {
    this.area.focus();
    this.area.setSelectionRange(from, to);
    const command = text === "" ? "delete" : "insertText";
    // The one way to change a text area that keeps its undo history; where it is missing, the history is lost.
    if (from !== to || text !== "") {
      // The browser reports every inserted line as an input of its own; one repaint afterwards is enough.
      this.replacing = true;
      const known = text.split("\n").length <= UNDOABLE_LINES && document.execCommand(command, false, text);
      this.replacing = false;
      if (!known) this.area.setRangeText(text, from, to, "end");
    }
    this.area.setSelectionRange(caret, caret);
    this.changed();
  }

  /** Where the character at `offset` is drawn, in window coordinates. */
  placeOf(offset) {
    const walker = document.createTreeWalker(this.copy, NodeFilter.SHOW_TEXT);
    let rest = offset;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (rest < node.length) {
        const range = document.createRange();
        range.setStart(node, rest);
        range.setEnd(node, rest + 1);
        const boxes = range.getClientRects();
        return boxes[0] ?? range.getBoundingClientRect();
      }
      rest -= node.length;
    }
    return this.copy.getBoundingClientRect();
  }

  pressed(event) {
    if (event.defaultPrevented || event.isComposing) return;
    const { selectionStart: from, selectionEnd: to, value } = this.area;
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "Escape") {
      this.leaving = true;
      return;
    }
    if (event.key === "Tab" && plain && !this.leaving) {
      event.preventDefault();
      this.indent(from, to, event.shiftKey);
    } else if (event.key === "Enter" && plain && !event.shiftKey) {
      event.preventDefault();
      this.breakLine(from, to);
    } else if (plain && event.key in PAIRS && from === to && this.mayClose(event.key, value[from], value[from - 1])) {
      event.preventDefault();
      this.replace(from, to, event.key + PAIRS[event.key], from + 1);
    } else if (plain && from === to && value[from] === event.key && Object.values(PAIRS).includes(event.key)) {
      event.preventDefault();
      this.area.setSelectionRange(from + 1, from + 1);
    } else if (plain && event.key === "Backspace" && from === to && from > 0 && PAIRS[value[from - 1]] === value[from]) {
      event.preventDefault();
      this.replace(from - 1, from + 1, "");
    }
    if (event.key !== "Shift") this.leaving = false;
  }

  mayClose(key, next, previous) {
    if (key === '"' && (previous === '"' || next === '"' || /[\w\\]/.test(previous ?? ""))) return false;
    return next === undefined || /[\s)\]},]/.test(next);
  }

  indent(from, to, less) {
    const start = this.value.lastIndexOf("\n", from - 1) + 1;
    if (from === to && !less) {
      this.replace(from, to, "  ");
      return;
    }
    const block = this.value.slice(start, to);
    const changed = less ? block.replace(/^ {1,2}/gm, "") : block.replace(/^/gm, "  ");
    if (changed === block) return;
    this.replace(start, to, changed);
    if (from !== to) this.area.setSelectionRange(start, start + changed.length);
  }

  breakLine(from, to) {
    const start = this.value.lastIndexOf("\n", from - 1) + 1;
    const indentation = /^[ \t]*/.exec(this.value.slice(start, from))[0];
    const opens = /[{([]\s*$/.test(this.value.slice(start, from));
    const closes = /^[ \t]*[})\]]/.test(this.value.slice(to));
    const inner = `\n${indentation}${opens ? "  " : ""}`;
    this.replace(from, to, opens && closes ? `${inner}\n${indentation}` : inner, from + inner.length);
  }
}
