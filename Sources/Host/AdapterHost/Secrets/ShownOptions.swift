import Core
import JSON

/// Options of a backend as people may see them: where a secret stands, it says only that there is one.
public enum ShownOptions {
    /// What stands in the place of a secret.
    public static let mark = "(set)"

    /// - Parameters:
    ///   - options: the JSON text of an object.
    ///   - schema: the adapter's, which says what is secret; nil: it is not there, and every text and number counts as a secret.
    ///   - marked: see `SecretOptions`.
    /// - Returns: JSON; nil if the options are none.
    public static func json(_ options: String, schema: String?, marked: [String]) -> [UInt8]? {
        guard let value = try? JSONValue.parse(options), value.object != nil else { return nil }
        let secret = schema.map { Set(OptionSecrets.places(in: options, schema: $0, marked: marked)) }
        return shown(value, "options", secret, depth: 0).bytes
    }

    /// - Parameter secret: places, named as `OptionSecrets.places` names them; nil: all are.
    private static func shown(_ value: JSONValue, _ place: String, _ secret: Set<String>?, depth: Int) -> JSONValue {
        // What lies deeper has not been looked at.
        guard depth <= OptionsSchema.depth else { return .string(mark) }
        switch value {
        case .object(let object):
            return .object(
                JSONObject(
                    object.members.map { member in
                        (member.name, shown(member.value, "\(place).\(member.name)", secret, depth: depth + 1))
                    }))
        case .array(let items): return .array(items.map { shown($0, place, secret, depth: depth + 1) })
        case .string, .number: return secret?.contains(place) ?? true ? .string(mark) : value
        case .bool, .null: return value
        }
    }
}
