// <form data-token-head>: a token that is pasted here does not leave the browser. Its public part goes instead: of a refresh
// token the head before its secret, of a JWT the claims jti and grant_id, of anything else nothing but what kind it is.
const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const size = 74; // bytes of a refresh token
const head = 26; // of its public part

// base62 reads a big-endian number of fixed width as hex, or gives "".
function base62(text, bytes) {
  let n = 0n;
  for (const c of text) {
    const digit = digits.indexOf(c);
    if (digit < 0) return "";
    n = n * 62n + BigInt(digit);
  }
  const hex = n.toString(16).padStart(bytes * 2, "0");
  return hex.length === bytes * 2 ? hex : "";
}

function publicPart(token) {
  const prefix = /^(rg[racs]1)_/.exec(token)?.[1];
  if (prefix === "rgr1") {
    const hex = token.length === 5 + 100 + 6 ? base62(token.slice(5, 105), size) : "";
    return hex ? { head: hex.slice(0, head * 2) } : { kind: "rgr1" };
  }
  if (prefix) return { kind: prefix };
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(payload), (c) => c.charCodeAt(0))));
    if (typeof claims.jti === "string") return { jti: claims.jti, grant_id: typeof claims.grant_id === "string" ? claims.grant_id : "" };
  } catch {
    // not a JWT
  }
  return { kind: "other" };
}

for (const form of document.querySelectorAll("form[data-token-head]")) {
  const field = form.querySelector("[name=token]");
  form.addEventListener("formdata", (event) => {
    event.formData.delete("token");
    for (const [name, value] of Object.entries(publicPart(field.value.trim()))) event.formData.set(name, value);
  });
  form.addEventListener("submit", () => {
    // After the browser has taken the form's data: neither history nor autofill shall keep the token.
    setTimeout(() => (field.value = ""));
  });
}
