/// Reads metrics in Prometheus' text form.
enum PrometheusText {
    /// All samples of a metric, whatever their labels.
    struct Samples: Equatable {
        /// No load is as much, and sums of it are finite.
        static let largest = 1e9

        private(set) var sum = 0.0
        private(set) var count = 0
        var mean: Double { count > 0 ? sum / Double(count) : 0 }

        mutating func add(_ value: Double) {
            sum += max(-Self.largest, min(Self.largest, value))
            count += 1
        }
    }

    /// The samples of the metrics with these names; what is no sample is skipped.
    static func samples(of names: Set<String>, in bytes: [UInt8]) -> [String: Samples] {
        var found: [String: Samples] = [:]
        for line in bytes.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) where line.first != UInt8(ascii: "#") {
            let end = line.firstIndex { $0 == UInt8(ascii: "{") || $0 == 0x20 || $0 == 0x09 } ?? line.endIndex
            let name = String(decoding: line[..<end], as: UTF8.self)
            guard names.contains(name), let value = value(line[end...]), value.isFinite else { continue }
            found[name, default: Samples()].add(value)
        }
        return found
    }

    /// - Parameter rest: of a line, behind the name: labels in braces perhaps, a number, perhaps a time.
    private static func value(_ rest: ArraySlice<UInt8>) -> Double? {
        var rest = rest
        if rest.first == UInt8(ascii: "{") {
            guard let end = labelsEnd(rest) else { return nil }
            rest = rest[(end + 1)...]
        }
        let number = rest.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 }).first
        return number.flatMap { Double(String(decoding: $0, as: UTF8.self)) }
    }

    /// The closing brace that stands in no label's text.
    private static func labelsEnd(_ labels: ArraySlice<UInt8>) -> Int? {
        var isQuoted = false
        var isEscaped = false
        for index in labels.indices {
            switch labels[index] {
            case _ where isEscaped: isEscaped = false
            case UInt8(ascii: "\\"): isEscaped = isQuoted
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: "}") where !isQuoted: return index
            default: break
            }
        }
        return nil
    }
}
