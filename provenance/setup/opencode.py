"""opencode's plugin: a small JavaScript file of our own.

Written against opencode 1.18/1.19 (packages/plugin/src/index.ts of anomalyco/opencode: chat.message, chat.params,
tool.execute.before and .after, experimental.text.complete) and the tool and session hooks of opencode 2.0
(packages/plugin/src/promise). One default export serves both: version 1 calls ``server``, from 1.18.29 on, version 2
calls ``setup`` (opencode.ai/v2/docs/build/plugins/migrate-v1).

Each hook becomes one JSON line on the command's standard input::

    {"host": "opencode", "api": 1, "hook": "tool.execute.after", "time": MILLISECONDS, "directory": "...",
     "worktree": "...", "model": {"providerID": "...", "modelID": "..."}, "input": {...}, "output": {...}}

A hook before a tool that throws refuses the call: where assistants are kept out of restricted zones, the same line is
also handed to ``provenance hook enforce opencode``, and whatever it ends with but 0 is thrown.

``model`` is the session's latest, where one was seen. From version 2, ``input`` and ``output`` are put into the names
of version 1; what version 2 calls ``status``, ``result`` and ``error`` stands in ``output``.
"""

from __future__ import annotations

import json
import re

from provenance.setup import ownfile
from provenance.setup.assistant import Assistant, Place, Target, folder
from provenance.setup.program import Enforced, asking

BODY = """\
// Hands what opencode's models write to `provenance capture opencode`, one JSON line a hook. It changes nothing,
// and a capture that fails is said on standard error and does not stop the work.
@note@import { spawn } from "node:child_process"

const COMMAND = @command@
@enforce@const WAIT = 30000

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
      child.stdin.end(line + "\\n")
    } catch (error) {
      console.error(`provenance: ${error.message}`)
      done()
    }
  })
}

@ask@function remember(session, model) {
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
      @unsaid@return Promise.resolve()
    }
    queue = queue.then(() => run(line))
    return @asked@queue
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
"""


NOTE = """\
// Before a tool runs, `provenance hook enforce opencode` is asked too, and what it refuses does not run.
"""
ASK = """\
function ask(line) {
  return new Promise((allow, refuse) => {
    const child = spawn(ENFORCE, { shell: true, stdio: ["pipe", "ignore", "pipe"], windowsHide: true })
    let said = ""
    const end = (code) => {
      clearTimeout(timer)
      if (code === 0) allow()
      else refuse(new Error(said.trim() || `provenance: refused, for the hook ended with ${code}`))
    }
    const timer = setTimeout(() => {
      child.kill()
      end("no answer")
    }, WAIT)
    child.stderr.on("data", (part) => {
      said += part
    })
    child.on("error", refuse)
    child.on("close", end)
    child.stdin.on("error", () => {})
    child.stdin.end(line + "\\n")
  })
}

"""


def plugin(program: str, enforced: Enforced | None = None) -> str:
    """The plugin's whole text."""
    parts = dict.fromkeys(("note", "enforce", "ask", "unsaid", "asked"), "")
    if enforced:
        parts["note"] = NOTE
        parts["enforce"] = f"const ENFORCE = {_text(asking(program, 'opencode', enforced))}\n"
        parts["ask"] = ASK
        parts["unsaid"] = 'if (hook === "tool.execute.before") return Promise.reject(error)\n      '
        parts["asked"] = 'hook === "tool.execute.before" ? Promise.all([ask(line), queue]).then(() => {}) : '
    parts["command"] = _text(f"{program} capture opencode")
    return ownfile.signed(re.sub(r"@(\w+)@", lambda found: parts[found.group(1)], BODY), "//")


def _text(line: str) -> str:
    return json.dumps(line, ensure_ascii=False)


def commands(text: str) -> list[str]:
    """The command lines that a plugin of ours calls."""
    if not ownfile.is_ours(text):
        return []
    found = re.findall(r'^const (?:COMMAND|ENFORCE) = ("(?:[^"\\\n]|\\.)*")$', text, re.MULTILINE)
    return [str(json.loads(line)) for line in found]


def _target(place: Place) -> Target:
    match place.kind:
        case "repository" | "shared":
            return Target(place.root / ".opencode" / "plugins" / "provenance.js")
        case "user":
            usual = folder(place, "XDG_CONFIG_HOME", ".config") / "opencode"
            return Target(folder(place, "OPENCODE_CONFIG_DIR", str(usual)) / "plugins" / "provenance.js")
        case "managed":
            return Target(place.root / "opencode" / "plugins" / "provenance.js")


ASSISTANT = Assistant(
    name="opencode",
    title="opencode",
    programs=("opencode",),
    folders=(".opencode", ".config/opencode"),
    target=_target,
    content=lambda program, place, enforced: plugin(program, enforced),
    next_step=lambda place, enforced: "",
)
