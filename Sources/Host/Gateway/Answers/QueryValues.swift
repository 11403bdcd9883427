/// The values in a query, as forms write them: `name=value`, joined by `&`, with `+` for a space
/// (https://url.spec.whatwg.org/#application/x-www-form-urlencoded). What cannot be read is passed over.
struct QueryValues {
    /// In their order; a name may come more than once.
    let all: [(name: String, value: String)]

    init(_ query: String) {
        all = query.split(separator: "&").compactMap { part in
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(pair[0]), let value = Self.decoded(pair.count > 1 ? pair[1] : "") else {
                return nil
            }
            return (name, value)
        }
    }

    /// The name of a parameter that is not known, for the answer: as names are, or not at all. Somebody may have put a key there.
    static func shown(_ name: String) -> String {
        let isPlain =
            name.utf8.count <= 24 && name.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x5F || $0 == 0x2D }
        return isPlain ? name : "(not shown)"
    }

    private static func decoded(_ text: Substring) -> String? {
        if text.isEmpty { return "" }
        return PercentCoding.decoded(text.contains("+") ? text.replacing("+", with: " ") : text)
    }
}
