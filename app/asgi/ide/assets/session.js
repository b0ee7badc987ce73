// Signing in: keeps the access token of this browser tab and says who it belongs to.
// The token lives in sessionStorage alone: not in saved queries, not in shared links, gone with the tab.

import { byId, element, notify, storage } from "./dom.js";
import { post } from "./transport.js";

const LOGIN = `mutation ConsoleLogin($input: LoginInput!) {
  login(input: $input) {
    session { accessToken accessTokenExpiresAt }
    user { id name }
    userErrors { code message }
  }
}`;

const memory = storage("sessionStorage");

export class Session {
  constructor(config, onChange) {
    this.config = config;
    this.onChange = onChange;
    this.current = memory.read("session", null);
    this.button = byId("account");
    this.dialog = byId("session");
    this.button.addEventListener("click", () => this.toggle());
    this.dialog.addEventListener("keydown", (event) => event.key === "Escape" && this.toggle(false));
    document.addEventListener("pointerdown", (event) => {
      if (!this.dialog.hidden && !this.dialog.contains(event.target) && event.target !== this.button) this.hide();
    });
    this.render();
  }

  get headers() {
    return this.current ? { Authorization: `Bearer ${this.current.accessToken}` } : {};
  }

  toggle(open = this.dialog.hidden) {
    if (!open) {
      this.hide();
      this.button.focus();
      return;
    }
    this.dialog.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.dialog.querySelector("button, input")?.focus();
  }

  hide() {
    this.dialog.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
  }

  /** The server refused the token: forget it and say so. */
  refused() {
    if (this.current === null) return;
    notify(`The server no longer accepts the token of ${this.current.name}. It is dropped: sign in again.`, { stays: true });
    this.keep(null);
  }

  keep(session) {
    this.current = session;
    memory.write("session", session);
    this.render();
    this.onChange();
  }

  async signIn(email, password) {
    this.say("Signing in ...");
    let answer;
    try {
      answer = await post(this.config.endpoint, { query: LOGIN, variables: { input: { email, password } } }, {});
    } catch {
      this.say("The server cannot be reached.");
      return;
    }
    const login = answer.body?.data?.login;
    const problem = login?.userErrors?.[0]?.message ?? answer.body?.errors?.[0]?.message;
    if (!login?.session) {
      this.say(problem ?? `The server answered ${answer.status}.`);
      return;
    }
    this.keep({
      accessToken: login.session.accessToken,
      expiresAt: login.session.accessTokenExpiresAt,
      name: login.user?.name ?? email,
      email,
    });
    notify(`Signed in as ${this.current.name}.`);
    this.toggle(false);
  }

  say(text) {
    this.dialog.querySelector(".message").textContent = text;
  }

  render() {
    this.button.textContent = this.current ? this.current.name : "Sign in";
    this.button.classList.toggle("signed-in", this.current !== null);
    const message = element("p", { class: "message", role: "status", "aria-live": "polite" });
    const demos = this.config.demoLogins.map((login) =>
      element(
        "button",
        { type: "button", class: "demo", onclick: () => this.signIn(login.email, login.password) },
        element("strong", {}, login.name),
        element("span", {}, `${login.role}, ${login.email}`),
      ),
    );
    const email = element("input", { type: "email", required: true, autocomplete: "username" });
    const password = element("input", { type: "password", required: true, autocomplete: "current-password" });
    const submit = (event) => {
      event.preventDefault();
      this.signIn(email.value, password.value);
    };
    const form = element(
      "form",
      { onsubmit: submit },
      element("label", {}, "E-mail", email),
      element("label", {}, "Password", password),
      element("button", { type: "submit", class: "primary" }, "Sign in"),
    );
    this.dialog.replaceChildren(
      ...(this.current ? this.who() : []),
      ...(demos.length > 0 ? [element("h2", {}, "Demo logins"), element("div", { class: "demos" }, ...demos)] : []),
      element("h2", {}, this.current ? "Someone else" : "Sign in"),
      form,
      message,
    );
  }

  who() {
    const until = new Date(this.current.expiresAt);
    const valid = Number.isNaN(until.getTime()) ? "" : `The token is good until ${until.toLocaleTimeString()}.`;
    return [
      element("p", { class: "who" }, "Signed in as ", element("strong", {}, this.current.name), ` (${this.current.email}). ${valid}`),
      element("button", { type: "button", id: "sign-out", onclick: () => { this.keep(null); this.toggle(false); } }, "Sign out"),
    ];
  }
}
