/// Wall-clock instants as people and other programs read them.
public enum Timestamp {
    /// The instant in the form of `rfc3339`, or the nearest that has one.
    public static func text(seconds: Double) -> String {
        rfc3339(seconds) ?? (seconds > 0 ? "9999-12-31T23:59:59Z" : "0000-01-01T00:00:00Z")
    }

    /// The same to the millisecond: "2026-01-02T03:04:05.678Z".
    public static func text(milliseconds: Int64) -> String {
        let whole = milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000
        let rest = String(milliseconds - whole * 1000 + 1000).dropFirst()
        return text(seconds: Double(whole)).dropLast() + ".\(rest)Z"
    }

    /// "2026-01-02T03:04:05Z"; nil for what has no such form (not a number, before year 0, after 9999).
    public static func rfc3339(_ unixSeconds: Double) -> String? {
        // Years 0 to 9999, which is what the form has digits for.
        guard unixSeconds >= -62_167_219_200, unixSeconds < 253_402_300_800 else { return nil }
        let seconds = Int64(unixSeconds.rounded(.down))
        let day = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let date = civil(day: day)
        let time = seconds - day * 86_400
        return String(unsafeUninitializedCapacity: 20) { buffer in
            var at = 0
            func put(_ value: Int64, digits: Int, then separator: UInt8) {
                var rest = value
                for place in stride(from: at + digits - 1, through: at, by: -1) {
                    buffer[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                    rest /= 10
                }
                buffer[at + digits] = separator
                at += digits + 1
            }
            put(date.year, digits: 4, then: UInt8(ascii: "-"))
            put(date.month, digits: 2, then: UInt8(ascii: "-"))
            put(date.day, digits: 2, then: UInt8(ascii: "T"))
            put(time / 3600, digits: 2, then: UInt8(ascii: ":"))
            put(time / 60 % 60, digits: 2, then: UInt8(ascii: ":"))
            put(time % 60, digits: 2, then: UInt8(ascii: "Z"))
            return at
        }
    }

    /// Unix seconds of an instant as RFC 3339 writes it: "2026-01-02T03:04:05Z", with a fraction of a second, or with an offset such
    /// as "+01:00"; nil: it is none.
    public static func seconds(rfc3339 text: some StringProtocol) -> Double? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 40 else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for byte in bytes[range] {
                guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            return value
        }
        func separators(_ places: [(Int, String)]) -> Bool {
            places.allSatisfy { place, allowed in allowed.utf8.contains(bytes[place]) }
        }
        guard separators([(4, "-"), (7, "-"), (10, "Tt "), (13, ":"), (16, ":")]),
            let year = number(0..<4), let month = number(5..<7), (1...12).contains(month),
            let day = number(8..<10), (1...31).contains(day), let hour = number(11..<13), hour < 24,
            let minute = number(14..<16), minute < 60, let second = number(17..<19), second < 61
        else { return nil }
        var place = 19
        var fraction = 0.0
        if bytes[place] == UInt8(ascii: ".") {
            var weight = 0.1
            place += 1
            while place < bytes.count, let digit = number(place..<place + 1) {
                fraction += Double(digit) * weight
                weight /= 10
                place += 1
            }
        }
        guard let offset = offset(bytes[place...]) else { return nil }
        let days = days(year: year, month: month, day: day)
        return Double(days * 86_400 + hour * 3600 + minute * 60 + second - offset) + fraction
    }

    /// Seconds east of Greenwich; nil: it is no offset.
    private static func offset(_ bytes: ArraySlice<UInt8>) -> Int64? {
        if bytes.count == 1, bytes.first == UInt8(ascii: "Z") || bytes.first == UInt8(ascii: "z") { return 0 }
        let digits = bytes.map { Int64($0) - Int64(UInt8(ascii: "0")) }
        guard digits.count == 6, bytes[bytes.startIndex + 3] == UInt8(ascii: ":"),
            bytes.first == UInt8(ascii: "+") || bytes.first == UInt8(ascii: "-"),
            [1, 2, 4, 5].allSatisfy({ (0...9).contains(digits[$0]) })
        else { return nil }
        let seconds = (digits[1] * 10 + digits[2]) * 3600 + (digits[4] * 10 + digits[5]) * 60
        return bytes.first == UInt8(ascii: "-") ? -seconds : seconds
    }

    /// The day counted from 1970-01-01; the inverse of `civil`.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// The proleptic Gregorian date of a day counted from 1970-01-01. Works on years that begin in March, so that
    /// the leap day is the last of its year, in eras of 400 years.
    static func civil(day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }
}
