// The set-up of each client for this gateway, as text to copy. Pure: no document, no network. What Tests/EndToEnd runs of
// it is marked `run`.

/** No key is checked here; what stands for one says so itself. */
export const placeholder = "YOUR_KEY";
/** Tokens of a context that is not known: what any server of today has. */
const guessedContext = 8192;

const question = "Say hello in one sentence.";

/** Characters that are not seen, or that change the order of others, are written as escapes. */
const unseen = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** A text as JSON, Python, JavaScript and YAML all read it. */
export const quoted = (text) =>
  JSON.stringify(text).replace(unseen, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** A text as one word of a POSIX shell. */
export const word = (text) => (/^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

const json = (value, indent = 2) =>
  JSON.stringify(value, null, indent).replace(unseen, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);

const isLoopback = (origin) => /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(origin).hostname);

/**
 * @param origin the address that the browser used, with its scheme and port
 * @param model a name that requests may use
 * @param context tokens of the model's context; 0 or nothing: unknown
 * @param vision, tools what the model can do, as far as is known
 * @returns [{id, title, note, parts: [{id, label, text, run}]}]; `run`: "python" if a test runs it
 */
export function clientTexts({ origin, model, context = 0, vision = false, tools = false }) {
  const v1 = `${origin}/v1`;
  const chat = { model, messages: [{ role: "user", content: question }] };
  return [
    {
      id: "curl", title: "curl", note: "One request; -N shows a stream as it comes.",
      parts: [
        { id: "curl", label: "A chat", run: "shell", text:
`curl ${word(`${v1}/chat/completions`)} \\
  -H 'content-type: application/json' \\
  -H 'authorization: Bearer ${placeholder}' \\
  -d ${word(json(chat, 0))}
` },
        { id: "curl-stream", label: "As a stream", run: "shell", text:
`curl -N ${word(`${v1}/chat/completions`)} \\
  -H 'content-type: application/json' \\
  -H 'authorization: Bearer ${placeholder}' \\
  -d ${word(json({ ...chat, stream: true }, 0))}
` },
      ],
    },
    {
      id: "openai", title: "OpenAI", note: "pip install openai, or npm install openai. Programs that read the environment need no change.",
      parts: [
        { id: "openai-python", label: "Python", run: "python", text:
`from openai import OpenAI

client = OpenAI(base_url=${quoted(v1)}, api_key=${quoted(placeholder)})
stream = client.chat.completions.create(
    model=${quoted(model)},
    messages=[{"role": "user", "content": ${quoted(question)}}],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
` },
        { id: "openai-js", label: "JavaScript", text:
`import OpenAI from "openai";

const client = new OpenAI({ baseURL: ${quoted(v1)}, apiKey: ${quoted(placeholder)} });
const stream = await client.chat.completions.create({
  model: ${quoted(model)},
  messages: [{ role: "user", content: ${quoted(question)} }],
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}
` },
        { id: "openai-env", label: "Environment", text:
`export OPENAI_BASE_URL=${word(v1)}
export OPENAI_API_KEY=${placeholder}
` },
      ],
    },
    {
      id: "anthropic", title: "Anthropic", note: "pip install anthropic.",
      parts: [
        { id: "anthropic-python", label: "Python", run: "python", text:
`from anthropic import Anthropic

client = Anthropic(base_url=${quoted(origin)}, api_key=${quoted(placeholder)})
with client.messages.stream(
    model=${quoted(model)},
    max_tokens=256,
    messages=[{"role": "user", "content": ${quoted(question)}}],
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
print()
` },
      ],
    },
    {
      id: "claude-code", title: "Claude Code",
      note: "Give it a model that calls tools and has a long context. An ANTHROPIC_API_KEY in the environment would be used instead of the token.",
      parts: [
        { id: "claude-code", label: "Shell", text:
`unset ANTHROPIC_API_KEY
export ANTHROPIC_BASE_URL=${word(origin)}
export ANTHROPIC_AUTH_TOKEN=${placeholder}
export ANTHROPIC_MODEL=${word(model)}
export ANTHROPIC_DEFAULT_HAIKU_MODEL=${word(model)}
claude
` },
        { id: "claude-code-settings", label: "~/.claude/settings.json", text: json({
          env: {
            ANTHROPIC_BASE_URL: origin, ANTHROPIC_AUTH_TOKEN: placeholder, ANTHROPIC_MODEL: model,
            ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
          },
        }) + "\n" },
      ],
    },
    {
      id: "ollama", title: "Ollama", note: "pip install ollama. Ollama's clients find every model here, whichever server has it.",
      parts: [
        { id: "ollama-python", label: "Python", run: "python", text:
`from ollama import Client

client = Client(host=${quoted(origin)})
stream = client.chat(
    model=${quoted(model)},
    messages=[{"role": "user", "content": ${quoted(question)}}],
    stream=True,
)
for part in stream:
    print(part.message.content or "", end="", flush=True)
print()
` },
        { id: "ollama-env", label: "Environment", text: `export OLLAMA_HOST=${word(origin)}\n` },
      ],
    },
    {
      id: "langchain", title: "LangChain", note: "pip install langchain-openai.",
      parts: [
        { id: "langchain-python", label: "Python", run: "python", text:
`from langchain_openai import ChatOpenAI

model = ChatOpenAI(model=${quoted(model)}, base_url=${quoted(v1)}, api_key=${quoted(placeholder)})
for chunk in model.stream(${quoted(question)}):
    print(chunk.content, end="", flush=True)
print()
` },
      ],
    },
    {
      id: "open-webui", title: "Open WebUI",
      note: isLoopback(origin)
        ? "The gateway listens on this machine alone, so the container shares its network; the page is then at port 8080."
        : "The page is then at port 3000. A name with a dot that leads to the gateway must be in server.hostnames.",
      parts: [
        { id: "open-webui", label: "Docker", text:
`docker run -d --name open-webui ${isLoopback(origin) ? "--network=host" : "-p 3000:8080"} \\
  -e ENABLE_OLLAMA_API=false \\
  -e OPENAI_API_BASE_URL=${word(v1)} \\
  -e OPENAI_API_KEY=${placeholder} \\
  -v open-webui:/app/backend/data \\
  ghcr.io/open-webui/open-webui:main
` },
      ],
    },
    {
      id: "continue", title: "Continue", note: "In VS Code and JetBrains' editors.",
      parts: [
        { id: "continue", label: "~/.continue/config.yaml", text:
`name: Nexus
version: 1.0.0
schema: v1
models:
  - name: ${quoted(`${model} (Nexus)`)}
    provider: openai
    model: ${quoted(model)}
    apiBase: ${quoted(v1)}
    apiKey: ${quoted(placeholder)}
    roles: [chat, edit, apply]
${tools ? "    capabilities: [tool_use]\n" : ""}` },
      ],
    },
    {
      id: "zed", title: "Zed",
      note: (context ? "" : `The context of this model is not known: ${guessedContext} is a guess. `)
        + `Zed takes the key from the variable NEXUS_API_KEY or asks for it; any will do.`,
      parts: [
        { id: "zed", label: "settings.json", text: json({
          language_models: {
            openai_compatible: {
              Nexus: {
                api_url: v1,
                available_models: [{
                  name: model, display_name: `${model} (Nexus)`, max_tokens: context || guessedContext,
                  capabilities: { tools, images: vision, parallel_tool_calls: false, prompt_cache_key: false },
                }],
              },
            },
          },
        }) + "\n" },
      ],
    },
  ];
}
