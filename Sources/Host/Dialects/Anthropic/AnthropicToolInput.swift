import JSON

/// Follows the nesting of a JSON text that comes in fragments.
struct JSONNesting {
    /// What closes the open objects and arrays, outermost first.
    private(set) var closers: [UInt8] = []
    /// Inside a string, where brackets and commas mean nothing.
    private(set) var isInString = false
    private var isEscaped = false
    private var hasBegun = false

    /// The outermost object or array is closed.
    var isComplete: Bool { hasBegun && closers.isEmpty }

    mutating func take(_ byte: UInt8) {
        if isEscaped {
            isEscaped = false
        } else if isInString {
            if byte == UInt8(ascii: "\\") { isEscaped = true }
            if byte == UInt8(ascii: "\"") { isInString = false }
        } else {
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                hasBegun = true
                // The closing bracket stands two behind the opening one in ASCII.
                closers.append(byte + 2)
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if !closers.isEmpty { closers.removeLast() }
            default: break
            }
        }
    }
}

/// The input of a tool out of the arguments that a model wrote, which need not be JSON.
enum AnthropicToolInput {
    /// - Parameter arguments: an object in a string as OpenAI has it, or the object itself.
    /// - Returns: of a text that breaks off, the members that are whole; of one that goes on behind the object, the object;
    ///   of any other an empty object, which the tool then refuses, and the model is told.
    static func object(_ arguments: JSONValue?) -> JSONObject {
        switch arguments {
        case .object(let object): return object
        case .string(let text):
            switch try? JSONValue.parse(text) {
            case .object(let object): return object
            // Written twice.
            case .string(let inner): return (try? JSONValue.parse(inner))?.object ?? JSONObject()
            case nil: return wholeMembers(of: Array(text.utf8))
            default: return JSONObject()
            }
        default: return JSONObject()
        }
    }

    /// The text up to the last place before which all is whole, and closed there.
    private static func wholeMembers(of text: [UInt8]) -> JSONObject {
        var nesting = JSONNesting()
        var cut = 0
        var closers: [UInt8] = []
        for (index, byte) in text.enumerated() {
            nesting.take(byte)
            guard !nesting.isInString else { continue }
            switch byte {
            case UInt8(ascii: ","): cut = index
            case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "}"), UInt8(ascii: "]"): cut = index + 1
            default: continue
            }
            closers = nesting.closers
            // What follows the object is dropped.
            if nesting.isComplete { break }
        }
        return (try? JSONValue.parse(Array(text[..<cut]) + closers.reversed()))?.object ?? JSONObject()
    }
}
