import JSON

/// A key of the configuration as its reader takes it: what the reference tells of type, range and default is what is checked.
struct AskedKey: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        /// - Parameter limit: bytes.
        case string(limit: Int, mayBeEmpty: Bool)
        case strings(limit: Int)
        case oneOrMoreStrings(limit: Int)
        case integer(ClosedRange<Int>)
        /// - Parameter isLimit: 0 stands for any time.
        case seconds(ClosedRange<Double>, isLimit: Bool)
        case share
        case ratio
        case bool
        case choice([String])
        case table
        case tables
        /// A table whose keys are names.
        case names(of: String, sample: JSONValue)

        /// The least that shows which keys there are below; nil: there are none.
        var sample: JSONValue? {
            switch self {
            case .table: .object(JSONObject())
            case .tables: .array([.object(JSONObject())])
            case .names(_, let sample): .object(JSONObject([(name: AskedKey.anyName, value: sample)]))
            default: nil
            }
        }
    }

    /// In the place of a name that operators choose.
    static let anyName = "NAME"

    /// Dotted: `server.port`, `backends[].url`, `routing.aliases.NAME[].weight`.
    var path: String
    var kind: Kind
    /// As a file would say it.
    var usual: JSONValue?

    /// Every key that the reader of a configuration asks for, in the order in which it does.
    static var all: [AskedKey] {
        let asked = AskedKeys()
        _ = ConfigurationReader.read(JSONObject(), ProblemList(lines: nil, asked: asked))
        return asked.keys
    }
}

/// Where readers note what they ask for.
final class AskedKeys {
    private(set) var keys: [AskedKey] = []

    func note(_ path: String, _ kind: AskedKey.Kind, usual: JSONValue?) {
        let key = AskedKey(path: path.replacing("[0]", with: "[]"), kind: kind, usual: usual)
        if !keys.contains(where: { $0.path == key.path }) { keys.append(key) }
    }
}
