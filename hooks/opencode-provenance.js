// Written by provenance init; sha256 of what follows: d99cdb7e5530c48c0efdfc21cdc708e3d30d0c72a37369cb608539c74f004954
// Hands what opencode's models write to `provenance capture opencode`, one JSON line a hook. It changes nothing,
// and a capture that fails is said on standard error and does not stop the work.
import { spawn } from "node:child_process"

const COMMAND = "provenance capture opencode"
const WAIT = 30000

const models = new Map()
let queue = Promise.resolve()

function run(line) {
  return new Promise((done) => {
    try {
      const child = spawn(COMMAND, { shell: true, stdio: ["pipe", "ignore", "inherit"], windowsHide: true })
      const timer = setTimeout(() => child.kill(), WAIT)
      const end = () => {
        clearTimeout(timer)
        done()
      }
      child.on("error", (error) => {
        console.error(`provenance: ${error.message}`)
        end()
      })
      child.on("close", end)
      child.stdin.on("error", () => {})
      child.stdin.end(line + "\n")
    } catch (error) {
      console.error(`provenance: ${error.message}`)
      done()
    }
  })
}

function remember(session, model) {
  const modelID = model?.modelID ?? model?.id
  if (session && modelID) models.set(session, { providerID: model.providerID, modelID })
}

function sender(api, place) {
  return (hook, input, output) => {
    const model = models.get(input?.sessionID)
    let line
    try {
      line = JSON.stringify({ host: "opencode", api, hook, time: Date.now(), ...place, model, input, output })
    } catch (error) {
      console.error(`provenance: ${hook}: ${error.message}`)
      return Promise.resolve()
    }
    queue = queue.then(() => run(line))
    return queue
  }
}

async function server({ directory, worktree }) {
  const send = sender(1, { directory, worktree })
  return {
    "chat.message": async (input, output) => {
      remember(input.sessionID, input.model ?? output?.message?.model)
      await send("chat.message", input, output)
    },
    "chat.params": async (input) => remember(input.sessionID, input.model),
    "tool.execute.before": (input, output) => send("tool.execute.before", input, output),
    "tool.execute.after": (input, output) => send("tool.execute.after", input, output),
    "experimental.text.complete": (input, output) => send("experimental.text.complete", input, output),
  }
}

async function setup(context) {
  const directory = context.location?.directory ?? process.cwd()
  const send = sender(2, { directory, worktree: context.location?.project?.directory ?? directory })
  const call = ({ tool, sessionID, messageID, id }) => ({ tool, sessionID, messageID, callID: id })
  await context.session.hook("context", (event) => remember(event.sessionID, event.model))
  await context.session.hook("prompt", ({ sessionID, messageID, prompt }) =>
    send("chat.message", { sessionID, messageID }, { prompt }),
  )
  await context.tool.hook("execute.before", (event) => send("tool.execute.before", call(event), { args: event.input }))
  await context.tool.hook("execute.after", (event) => {
    const { status, result, error } = event
    const failed = error && { message: error.message }
    return send("tool.execute.after", { ...call(event), args: event.input }, { status, result, error: failed })
  })
}

export default { id: "provenance", server, setup }
