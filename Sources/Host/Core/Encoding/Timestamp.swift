/// Wall-clock instants as people and other programs read them.
public enum Timestamp {
    /// The instant in the form of `rfc3339`, or the nearest that has one.
    public static func text(seconds: Double) -> String {
        rfc3339(seconds) ?? (seconds > 0 ? "9999-12-31T23:59:59Z" : "0000-01-01T00:00:00Z")
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
