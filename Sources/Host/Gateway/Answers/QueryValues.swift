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

    private static func decoded(_ text: Substring) -> String? {
        if text.isEmpty { return "" }
        return PercentCoding.decoded(text.contains("+") ? text.replacing("+", with: " ") : text)
    }
}
