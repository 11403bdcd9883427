import Core

/// Writes the text format, family by family.
struct MetricsPage {
    private(set) var bytes: [UInt8] = []
    private var family: MetricFamily?

    mutating func begin(_ family: MetricFamily) {
        self.family = family
        bytes += Array("# HELP \(family.name) \(family.help)\n# TYPE \(family.name) \(family.kind.rawValue)\n".utf8)
    }

    /// A family with a single value.
    mutating func add(_ family: MetricFamily, _ value: Double?) {
        begin(family)
        if let value { sample([], value) }
    }

    /// - Parameter labels: the values of the family's labels, in their order.
    mutating func sample(_ labels: [String], _ value: Double) {
        guard let family else { return assertionFailure("a value without a family") }
        write(family.name, family, labels, value)
    }

    private mutating func write(
        _ name: String, _ family: MetricFamily, _ labels: [String], bound: String? = nil, _ value: Double
    ) {
        assert(labels.count == family.labels.count, "\(name) has other labels")
        var pairs = zip(family.labels, labels).map { "\($0)=\"\(Self.escaped($1))\"" }
        if let bound { pairs.append("le=\"\(bound)\"") }
        let text = pairs.isEmpty ? name : "\(name){\(pairs.joined(separator: ","))}"
        bytes += Array("\(text) \(Self.number(value))\n".utf8)
    }

    static func number(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value > 0 ? "+Inf" : "-Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    /// - Parameter label: the value of the family's first label; the second is the kind of token.
    mutating func tokens(_ label: String, _ tokens: TokenFigures) {
        sample([label, "prompt"], Double(tokens.prompt.value))
        sample([label, "completion"], Double(tokens.completion.value))
        sample([label, "cached"], Double(tokens.cached.value))
    }

    mutating func histogram(_ labels: [String], _ histogram: Histogram) {
        self.histogram(labels, Histogram.bounds, histogram.counts.map(\.value), sum: histogram.sum)
    }

    /// One of which nothing is counted is left out.
    mutating func histogram(_ labels: [String], _ histogram: FixedHistogram) {
        guard histogram.count > 0 else { return }
        self.histogram(labels, histogram.bounds, histogram.counts, sum: histogram.sum)
    }

    private mutating func histogram(_ labels: [String], _ bounds: [Double], _ counts: [UInt64], sum: Double) {
        guard let family else { return assertionFailure("a value without a family") }
        var below = Tally()
        for (bound, count) in zip(bounds, counts) {
            below += count
            write(family.name + "_bucket", family, labels, bound: "\(bound)", Double(below.value))
        }
        below += counts.last ?? 0
        write(family.name + "_bucket", family, labels, bound: "+Inf", Double(below.value))
        write(family.name + "_sum", family, labels, sum)
        write(family.name + "_count", family, labels, Double(below.value))
    }

    /// Backslash, quote and line feed are escaped in label values.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
