// The client of the MCP SDK against a server that wants tokens of Regrant: given.server. It stores what it gets as the SDK's documentation says.
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { equal, finish, given, visit } from './person.mjs'

class Provider {
  redirectUrl = given.redirect_uri
  clientMetadata = { client_name: 'MCP client', redirect_uris: [given.redirect_uri], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], token_endpoint_auth_method: 'none' }
  information = given.client_id ? { client_id: given.client_id } : undefined
  saved = []
  state() { return (this.sent = crypto.randomUUID()) }
  clientInformation() { return this.information }
  saveClientInformation(information) { this.information = information }
  tokens() { return this.saved.at(-1) }
  saveTokens(tokens) { this.saved.push(tokens) }
  redirectToAuthorization(url) { this.address = url }
  saveCodeVerifier(verifier) { this.verifier = verifier }
  codeVerifier() { return this.verifier }
}

const provider = new Provider()
if (given.client_metadata_url) provider.clientMetadataUrl = given.client_metadata_url
const connect = async () => {
  const transport = new StreamableHTTPClientTransport(new URL(given.server), { authProvider: provider })
  const client = new Client({ name: 'test', version: '1' })
  try {
    await client.connect(transport)
  } catch (e) {
    if (!(e instanceof UnauthorizedError)) throw e
    return { transport }
  }
  return { client, transport }
}

const first = await connect()
if (first.client) throw new Error('the server wants no token')
const arrived = await visit(provider.address)
equal(arrived.searchParams.get('state'), provider.sent, 'state')
await first.transport.finishAuth(arrived.searchParams.get('code'))

const { client } = await connect()
const answers = new Set()
for (let i = 0; i < 10; i++) { // the server takes each token once, so each call but the first begins with a refresh
  const { content } = await client.callTool({ name: 'whoami' })
  answers.add(content[0].text)
}
equal(answers.size, 1, 'persons')
await client.close()
finish({ email: [...answers][0], access_tokens: new Set(provider.saved.map((t) => t.access_token)).size, resource: provider.address.searchParams.get('resource'), scope: provider.address.searchParams.get('scope'), client_id: provider.information.client_id })
