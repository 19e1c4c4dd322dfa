// Signing in with a link: the token comes behind the '#', which no browser sends to anybody.

const given = new URLSearchParams(location.hash.slice(1)).get("token");
const [form, token] = [document.querySelector("form"), document.querySelector("input[name=token]")];
if (given && form && token instanceof HTMLInputElement) {
  // Neither the address bar nor the history keeps it.
  history.replaceState(null, "", location.pathname + location.search);
  token.value = given;
  form.requestSubmit();
}
