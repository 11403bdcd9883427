import Core

/// Figures as people read them. `dashboard/times.js` has `uptime` and `age` once more, since time goes on while the page
/// stands; Tests/DashboardTests/Vectors/times.json holds both to the same words.
enum Format {
    static let nothing = "–"

    /// "1,234,567"
    static func count(_ value: UInt64) -> String {
        let digits = Array(String(value).utf8)
        var grouped: [UInt8] = []
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { grouped.append(UInt8(ascii: ",")) }
            grouped.append(digit)
        }
        return String(decoding: grouped, as: UTF8.self)
    }

    static func count(_ value: Int) -> String {
        (value < 0 ? "-" : "") + count(UInt64(value.magnitude))
    }

    /// "3 models", "1 model"
    static func count(_ value: Int, _ one: String, _ many: String) -> String {
        "\(count(value)) \(value == 1 ? one : many)"
    }

    /// "850 ms", "1.23 s", "12.3 s", "2 min 05 s"
    static func duration(milliseconds: UInt64) -> String {
        if milliseconds < 1000 { return "\(milliseconds) ms" }
        if milliseconds < 9_995 {
            let hundredths = (milliseconds + 5) / 10
            return "\(hundredths / 100).\(padded(hundredths % 100)) s"
        }
        if milliseconds < 59_950 {
            let tenths = (milliseconds + 50) / 100
            return "\(tenths / 10).\(tenths % 10) s"
        }
        let seconds = milliseconds / 1000 + (milliseconds % 1000 >= 500 ? 1 : 0)
        return "\(count(seconds / 60)) min \(padded(seconds % 60)) s"
    }

    /// A mean of durations; nothing before the first.
    static func latency(milliseconds: Double) -> String {
        guard milliseconds > 0, milliseconds < 1e15 else { return nothing }
        return duration(milliseconds: UInt64(milliseconds.rounded()))
    }

    /// "2d 3h", "3h 4m", "4m 5s", "5s"
    static func uptime(seconds: UInt64) -> String {
        if seconds >= 86_400 { return "\(count(seconds / 86_400))d \(seconds / 3600 % 24)h" }
        if seconds >= 3600 { return "\(seconds / 3600)h \(seconds / 60 % 60)m" }
        if seconds >= 60 { return "\(seconds / 60)m \(seconds % 60)s" }
        return "\(seconds)s"
    }

    /// Tokens: "128K", "200,500"
    static func context(_ tokens: UInt64) -> String {
        if tokens == 0 { return nothing }
        if tokens % 1000 == 0 { return "\(count(tokens / 1000))K" }
        if tokens % 1024 == 0 { return "\(count(tokens / 1024))K" }
        return count(tokens)
    }

    /// "1.2%"
    static func percent(_ part: UInt64, of whole: UInt64) -> String {
        if whole == 0 { return "0.0%" }
        let tenths = (Double(part) / Double(whole) * 1000).whole(in: 0...1000)
        return "\(tenths / 10).\(tenths % 10)%"
    }

    /// "7.5", "142", "1,050": a rate of something a second. From hundredths, as the rate is written in JSON.
    static func rate(_ value: Double) -> String {
        guard value >= 0, value < 1e12 else { return nothing }
        let tenths = UInt64(((value * 100).rounded() / 10).rounded())
        return tenths < 1000 ? "\(tenths / 10).\(tenths % 10)" : count((tenths + 5) / 10)
    }

    /// "just now", "12 s ago", "3 min ago", "5 h ago", "2 d ago"
    static func age(seconds: Int64) -> String {
        switch seconds {
        case ..<5: "just now"
        case ..<60: "\(seconds) s ago"
        case ..<3600: "\(seconds / 60) min ago"
        case ..<86_400: "\(seconds / 3600) h ago"
        default: "\(seconds / 86_400) d ago"
        }
    }

    /// "03:04:05 UTC", with the date before it when that is not today's; nil for an instant out of range.
    static func clock(_ unixSeconds: Int64, now: Int64) -> String? {
        guard let instant = Timestamp.rfc3339(Double(unixSeconds)), let today = Timestamp.rfc3339(Double(now)) else {
            return nil
        }
        let time = instant.dropFirst(11).dropLast()
        let date = instant.prefix(10)
        return date == today.prefix(10) ? "\(time) UTC" : "\(date) \(time) UTC"
    }

    /// The same for an instant in the form of `Timestamp.rfc3339`; what has another form is given back.
    static func clock(rfc3339 instant: String, now: Int64) -> String {
        Timestamp.seconds(rfc3339: instant).flatMap { clock(Int64($0.rounded(.down)), now: now) } ?? instant
    }

    private static func padded(_ value: UInt64) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
