/// Durations and sizes as Go programs write them.
enum GoText {
    /// Seconds of "1h30m", "500ms" or a plain number of seconds; nil: it is none.
    static func seconds(_ text: String) -> Double? {
        if let number = Double(text), number.isFinite { return number }
        var rest = text[...]
        var sum = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            let after = rest.dropFirst(digits.count)
            let unit = after.prefix { $0.isLetter }
            let sizes = ["ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600]
            guard let number = Double(digits), let size = sizes[String(unit)] else { return nil }
            sum += number * size
            rest = after.dropFirst(unit.count)
        }
        return text.isEmpty || !sum.isFinite ? nil : sum
    }

    /// Bytes of "100MB" or a plain number; units are powers of 1024. Nil: it is none.
    static func bytes(_ text: String) -> Double? {
        let text = text.uppercased().filter { $0 != " " }
        let digits = text.prefix { $0.isASCII && $0.isNumber || $0 == "." }
        let units = [
            "": 1.0, "B": 1, "K": 1024, "KB": 1024, "KIB": 1024, "M": 1_048_576, "MB": 1_048_576, "MIB": 1_048_576,
        ]
        let large = ["G": 1_073_741_824.0, "GB": 1_073_741_824, "GIB": 1_073_741_824]
        let unit = String(text.dropFirst(digits.count))
        guard let number = Double(digits), let size = units[unit] ?? large[unit] else { return nil }
        return number * size
    }
}

extension SourceTable {
    /// Seconds of a duration.
    mutating func duration(_ name: String, _ remarks: inout Remarks) -> Double? {
        guard let text = text(name, &remarks) else { return nil }
        if let seconds = GoText.seconds(text) { return seconds }
        remarks.add(full(name), line(of: name), "is no duration like \"30s\", and was left out")
        return nil
    }

    mutating func size(_ name: String, _ remarks: inout Remarks) -> Double? {
        guard let text = text(name, &remarks) else { return nil }
        if let bytes = GoText.bytes(text) { return bytes }
        remarks.add(full(name), line(of: name), "is no size like \"100MB\", and was left out")
        return nil
    }
}
