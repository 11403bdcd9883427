/// Ollama's times are RFC 3339 with a fraction and an offset.
enum CreatedAt {
    /// Unix seconds; 0 if the text is no such time.
    static func seconds(_ text: String?) -> Int64 {
        guard let text, text.utf8.count >= 20 else { return 0 }
        let digits = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int64? { Int64(String(decoding: digits[range], as: UTF8.self)) }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let second = number(17..<19), (1...12).contains(month)
        else { return 0 }
        // Days since 1970-01-01 in the proleptic Gregorian calendar, with years that start in March.
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return days * 86400 + hour * 3600 + minute * 60 + second - offset(digits)
    }

    private static func offset(_ digits: [UInt8]) -> Int64 {
        guard let sign = digits[19...].firstIndex(where: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }),
            digits.count >= sign + 6,
            let hours = Int64(String(decoding: digits[sign + 1..<sign + 3], as: UTF8.self)),
            let minutes = Int64(String(decoding: digits[sign + 4..<sign + 6], as: UTF8.self))
        else { return 0 }
        let seconds = hours * 3600 + minutes * 60
        return digits[sign] == UInt8(ascii: "-") ? -seconds : seconds
    }
}
