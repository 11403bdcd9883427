/// One line of a stream.
enum StreamLine {
    case empty
    case value(JSONValue)
    /// The server says that it failed, or it cannot be read.
    case error(String)

    static let garbled = "Ollama sent a line that is no JSON object"
    static let tooLong = "Ollama sent a line of more than \(LineDecoder.defaultLimit) bytes"

    init(_ line: UnsafeRawBufferPointer) {
        guard !line.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) else {
            self = .empty
            return
        }
        guard let value = try? JSONValue.parse(line, maximumValues: LargeWork.inlineValues), value.object != nil else {
            self = .error(Self.garbled)
            return
        }
        if let text = OllamaError.text(value) {
            self = .error(text)
        } else if value["done_reason"] == "error" {
            self = .error("Ollama ended the answer because of an error")
        } else if value["done"] == nil, value["message"]?.object == nil,
            let text = ToldError.instead(of: value)?.message
        {
            // A proxy's words; what the model says is an object.
            self = .error(text)
        } else {
            self = .value(value)
        }
    }
}
