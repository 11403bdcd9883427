import Core
import JSON

/// Reads `[[keys]]`, of the configuration and of the keys file.
enum KeyReader {
    /// Bytes of a name: it is a label of metrics.
    static let nameLimit = 64
    static let amounts = 1...1_000_000_000
    static let concurrencies = 1...100_000

    static func key(_ section: inout Section) -> KeyRule? {
        let name = section.optionalString("name", limit: nameLimit)
        let hashText = section.optionalString("hash", limit: 128)
        var hash: KeyHash?
        if let hashText {
            hash = KeyHash(text: hashText)
            if hash == nil {
                // Not what stands there: it may well be the key.
                section.problem(
                    "hash",
                    "must be \"sha256:\" and 64 hexadecimal digits, the hash of the key and not the key itself; "
                        + "'nexus keys add' makes both")
            }
        }
        for key in ["name", "hash"] where !section.has(key) {
            section.problem(key, "is missing; every key needs name and hash")
        }
        var (role, highest) = (KeyRole.client, AdmissionQueue.Priority.high)
        section.choice("role", into: &role)
        section.choice("max_priority", into: &highest)
        let expires = expiry(&section)
        var scope = KeyScope()
        section.strings("models", limit: TextLimits.model, into: &scope.models)
        section.strings("backends", limit: TextLimits.name, into: &scope.backends)
        for (key, list) in [("models", scope.models), ("backends", scope.backends)]
        where section.has(key) && list.isEmpty {
            section.problem(key, "is empty; leave it out to allow all")
        }
        var limits = KeyLimits()
        limits.requestsPerMinute = section.optionalInteger("requests_per_minute", amounts)
        limits.requestsPerDay = section.optionalInteger("requests_per_day", amounts)
        limits.tokensPerMinute = section.optionalInteger("tokens_per_minute", amounts)
        limits.tokensPerDay = section.optionalInteger("tokens_per_day", amounts)
        limits.maxConcurrent = section.optionalInteger("max_concurrent", concurrencies)
        guard let name, let hash else { return nil }
        return KeyRule(
            name: name, hash: hash, role: role, expires: expires, scope: scope, limits: limits, maxPriority: highest)
    }

    private static func expiry(_ section: inout Section) -> Int64? {
        guard let text = section.optionalString("expires", limit: 64) else { return nil }
        if let seconds = instant(text) { return seconds }
        section.problem("expires", "must be a day, \"2027-01-31\", or an instant, \"2027-01-31T12:00:00Z\"")
        return nil
    }

    /// Unix seconds of an instant, or of the end of a day (UTC); nil: it is neither.
    static func instant(_ text: String) -> Int64? {
        if let seconds = Timestamp.seconds(rfc3339: text) { return Int64(seconds) }
        return Timestamp.seconds(rfc3339: text + "T00:00:00Z").map { Int64($0) + 86_400 }
    }

    static func check(_ keys: [KeyRule], _ problems: ProblemList) {
        if keys.count > Keyring.Limits.keys {
            problems.add("keys", "there are \(keys.count); at most \(Keyring.Limits.keys) are possible")
        }
        var names: Set<String> = []
        var hashes: Set<KeyHash> = []
        for (index, key) in keys.enumerated() {
            if let problem = problem(ofName: key.name) { problems.add("keys[\(index)].name", problem) }
            if !names.insert(key.name).inserted {
                problems.add(
                    "keys[\(index)].name",
                    "\(ConfigurationProblem.quoted(key.name)) is taken by another key; names must differ")
            }
            if !hashes.insert(key.hash).inserted {
                problems.add("keys[\(index)].hash", "is that of another key; each has its own")
            }
        }
    }

    static func problem(ofName name: String) -> String? {
        let isPlain =
            (1...nameLimit).contains(name.utf8.count)
            && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }
        return isPlain
            ? nil : "must be 1 to \(nameLimit) printable ASCII characters without spaces, quotes and backslashes"
    }
}
