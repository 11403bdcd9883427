/// Numbers in few cells.
enum Figures {
    static func count(_ value: Int64) -> String {
        switch value {
        case ..<100_000: "\(value)"
        case ..<10_000_000: "\(value / 1000)k"
        default: "\(value / 1_000_000)M"
        }
    }

    static func rate(_ value: Double) -> String {
        guard value.isFinite, value >= 0, value < 1e9 else { return "" }
        return value < 100 ? tenths(value) : "\(Int64(value))"
    }

    static func milliseconds(_ value: Int64) -> String {
        switch value {
        case ..<1000: "\(value) ms"
        case ..<100_000: tenths(Double(value) / 1000) + " s"
        default: duration(seconds: Double(value / 1000))
        }
    }

    /// "12 s", "3 min", "2 h 5 min", "3 d 4 h".
    static func duration(seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e12 else { return "" }
        let whole = Int64(seconds)
        switch whole {
        case ..<60: return "\(whole) s"
        case ..<3600: return "\(whole / 60) min"
        case ..<86_400: return "\(whole / 3600) h \(whole % 3600 / 60) min"
        default: return "\(whole / 86_400) d \(whole % 86_400 / 3600) h"
        }
    }

    private static func tenths(_ value: Double) -> String {
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
