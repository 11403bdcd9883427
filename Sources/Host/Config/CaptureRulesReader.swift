import Core

/// Reads `[captures]`.
enum CaptureRulesReader {
    static func read(_ section: inout Section, _ captures: inout Configuration.Captures) {
        section.bool("enabled", into: &captures.enabled)
        captures.keys = section.oneOrMoreStrings("keys", limit: TextLimits.name)
        captures.models = section.oneOrMoreStrings("models", limit: TextLimits.model)
        section.bool("errors_only", into: &captures.errorsOnly)
        section.integer("max_body_bytes", 1024...16_777_216, into: &captures.maxBodyBytes)
        section.integer("max_count", 1...100_000, into: &captures.maxCount)
        section.integer("keep_days", 0...36_500, into: &captures.keepDays)
        section.integer("keep_bytes", 1_048_576...1_099_511_627_776, into: &captures.keepBytes)
        captures.database = section.optionalString("database", limit: TextLimits.path)
        if let name = section.optionalString("key_env", limit: TextLimits.name) {
            if ConfigurationReader.isVariableName(name), Hexadecimal.bytes(name)?.count != 32 {
                captures.keyEnv = name
            } else {
                // Not what stands there: it may well be the key.
                section.problem("key_env", "must be the name of an environment variable, not the key itself")
            }
        }
        let rules = section.oneOrMoreStrings("redact", limit: RedactionRule.Limits.text)
        captures.redact = rules.compactMap(RedactionRule.init)
        if captures.redact.count < rules.count {
            section.problem(
                "redact",
                "must be names of members with dots between them, like \"messages.*.content\": * is any one of them, ** any "
                    + "number, at most \(RedactionRule.Limits.parts) parts, the last one no **")
        }
        if rules.count > RedactionRule.Limits.rules {
            section.problem("redact", "has \(rules.count) rules; at most \(RedactionRule.Limits.rules) are possible")
        }
    }
}
