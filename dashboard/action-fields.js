// The fields of a form out of the JSON Schema of an action's arguments, and the arguments out of what was filled in. Pure, and
// knows no action: what an adapter adds appears by itself.

const whole = /^-?\d{1,19}$/;

/** [{name, kind, required, preset, hint}]; `kind`: "text", "whole", "number", "flag", "choice" (true, false or not given), "json". */
export function fields(action) {
  const { properties = {}, required = [] } = action.parameters ?? {};
  return Object.entries(properties).map(([name, schema]) => {
    const isRequired = required.includes(name);
    const hasPreset = schema.default !== undefined;
    return {
      name, kind: kind(schema.type, isRequired || hasPreset), required: isRequired,
      preset: schema.default, hint: hasPreset && schema.type !== "boolean" ? shown(schema) : "",
    };
  });
}

function kind(type, isGiven) {
  switch (type) {
    case "string": return "text";
    case "integer": return "whole";
    case "number": return "number";
    case "boolean": return isGiven ? "flag" : "choice";
    default: return "json";
  }
}

const shown = (schema) => (schema.type === "string" ? schema.default : JSON.stringify(schema.default));

/**
 * The arguments as JSON text. Whole numbers go as they were written: beyond 2^53 a number of this language is another.
 * @param values by the fields' names: texts, of flags true or false; an empty text is not given
 * @returns {text}, or {error, field} of the first that is wrong
 */
export function argumentsText(list, values) {
  const members = [];
  for (const field of list) {
    const told = member(field, values[field.name]);
    if (told.error) return { ...told, field: field.name };
    if (told.json !== undefined) members.push(`${JSON.stringify(field.name)}:${told.json}`);
  }
  return { text: `{${members.join(",")}}` };
}

function member({ name, kind, required, preset }, value) {
  if (kind === "flag") return { json: String(value === true) };
  const text = typeof value === "string" ? value : "";
  // A text may be meant to have spaces, but not to be nothing else.
  if (text.trim() === "") {
    return required && preset === undefined ? { error: `${name} is needed.` } : {};
  }
  switch (kind) {
    case "text": return { json: JSON.stringify(text) };
    case "choice": return { json: text };
    case "whole": return whole.test(text.trim()) ? { json: String(BigInt(text.trim())) } : { error: `${name} must be a whole number.` };
    case "number":
      return Number.isFinite(Number(text)) ? { json: JSON.stringify(Number(text)) } : { error: `${name} must be a number.` };
    default:
      try {
        JSON.parse(text);
        return { json: text.trim() };
      } catch (error) {
        return { error: `${name} must be JSON: ${error.message}` };
      }
  }
}

/** "pull_model" as a person reads it: "Pull model". */
export const title = (name) => {
  const words = name.replaceAll("_", " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/**
 * Actions of several backends, each once: [{action, backends}], in the order in which they were met. Two of one name whose
 * parameters differ are two.
 * @param offers [{backend, actions}]
 */
export function together(offers) {
  const met = new Map();
  for (const { backend, actions } of offers) {
    for (const action of actions) {
      const key = JSON.stringify([action.name, action.parameters, action.destructive]);
      if (!met.has(key)) met.set(key, { action, backends: [] });
      met.get(key).backends.push(backend);
    }
  }
  return [...met.values()];
}

/** Whether an action is about one model: it has a parameter `model` that is a text. */
export const isOfModel = (action) => action.parameters?.properties?.model?.type === "string";
