import ABIRules
import JSON

/// Recursive descent over a signature: `( name : type [? | = default], ... ) -> json | none`.
struct ActionSignatureParser {
    private typealias Problem = ActionSignature.Problem
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func run() throws(ActionSignature.Problem) -> ([ActionSignature.Parameter], Bool) {
        try expect("(")
        var parameters: [ActionSignature.Parameter] = []
        if !take(")") {
            repeat {
                skipSpace()
                let start = position
                let parameter = try parameter()
                guard !parameters.contains(where: { $0.name == parameter.name }) else {
                    throw Problem(position: start, reason: "the parameter \"\(parameter.name)\" is there twice")
                }
                parameters.append(parameter)
                guard parameters.count <= ABILimits.parameters else {
                    throw Problem(
                        position: start, reason: "more than \(ABILimits.parameters) parameters")
                }
            } while take(",")
            guard take(")") else { throw problem("\",\" or \")\" is expected") }
        }
        try expect("->")
        let givesResult: Bool
        skipSpace()
        let start = position
        switch word() {
        case "json": givesResult = true
        case "none": givesResult = false
        default: throw Problem(position: start, reason: "\"json\" or \"none\" is expected")
        }
        skipSpace()
        guard position == bytes.count else { throw problem("unexpected text after the end") }
        return (parameters, givesResult)
    }

    private mutating func parameter() throws(ActionSignature.Problem) -> ActionSignature.Parameter {
        let name = try name()
        try expect(":")
        skipSpace()
        let start = position
        guard let kind = ActionSignature.Kind(rawValue: word()) else {
            throw Problem(
                position: start,
                reason: "a type is expected: "
                    + ActionSignature.Kind.allCases.map(\.rawValue).joined(separator: ", "))
        }
        skipSpace()
        let mark = position
        if take("?") {
            guard kind == .string || kind == .json else {
                throw Problem(
                    position: mark, reason: "\"?\" is for string and json; give \"\(name)\" a default instead")
            }
            return ActionSignature.Parameter(name: name, kind: kind, isOptional: true, defaultValue: nil)
        }
        var value: JSONValue?
        if take("=") { value = try defaultValue(of: kind) }
        return ActionSignature.Parameter(name: name, kind: kind, isOptional: false, defaultValue: value)
    }

    private mutating func name() throws(ActionSignature.Problem) -> String {
        let start = position
        guard let first = next, (0x61...0x7A).contains(first) else {
            throw problem("a name is expected: a small letter, then small letters, digits and \"_\"")
        }
        let name = word()
        guard name.utf8.count <= ABILimits.actionName else {
            throw Problem(position: start, reason: "a name is longer than \(ABILimits.actionName) characters")
        }
        return name
    }

    /// A JSON value ends where a "," or ")" stands outside its strings and brackets.
    private mutating func defaultValue(of kind: ActionSignature.Kind) throws(ActionSignature.Problem) -> JSONValue {
        skipSpace()
        let start = position
        var depth = 0
        var isInString = false
        scan: while let byte = next {
            switch byte {
            case UInt8(ascii: "\\") where isInString: position += 1
            case UInt8(ascii: "\""): isInString.toggle()
            case _ where isInString: break
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            case UInt8(ascii: ","), UInt8(ascii: ")"): if depth <= 0 { break scan }
            default: break
            }
            position += 1
        }
        position = min(position, bytes.count)
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue.parse(Array(bytes[start..<position]), maximumDepth: OptionsSchema.depth)
        } catch {
            throw Problem(position: start + error.offset, reason: "the default is not JSON: \(error.reason)")
        }
        guard kind.accepts(value) else {
            throw Problem(position: start, reason: "the default must be \(kind.words)")
        }
        return value
    }

    // MARK: Bytes

    private func problem(_ reason: String) -> ActionSignature.Problem { Problem(position: position, reason: reason) }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func take(_ text: StaticString) -> Bool {
        skipSpace()
        let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard bytes[position...].starts(with: wanted) else { return false }
        position += wanted.count
        return true
    }

    private mutating func expect(_ text: StaticString) throws(ActionSignature.Problem) {
        guard take(text) else { throw problem("\"\(text)\" is expected") }
    }

    /// Small letters, digits and underscores; may be empty.
    private mutating func word() -> String {
        let start = position
        while let byte = next, (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5F {
            position += 1
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }
}
