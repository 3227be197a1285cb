// oauth4webapi as a public client: every request and every answer is its own step, and each is validated.
import * as oauth from 'oauth4webapi'
import { equal, finish, given, refused, visit } from './person.mjs'

const issuer = new URL(given.issuer)
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: given.algorithm }))
const client = { client_id: given.client_id }
const auth = oauth.None()
const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))

// retry does what the server asks for with its first answer: the same with its nonce.
async function retry(call) {
  try {
    return await call()
  } catch (e) {
    if (!oauth.isDPoPNonceError(e)) throw e
    return call()
  }
}

const verifier = oauth.generateRandomCodeVerifier()
const state = oauth.generateRandomState()
const nonce = oauth.generateRandomNonce()
const url = new URL(as.authorization_endpoint)
for (const [name, value] of Object.entries({
  client_id: given.client_id, redirect_uri: given.redirect_uri, response_type: 'code', scope: given.scope, prompt: 'consent', state, nonce,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
})) url.searchParams.set(name, value)

const arrived = oauth.validateAuthResponse(as, client, await visit(url), state)
let tokens = await retry(async () => oauth.processAuthorizationCodeResponse(
  as, client, await oauth.authorizationCodeGrantRequest(as, client, auth, arrived, given.redirect_uri, verifier, { DPoP }), { expectedNonce: nonce, requireIdToken: true },
))
equal(tokens.token_type, 'dpop', 'token_type')
const { sub } = oauth.getValidatedIdTokenClaims(tokens)
const refresh = (token) => retry(async () => oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, auth, token, { DPoP })))
const seen = new Set([tokens.access_token])
for (let i = 0; i < 10; i++) {
  const next = await refresh(tokens.refresh_token)
  equal(oauth.getValidatedIdTokenClaims(next).sub, sub, 'sub after a refresh')
  seen.add(next.access_token)
  tokens = next
}
const person = await oauth.processUserInfoResponse(as, client, sub, await retry(() => oauth.userInfoRequest(as, client, tokens.access_token, { DPoP })))
await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, tokens.refresh_token))
await refused('invalid_grant', () => refresh(tokens.refresh_token))
finish({ email: person.email, access_tokens: seen.size })
