// openid-client in the ways in which its documentation uses it: given.kind is code, fapi or device.
import * as client from 'openid-client'
import { equal, finish, given, refused, visit } from './person.mjs'

const issuer = new URL(given.issuer)
let config
let dpop
if (given.jwk) {
  const key = await crypto.subtle.importKey('jwk', given.jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
  config = await client.discovery(issuer, given.client_id, { id_token_signed_response_alg: 'ES256' }, client.PrivateKeyJwt({ key, kid: '1' }))
  dpop = { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) }
} else {
  config = await client.discovery(issuer, given.client_id, {}, given.client_secret ? client.ClientSecretBasic(given.client_secret) : client.None())
}

let tokens
if (given.kind === 'device') {
  const device = await client.initiateDeviceAuthorization(config, { scope: given.scope })
  await visit(device.verification_uri_complete, { code: device.user_code })
  tokens = await client.pollDeviceAuthorizationGrant(config, device)
} else {
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const nonce = client.randomNonce()
  const parameters = {
    redirect_uri: given.redirect_uri, scope: given.scope, prompt: 'consent', state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  }
  const url = given.kind === 'fapi' ? await client.buildAuthorizationUrlWithPAR(config, parameters, dpop) : client.buildAuthorizationUrl(config, parameters)
  const arrived = await visit(url)
  tokens = await client.authorizationCodeGrant(config, arrived, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }, undefined, dpop)
}

const { sub } = tokens.claims()
const seen = new Set([tokens.access_token])
for (let i = 0; i < 10; i++) {
  const next = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, dpop)
  equal(next.claims()?.sub, sub, 'sub after a refresh')
  seen.add(next.access_token)
  tokens = { ...next, refresh_token: next.refresh_token ?? tokens.refresh_token }
}
const person = await client.fetchUserInfo(config, tokens.access_token, sub, dpop)

let signedOut
if (given.signed_out) {
  const url = client.buildEndSessionUrl(config, { post_logout_redirect_uri: given.signed_out, id_token_hint: tokens.id_token, state: 'bye' })
  signedOut = String(await visit(url))
}
await client.tokenRevocation(config, tokens.refresh_token)
await refused('invalid_grant', () => client.refreshTokenGrant(config, tokens.refresh_token, undefined, dpop))
finish({ email: person.email, access_tokens: seen.size, signed_out: signedOut })
