import JSON

/// Options of a backend that its operator marks as secret, by their place: `a.b` is the member b of the member a.
public enum SecretOptions {
    /// What stands at the place; more than one if names have dots in them, none if nothing does.
    public static func values(at place: String, of options: JSONObject) -> [JSONValue] {
        let parts = place.split(separator: ".", omittingEmptySubsequences: false)
        var found: [JSONValue] = []
        var open: [(value: JSONValue, next: Int)] = [(.object(options), 0)]
        while let (value, next) = open.popLast() {
            guard next < parts.count else {
                found.append(value)
                continue
            }
            for (name, member) in value.object?.members ?? [] {
                let end = next + name.utf8.count { $0 == UInt8(ascii: ".") } + 1
                if end <= parts.count, parts[next..<end].joined(separator: ".") == name { open.append((member, end)) }
            }
        }
        return found
    }
}
