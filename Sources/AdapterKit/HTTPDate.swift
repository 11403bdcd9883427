/// A time as HTTP writes it (RFC 9110, section 5.6.7): in the form of today and in the two that are obsolete.
enum HTTPDate {
    private static let months = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]

    /// Seconds since 1970; nil if it is no such time. Whatever the day of the week is said to be does not count.
    /// - Parameter now: of the same kind: in which century a year of two digits lies.
    static func seconds(_ text: String, now: Int64) -> Int64? {
        guard text.utf8.count <= 64 else { return nil }
        let words = text.lowercased().split { $0 == " " || $0 == "," || $0 == "-" }.map(String.init)
        // "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994".
        guard words.count >= 5 else { return nil }
        let isOldest = months.contains(words[1])
        guard isOldest || words.count == 6 && ["gmt", "utc", "z"].contains(words[5]),
            let month = months.firstIndex(of: isOldest ? words[1] : words[2]),
            let day = number(words[isOldest ? 2 : 1]),
            var year = number(isOldest ? words[4] : words[3]), (1...31).contains(day), (0...9999).contains(year),
            let time = time(isOldest ? words[3] : words[4])
        else { return nil }
        if !isOldest, words[3].count == 2 {
            // Not more than 50 years ahead.
            let present = now / 31_556_952 + 1970
            year += present / 100 * 100
            if year > present + 50 { year -= 100 }
        }
        return days(year, Int64(month) + 1, day) * 86400 + time
    }

    private static func number(_ text: String) -> Int64? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(text) : nil
    }

    private static func time(_ text: String) -> Int64? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { number(String($0)) ?? -1 }
        guard parts.count == 3, (0...23).contains(parts[0]), (0...59).contains(parts[1]), (0...60).contains(parts[2])
        else { return nil }
        return parts[0] * 3600 + parts[1] * 60 + parts[2]
    }

    /// Days from 1970 to a day of the Gregorian calendar.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        // A year that begins in March ends with the day that may be missing.
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let ofEra = year - era * 400
        let ofYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }
}
