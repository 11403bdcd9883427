import Logging

/// What stands beside a message.
enum LogValue: Sendable, Equatable {
    case string(String)
    case integer(Int64)
    case number(Double)
    case flag(Bool)

    /// The same as text.
    var text: String {
        switch self {
        case .string(let text): text
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .flag(let value): value ? "true" : "false"
        }
    }

    /// Numbers stay numbers; what has no type of JSON's becomes text.
    init(_ value: Logger.MetadataValue) {
        guard case .stringConvertible(let typed) = value else {
            self = .string("\(value)")
            return
        }
        switch typed {
        case let value as Int: self = .integer(Int64(value))
        case let value as UInt64: self = .integer(Int64(clamping: value))
        case let value as any FixedWidthInteger: self = .integer(Int64(clamping: value))
        case let value as Double where value.isFinite: self = .number(value)
        case let value as Bool: self = .flag(value)
        default: self = .string(typed.description)
        }
    }
}

/// One line of the gateway's log, before it is written in some form.
struct LogLine: Sendable, Equatable {
    /// Its number since the start, from 1.
    var sequence: UInt64 = 0
    /// Unix milliseconds.
    var at: Int64
    /// As the log writes it: `info`, `warning`.
    var level: String
    /// Which part of the gateway speaks, as in `Configuration.Logging.Component`.
    var component: String
    var message: String
    /// Of the request that it is about; nil: it is about none.
    var request: String?
    /// What else stands beside the message, by name; each name once.
    var fields: [(name: String, value: LogValue)] = []

    static func == (one: LogLine, other: LogLine) -> Bool {
        (one.sequence, one.at, one.level, one.component, one.message, one.request)
            == (other.sequence, other.at, other.level, other.component, other.message, other.request)
            && one.fields.elementsEqual(other.fields) { $0 == $1 }
    }

    /// Nil: there is no such field.
    func text(_ name: String) -> String? { fields.first { $0.name == name }?.value.text }

    /// About how many bytes it takes.
    var size: Int {
        fields.reduce(128 + component.utf8.count + message.utf8.count + (request?.utf8.count ?? 0)) { sum, field in
            var length = 0
            if case .string(let text) = field.value { length = text.utf8.count }
            return sum + 32 + field.name.utf8.count + length
        }
    }
}
