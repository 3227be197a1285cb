package web

// What is copied from the pages of a client. Words in braces are replaced by its values, see [Server.guideValues].

const curlBegin = `
ISSUER={SH_ISSUER}
CLIENT={SH_CLIENT}
{SH_SECRET}REDIRECT_URI={SH_REDIRECT_URI}

# PKCE (RFC 7636): a secret of this one sign-in, and its hash.
VERIFIER=$(openssl rand -hex 32)
CHALLENGE=$(printf %s "$VERIFIER" | openssl dgst -sha256 -binary |
  openssl base64 | tr '+/' '-_' | tr -d '=')

# Open this address in a browser and sign in.
AUTHORIZE={SH_AUTHORIZE}
echo "$AUTHORIZE&state=$(openssl rand -hex 8)&code_challenge=$CHALLENGE"
`

const curlCode = `
# The browser ends at the redirect URI. Copy what stands there between code= and &.
printf 'Code: '; read -r CODE

TOKENS=$(curl -sS "$ISSUER/token" {CURL_AUTH} \
  -d grant_type=authorization_code \
  --data-urlencode "code=$CODE" \
  --data-urlencode "redirect_uri=$REDIRECT_URI" \
  --data-urlencode "code_verifier=$VERIFIER")
echo "$TOKENS"
`

const curlRefresh = `
REFRESH_TOKEN=$(printf %s "$TOKENS" | sed 's/.*"refresh_token":"\([^"]*\)".*/\1/')

# The answer holds the next refresh token: keep it in the place of this one.
TOKENS=$(curl -sS "$ISSUER/token" {CURL_AUTH} \
  -d grant_type=refresh_token \
  --data-urlencode "refresh_token=$REFRESH_TOKEN")
echo "$TOKENS"
`

const curlDevice = `
ISSUER={SH_ISSUER}
CLIENT={SH_CLIENT}
{SH_SECRET}
curl -sS "$ISSUER/device_authorization" {CURL_AUTH} \
  --data-urlencode scope={SH_SCOPE}
`

const curlDevicePoll = `
DEVICE_CODE=...   # the device_code of the answer
curl -sS "$ISSUER/token" {CURL_AUTH} \
  -d grant_type=urn:ietf:params:oauth:grant-type:device_code \
  --data-urlencode "device_code=$DEVICE_CODE"
`

const curlMachine = `
ISSUER={SH_ISSUER}
CLIENT={SH_CLIENT}
{SH_SECRET}
curl -sS "$ISSUER/token" {CURL_AUTH} \
  -d grant_type=client_credentials \
  --data-urlencode scope={SH_SCOPE}
`

const jsKey = `client.PrivateKeyJwt(
    await crypto.subtle.importKey("jwk", JSON.parse(process.env.CLIENT_KEY),
      { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]))`

const jsServer = `
import * as client from "openid-client";

const config = await client.discovery(
  new URL("{ISSUER}"), "{CLIENT_ID}", undefined, {JS_AUTH}{JS_INSECURE});

// Send the person here. Keep the verifier and the state with the browser's session.
const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const address = client.buildAuthorizationUrl(config, {
  redirect_uri: "{REDIRECT_URI}",
  scope: "{SCOPE}",
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
});

// At the redirect URI: url is the whole address that the browser came to.
export async function signedIn(url) {
  const tokens = await client.authorizationCodeGrant(config, url, {
    pkceCodeVerifier: verifier,
    expectedState: state,
  });
  return { person: tokens.claims()?.sub, tokens };
}

// When the access token ends: store the refresh token of the answer in the place of this one.
export function refresh(refreshToken) {
  return client.refreshTokenGrant(config, refreshToken);
}
`

const jsMachine = `
import * as client from "openid-client";

const config = await client.discovery(
  new URL("{ISSUER}"), "{CLIENT_ID}", undefined, {JS_AUTH}{JS_INSECURE});

const tokens = await client.clientCredentialsGrant(config, {
  scope: "{SCOPE}",
});
console.log("The access token lives", tokens.expires_in, "seconds");
`

const jsDevice = `
import * as client from "openid-client";

const config = await client.discovery(
  new URL("{ISSUER}"), "{CLIENT_ID}", undefined, {JS_AUTH}{JS_INSECURE});

const device = await client.initiateDeviceAuthorization(config, { scope: "{SCOPE}" });
console.log("Open", device.verification_uri, "and enter", device.user_code);

const tokens = await client.pollDeviceAuthorizationGrant(config, device); // until the person has decided
console.log("Keep this:", tokens.refresh_token);
`

const jsBrowser = `
import { UserManager } from "oidc-client-ts";

const users = new UserManager({
  authority: "{ISSUER}",
  client_id: "{CLIENT_ID}",
  redirect_uri: "{REDIRECT_URI}",
  scope: "{SCOPE}",
  automaticSilentRenew: true, // by the refresh token, shortly before the access token ends
});

if (location.pathname === "{REDIRECT_PATH}" && new URLSearchParams(location.search).has("state")) {
  await users.signinCallback();
  history.replaceState(null, "", "/");
}
const user = await users.getUser();
if (!user || user.expired) {
  await users.signinRedirect();
} else {
  console.log("Signed in:", user.profile.sub);
}
`

const pythonCode = `
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session

def save(token, refresh_token=None, access_token=None):
    """Store the token: its refresh token takes the place of the one before."""

session = OAuth2Session(
    "{CLIENT_ID}"{PY_SECRET},
    token_endpoint_auth_method="{PY_METHOD}",
    redirect_uri="{REDIRECT_URI}",
    scope="{SCOPE}",
    code_challenge_method="S256",
    token_endpoint="{TOKEN}",
    update_token=save,
)
verifier = generate_token(64)
address, state = session.create_authorization_url("{AUTHORIZE}", code_verifier=verifier)
print("Open", address)

token = session.fetch_token(
    "{TOKEN}",
    authorization_response=input("Address that the browser ends at: "),
    state=state,
    code_verifier=verifier,
)
save(token)
# session.get("https://api.example.com/") sends the access token and refreshes it when needed.
`

const pythonMachine = `
from authlib.integrations.requests_client import OAuth2Session

session = OAuth2Session(
    "{CLIENT_ID}"{PY_SECRET},
    token_endpoint_auth_method="{PY_METHOD}",
    scope="{SCOPE}",
    token_endpoint="{TOKEN}",
    grant_type="client_credentials",
)
token = session.fetch_token("{TOKEN}")
print("The access token lives", token["expires_in"], "seconds")
`

const oauth2Proxy = `
provider = "oidc"
provider_display_name = "{HOST}"
oidc_issuer_url = "{ISSUER}"
client_id = "{CLIENT_ID}"
client_secret = "{SECRET}"
redirect_url = "{REDIRECT_URI}"
scope = "{SCOPE}"
code_challenge_method = "S256"

# Refresh before the access token ends; the cookie holds the tokens.
cookie_refresh = "{COOKIE_REFRESH}"
cookie_secret = "YOUR_COOKIE_SECRET" # openssl rand -base64 32 | tr '+/' '-_'

email_domains = ["*"] # who may enter is for you to say
upstreams = ["http://127.0.0.1:3000"]
`

const grafana = `
[auth.generic_oauth]
enabled = true
name = {HOST}
client_id = {CLIENT_ID}
client_secret = {SECRET}
scopes = {SCOPE}
auth_url = {AUTHORIZE}
token_url = {TOKEN}
api_url = {USERINFO}
use_pkce = true
use_refresh_token = true
login_attribute_path = email
auth_style = {GRAFANA_STYLE}
`
