import JSON

/// Errors in the words of Ollama's API: `{"error":"text"}`.
public enum OllamaError {
    /// The body of an answer with the error's status.
    public static func body(_ error: ClientError) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.key("error")
        json.string(error.message)
        json.endObject()
        return json.bytes
    }

    /// The last line of a stream that has begun.
    public static func line(_ message: String) -> [UInt8] {
        body(ClientError(status: 200, message: message)) + [0x0A]
    }

    public static func line(_ error: ClientError) -> [UInt8] { line(error.message) }

    /// In Ollama's own words: clients look for "not found" to offer a pull.
    public static func modelNotFound(_ model: String) -> ClientError {
        ClientError(
            status: 404, message: "model '\(model)' not found", param: "model", code: "model_not_found")
    }

    static func refusal(_ place: String, _ message: String) -> ClientError {
        ClientError(status: 400, message: message, param: place.isEmpty ? nil : place)
    }
}
