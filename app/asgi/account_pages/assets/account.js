// What the pages do: one mutation each, by the public API.

const documents = {
  verify: "mutation ($input: VerifyEmailInput!) { answer: verifyEmail(input: $input) { userErrors { code message } } }",
  reset: "mutation ($input: ResetPasswordInput!) { answer: resetPassword(input: $input) { userErrors { code message } } }",
  "request-verify-email":
    "mutation ($input: RequestEmailVerificationInput!) { answer: requestEmailVerification(input: $input) { userErrors { code message } } }",
  "request-reset-password":
    "mutation ($input: RequestPasswordResetInput!) { answer: requestPasswordReset(input: $input) { userErrors { code message } } }",
};

const page = document.body.dataset.page;
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const forms = Object.fromEntries([...document.forms].map((form) => [form.id, form]));
const answer = document.querySelector("#answer");

// The token shall not stay in the history of a shared machine.
history.replaceState(null, "", location.pathname);

// A link that is opened where the page is open already changes the fragment alone.
addEventListener("hashchange", () => location.reload());

function show(name) {
  for (const [id, form] of Object.entries(forms)) form.hidden = id !== name;
}

function say(words, bad = false) {
  answer.textContent = words;
  answer.classList.toggle("bad", bad);
}

async function send(name, input) {
  const response = await fetch("../graphql", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/graphql-response+json" },
    body: JSON.stringify({ query: documents[name], variables: { input } }),
  });
  const body = await response.json();
  if (body.errors) return { message: body.errors[0].message };
  return body.data.answer.userErrors[0] ?? null;
}

function onSubmit(form, document, input, done) {
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const error = await send(document, input(new FormData(form)));
      if (error === null) done();
      else say(error.message, true);
      if (error?.code === "INVALID_TOKEN") show("request");
      if (error?.code === "INVALID_CREDENTIALS") askForPassword();
    } catch {
      say("The server cannot be reached. Please try again.", true);
    } finally {
      button.disabled = false;
    }
  });
}

// Where several accounts claim the address, the server wants to know whose claim it is.
function askForPassword() {
  document.querySelector("#claim").hidden = false;
  forms.verify.elements.password.disabled = false;
}

onSubmit(forms.verify, "verify", (data) => ({ token, password: data.get("password") }), () => {
  show("");
  say("The address is confirmed. You can close this page.");
});
onSubmit(forms.reset, "reset", (data) => ({ token, newPassword: data.get("password") }), () => {
  show("");
  say("The new password is set. Sign in with it; all devices were signed out.");
});
onSubmit(forms.request, `request-${page}`, (data) => ({ email: data.get("email") }), () => {
  show("");
  say("If this address has an account, a mail with a link is on its way.");
});

show(token ? (page === "verify-email" ? "verify" : "reset") : "request");
