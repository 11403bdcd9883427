//! What is particular to this kind of server: its paths, how a client's request becomes one of its own, and how its answer
//! is read. Functions of values alone: nothing here calls the gateway. CHANGE THIS FILE FIRST, and check.json with it.
//!
//! As it stands it is for a server of this kind:
//!
//! ```text
//! GET  /list   {"models":[{"name":"tiny","context":4096}]}
//! POST /say    {"model":"tiny","turns":[{"who":"user","says":"Hi"}],"stream":true,"max":100,"temperature":0.5}
//!
//! whole        {"says":"Hello!","read":3,"wrote":2,"why":"end"}       why: "end", or "max": no more was allowed
//! a stream     lines of JSON: {"says":"Hel"}  {"says":"lo!"}  {"read":3,"wrote":2,"why":"end"}
//! an error     {"problem":"words"}, with an error status or as a line of a stream
//! ```

use crate::json::Json;
use crate::nexus_plugin::*;
use crate::quoted::quoted;

pub const MODELS_PATH: &str = "/list";
pub const ANSWER_PATH: &str = "/say";
/// The content type of a stream; whatever has another one is a whole answer.
pub const STREAM_TYPE: &str = "application/x-ndjson";

// ------------------------------------------------------------------------------------------------- models ----

pub struct Model {
    pub name: String,
    /// Tokens; 0: the server does not tell.
    pub context: u64,
}

/// The models in the server's answer to `GET MODELS_PATH`. None: that is not what the answer is.
pub fn models(answer: &Json) -> Option<Vec<Model>> {
    let Json::List(items) = answer.member("models")? else { return None };
    let model = |item: &Json| {
        let name = item.member("name")?.text().filter(|name| !name.is_empty())?.to_owned();
        Some(Model { name, context: item.member("context").and_then(Json::count).unwrap_or(0) })
    };
    Some(items.iter().filter_map(model).collect())
}

// -------------------------------------------------------------------------------------- a client's request ----

/// Why a request is not sent; the client reads the words.
#[derive(Debug, PartialEq)]
pub struct Refusal {
    /// `NEXUS_FAIL_REJECTED`: the request is wrong, the client is told at once. `NEXUS_FAIL_UNSUPPORTED`: this server cannot do
    /// it, perhaps another backend can.
    pub kind: nexus_failure_kind,
    pub words: String,
}

fn wrong(words: &str) -> Refusal {
    Refusal { kind: NEXUS_FAIL_REJECTED, words: words.to_owned() }
}

fn cannot(words: &str) -> Refusal {
    Refusal { kind: NEXUS_FAIL_UNSUPPORTED, words: words.to_owned() }
}

#[derive(Debug, PartialEq)]
pub struct Translation {
    /// The server's request.
    pub body: String,
    /// What of the client's request the server does not take, for `x-nexus-warning`; may be empty.
    pub dropped: String,
}

pub fn translate(request: &Json, stream: bool) -> Result<Translation, Refusal> {
    let model = request.member("model").and_then(Json::text).ok_or_else(|| wrong("\"model\" is missing"))?;
    check(request)?;
    let mut body = format!("{{\"model\":{},\"turns\":[{}],\"stream\":{stream}", quoted(model), turns(request)?.join(","));
    let number = |name| match request.member(name) {
        Some(Json::Number(digits)) => Some(digits),
        _ => None,
    };
    if let Some(max) = number("max_completion_tokens").or(number("max_tokens")) {
        body += &format!(",\"max\":{max}");
    }
    if let Some(temperature) = number("temperature") {
        body += &format!(",\"temperature\":{temperature}");
    }
    Ok(Translation { body: body + "}", dropped: dropped(request) })
}

fn turns(request: &Json) -> Result<Vec<String>, Refusal> {
    let Some(Json::List(messages)) = request.member("messages") else { return Err(wrong("\"messages\" must be a list")) };
    let turn = |message: &Json| {
        let role = message.member("role").and_then(Json::text).ok_or_else(|| wrong("a message must have a \"role\""))?;
        if role == "tool" || matches!(message.member("tool_calls"), Some(Json::List(_))) {
            return Err(cannot("this server knows no tools"));
        }
        // "developer" is the newer name of the same.
        let who = if role == "developer" { "system" } else { role };
        let says = content(message.member("content").unwrap_or(&Json::Null))?;
        Ok(format!("{{\"who\":{},\"says\":{}}}", quoted(who), quoted(&says)))
    };
    messages.iter().map(turn).collect()
}

/// The text of a message. A client may give it as a string, or as a list of parts: `[{"type":"text","text":"What is this?"},
/// {"type":"image_url",...}]`. Parts that are no text cannot be left out: the answer would be one to another question.
fn content(content: &Json) -> Result<String, Refusal> {
    let parts = match content {
        Json::Text(text) => return Ok(text.clone()),
        Json::List(parts) => parts,
        _ => return Err(wrong("the content of a message must be a text or a list of parts")),
    };
    let text = |part: &Json| {
        let kind = part.member("type").and_then(Json::text).unwrap_or("");
        if kind != "text" {
            return Err(cannot(&format!("this server reads text alone: it cannot take a part of type \"{kind}\"")));
        }
        let text = part.member("text").and_then(Json::text);
        text.map(str::to_owned).ok_or_else(|| wrong("a part of type \"text\" must have a \"text\""))
    };
    Ok(parts.iter().map(text).collect::<Result<Vec<_>, _>>()?.join("\n"))
}

/// What asks for another answer than this server gives: leaving it out would be wrong.
fn check(request: &Json) -> Result<(), Refusal> {
    if matches!(request.member("tools"), Some(Json::List(tools)) if !tools.is_empty()) {
        return Err(cannot("this server knows no tools"));
    }
    let format = request.member("response_format").and_then(|format| format.member("type")).and_then(Json::text);
    if format.is_some_and(|format| format != "text") {
        return Err(cannot("this server cannot promise an answer in JSON (response_format)"));
    }
    if matches!(request.member("n"), Some(number @ Json::Number(_)) if number.count() != Some(1)) {
        return Err(cannot("this server gives one answer to a request, \"n\" must be 1"));
    }
    Ok(())
}

/// Tells what only shapes the answer, such as "seed": the request is served without it.
fn dropped(request: &Json) -> String {
    const TAKEN: [&str; 6] = ["model", "messages", "stream", "temperature", "max_tokens", "max_completion_tokens"];
    // These change nothing for the reader, or were looked at in `check`.
    const SILENT: [&str; 12] = [
        "stream_options", "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "tools",
        "tool_choice", "parallel_tool_calls", "response_format", "n",
    ];
    let Json::Object(members) = request else { return String::new() };
    // It travels in a header field: whatever is not plain, and too many, are not repeated there.
    let is_plain = |name: &str| {
        (1..=40).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let names: Vec<&str> = members
        .iter()
        .filter(|(name, value)| *value != Json::Null && is_plain(name))
        .map(|(name, _)| name.as_str())
        .filter(|name| !TAKEN.contains(name) && !SILENT.contains(name))
        .take(10)
        .collect();
    match names.len() {
        0 => String::new(),
        1 => format!("{} was ignored: this server does not take it", names[0]),
        _ => format!("{} were ignored: this server does not take them", names.join(", ")),
    }
}

// -------------------------------------------------------------------------------------- the server's answer ----

/// A whole answer, or a line of a stream.
pub struct Piece {
    pub text: Option<String>,
    /// Of the last one, in OpenAI's words: "stop" or "length".
    pub finish_reason: Option<&'static str>,
    /// None: the server did not count.
    pub prompt_tokens: Option<u64>,
    pub completion_tokens: Option<u64>,
}

/// None: it is no piece of an answer.
pub fn piece(value: &Json) -> Option<Piece> {
    let text = value.member("says").and_then(Json::text).map(str::to_owned);
    let why = value.member("why").and_then(Json::text);
    let piece = Piece {
        text,
        finish_reason: why.map(|why| if why == "max" { "length" } else { "stop" }),
        prompt_tokens: value.member("read").and_then(Json::count),
        completion_tokens: value.member("wrote").and_then(Json::count),
    };
    (piece.text.is_some() || piece.finish_reason.is_some()).then_some(piece)
}

/// What an error says. None: it is no error.
pub fn error(value: &Json) -> Option<String> {
    value.member("problem").and_then(Json::text).filter(|words| !words.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn translated(text: &str) -> Result<Translation, Refusal> {
        translate(&parse(text.as_bytes()).expect("a test gives JSON"), false)
    }

    #[test]
    fn content_may_be_a_text_or_parts_of_text() {
        let chat = r#"{"model":"m","messages":[{"role":"developer","content":"Be \"brief\""},
            {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}"#;
        let turns = r#"[{"who":"system","says":"Be \"brief\""},{"who":"user","says":"a\nb"}]"#;
        let body = format!(r#"{{"model":"m","turns":{turns},"stream":false}}"#);
        assert_eq!(translated(chat), Ok(Translation { body, dropped: String::new() }));
    }

    #[test]
    fn what_cannot_be_left_out_is_refused_and_what_can_is_told() {
        let image = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url"}]}]}"#;
        assert_eq!(translated(image).map_err(|refusal| refusal.kind), Err(NEXUS_FAIL_UNSUPPORTED));
        assert_eq!(translated(r#"{"model":"m"}"#).map_err(|refusal| refusal.kind), Err(NEXUS_FAIL_REJECTED));
        let seed = translated(r#"{"model":"m","messages":[],"seed":1,"user":"u"}"#);
        assert_eq!(seed.map(|translation| translation.dropped), Ok("seed was ignored: this server does not take it".into()));
    }
}
