// The person in front of these clients is the test that started them: it is told where the browser has to go, and says where it arrived.
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

// visit sends the person's browser to an address, and gives the one at which it comes back to the client.
export async function visit(url, what = {}) {
  console.log(JSON.stringify({ visit: String(url), ...what }))
  const { value, done } = await lines.next()
  if (done) throw new Error('nobody came back')
  return new URL(value)
}

export const given = JSON.parse(process.env.CLIENT)

// equal throws unless two values are the same.
export function equal(got, want, what) {
  if (got !== want) throw new Error(`${what}: ${got}, not ${want}`)
}

// refused throws unless the call is answered with that OAuth error.
export async function refused(error, call) {
  try {
    await call()
  } catch (e) {
    equal(e.error, error, 'error')
    return
  }
  throw new Error(`no ${error}`)
}

// finish says what happened, for the test to judge.
export function finish(result) {
  console.log(JSON.stringify({ done: result }))
  process.exit(0)
}
